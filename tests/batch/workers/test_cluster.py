"""`grader batch --scheduler`: two real workers of Dask, one of them killed in the middle."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.demo import EXAMPLES, example_files, zip_files
from grader.lab import Project
from grader.sandbox.launch import Sandbox
from tests.batch.test_batch_command import START, command, environment, results, run

HURRIED = (
    "from grader.batch.workers import cluster\n"
    "cluster.CONNECT_SECONDS = cluster.ARRIVAL_SECONDS = 1.0\n" + START
)
"""Starts the grader with little patience, where nobody will come."""
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def archives(project: Project, tmp_path: Path) -> Path:
    return write_archives(project, tmp_path / "handed in", "ABCDEF")


def write_archives(project: Project, folder: Path, letters: str) -> Path:
    folder.mkdir()
    for n, letter in enumerate(letters):
        name = f"STUDENT_NUMBER{letter}_LAB3"
        files = example_files(project, EXAMPLES[n % 6])
        (folder / f"{name}.zip").write_bytes(zip_files(files, name))
    return folder


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start one of Dask's commands; all are ended when the test is."""
    started: list[subprocess.Popen[bytes]] = []

    def one(*words: str, **variables: str) -> subprocess.Popen[bytes]:
        cache = str(tmp_path / f"cache-{len(started)}")
        with (tmp_path / f"dask-{len(started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *words],
                env={**os.environ, "XDG_CACHE_HOME": cache, **variables},
                stdout=log,
                stderr=log,
                cwd=tmp_path,
            )
        started.append(process)
        return process

    yield one
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def scheduler(start: Start, tmp_path: Path) -> str:
    return start_scheduler(start, tmp_path, "127.0.0.1")


def start_scheduler(start: Start, tmp_path: Path, host: str, **variables: str) -> str:
    file = tmp_path / "scheduler.json"
    words = ("--host", host, "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    start("scheduler", *words, **variables)
    deadline = time.monotonic() + 60
    while not file.exists() or not file.read_text():
        assert time.monotonic() < deadline, (tmp_path / "dask-0.log").read_text()
        time.sleep(0.1)
    address: str = json.loads(file.read_text())["address"]
    return address


def start_worker(start: Start, scheduler: str, **variables: str) -> subprocess.Popen[bytes]:
    host = scheduler.rpartition(":")[0].removeprefix("tcp://")
    words = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", host)
    return start("worker", scheduler, *words, **variables)


def checkout(project: Project, place: Path) -> Path:
    """Copy all that grades."""
    for name in ("docker", "grader", "hidden_tests", "reference", "student_template"):
        shutil.copytree(project.root / name, place / name)
    shutil.copy(project.root / "lab.toml", place)
    return place


def test_a_killed_worker_s_submissions_are_graded_elsewhere(
    archives: Path, start: Start, scheduler: str, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    assert run(archives, here, tmp_path / "own cache").returncode == 0
    workers = [start_worker(start, scheduler) for _ in range(2)]
    go_on = threading.Timer(30, workers[1].send_signal, (signal.SIGCONT,))
    said = []
    with subprocess.Popen(
        command(archives, tmp_path / "there", "--scheduler", scheduler),
        env=environment(tmp_path / "other cache"),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stderr or ():
            said.append(line)
            if line.startswith("1/6"):
                # Workers are counted now and then, and the other could be done before that.
                workers[1].send_signal(signal.SIGSTOP)
                workers[0].send_signal(signal.SIGKILL)
                go_on.start()
            elif "is lost" in line:
                workers[1].send_signal(signal.SIGCONT)
    go_on.cancel()
    assert process.returncode == 0, said
    assert any("is lost; others take over" in line for line in said), said
    assert results(tmp_path / "there") == results(here)


def test_a_worker_that_would_grade_otherwise_is_refused_by_name(
    project: Project, archives: Path, start: Start, scheduler: str, tmp_path: Path
) -> None:
    older = checkout(project, tmp_path / "older checkout")
    with (older / "grader" / "scoring.py").open("a") as file:
        file.write("# points were counted otherwise\n")
    start_worker(start, scheduler, PYTHONPATH=str(older))
    wait_for("Registered to", tmp_path / "dask-1.log")
    words = ("--scheduler", scheduler)
    alone = run(archives, tmp_path / "there", tmp_path / "cache", *words, start=HURRIED)
    # Nothing was graded, rather than otherwise.
    assert alone.returncode == 3
    assert "is refused: it differs in the grader's own sources (" in alone.stderr
    assert "has no worker that can be used" in alone.stderr
    assert not list((tmp_path / "there").glob("submissions/*"))
    start_worker(start, scheduler)
    beside = run(archives, tmp_path / "there", tmp_path / "cache", *words, only="structure")
    assert beside.returncode == 0, beside.stderr
    assert "is refused" in beside.stderr
    assert "grading on 1 workers with 1 threads" in beside.stderr


def test_without_a_scheduler_it_says_so(archives: Path, tmp_path: Path) -> None:
    words = ("--scheduler", "tcp://127.0.0.1:1")
    done = run(archives, tmp_path / "out", tmp_path / "cache", *words, start=HURRIED)
    assert done.returncode == 2
    assert "There is no Dask scheduler at tcp://127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def certificates(tmp_path: Path) -> dict[str, str]:
    """One certificate for all, as variables that Dask reads."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=grader"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    start = "DASK_DISTRIBUTED__COMM__"
    variables = {
        f"{start}REQUIRE_ENCRYPTION": "True",
        f"{start}TLS__CA_FILE": str(certificate),
    }
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        variables[f"{start}TLS__{role}__CERT"] = str(certificate)
        variables[f"{start}TLS__{role}__KEY"] = str(key)
    return variables


@pytest.mark.docker
def test_over_tls_workers_grade_in_docker_and_one_without_the_image_is_refused(
    project: Project,
    docker_sandbox: Sandbox,
    certificates: dict[str, str],
    start: Start,
    tmp_path: Path,
) -> None:
    source, out = write_archives(project, tmp_path / "handed in", "AB"), tmp_path / "out"
    scheduler = start_scheduler(start, tmp_path, "tls://127.0.0.1", **certificates)
    assert scheduler.startswith("tls://")
    older = checkout(project, tmp_path / "older checkout")
    with (older / "docker" / "Dockerfile").open("a") as file:
        file.write("# another image\n")
    start_worker(start, scheduler, PYTHONPATH=str(older), **certificates)
    for _ in range(2):
        start_worker(start, scheduler, **certificates)
    words = ("--sandbox", "docker", "--scheduler", scheduler)
    bare = run(source, out, tmp_path / "cache", *words)
    assert bare.returncode == 2
    assert f"{scheduler} wants certificates, and Dask is told of none here." in bare.stderr
    assert "Traceback" not in bare.stderr
    for number in (1, 2, 3):
        wait_for("Registered to", tmp_path / f"dask-{number}.log")
    done = subprocess.run(
        command(source, out, *words),
        env={**environment(tmp_path / "cache"), **certificates},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"worker tls://\S+ is refused: .*image.* is not", done.stderr), done.stderr
    assert "grading on 2 workers with 2 threads" in done.stderr
    graded = results(out)
    assert [graded[f"STUDENT_NUMBER{letter}"]["score"] for letter in "AB"] == [35.0, 10.0]
    for report in graded.values():
        assert report["sandbox"]["kind"] == "docker"
        assert report["sandbox"]["image_digest"] == docker_sandbox.runtime_digest()


def wait_for(text: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while text not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
