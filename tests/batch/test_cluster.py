"""`grader batch --scheduler`: two real workers of Dask, one of them killed in the middle."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.demo import EXAMPLES, example_files, zip_files
from grader.lab import Project
from tests.batch.test_batch_command import command, environment, results, run

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def archives(project: Project, tmp_path: Path) -> Path:
    folder = tmp_path / "handed in"
    folder.mkdir()
    for n, letter in enumerate("ABCDEFGH"):
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
    file = tmp_path / "scheduler.json"
    start(
        "scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
        "--scheduler-file",
        str(file),
    )
    deadline = time.monotonic() + 60
    while not file.exists() or not file.read_text():
        assert time.monotonic() < deadline, (tmp_path / "dask-0.log").read_text()
        time.sleep(0.1)
    address: str = json.loads(file.read_text())["address"]
    return address


def start_worker(start: Start, scheduler: str, **variables: str) -> subprocess.Popen[bytes]:
    words = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
    return start("worker", scheduler, *words, **variables)


def test_a_killed_worker_s_submissions_are_graded_elsewhere(
    archives: Path, start: Start, scheduler: str, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    assert run(archives, here, tmp_path / "own cache").returncode == 0
    workers = [start_worker(start, scheduler) for _ in range(2)]
    said = []
    with subprocess.Popen(
        command(archives, tmp_path / "there", "--scheduler", scheduler),
        env=environment(tmp_path / "other cache"),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stderr or ():
            said.append(line)
            if line.startswith("2/8"):
                workers[0].send_signal(signal.SIGKILL)
    assert process.returncode == 0, said
    assert any("is lost; others take over" in line for line in said), said
    assert results(tmp_path / "there") == results(here)


def test_a_worker_that_would_grade_otherwise_is_refused_by_name(
    project: Project, archives: Path, start: Start, scheduler: str, tmp_path: Path
) -> None:
    older = tmp_path / "older checkout"
    for name in ("grader", "hidden_tests", "reference", "student_template"):
        shutil.copytree(project.root / name, older / name)
    shutil.copy(project.root / "lab.toml", older)
    with (older / "grader" / "scoring.py").open("a") as file:
        file.write("# points were counted otherwise\n")
    start_worker(start, scheduler, PYTHONPATH=str(older))
    only = ("--scheduler", scheduler, "--only", "structure")
    alone = run(archives, tmp_path / "there", tmp_path / "cache", *only)
    # Nothing was graded, rather than otherwise.
    assert alone.returncode == 3
    assert "is refused: it differs in the grader's own sources (" in alone.stderr
    assert "has no worker that can be used" in alone.stderr
    assert not list((tmp_path / "there").glob("submissions/*"))
    start_worker(start, scheduler)
    beside = run(archives, tmp_path / "there", tmp_path / "cache", *only)
    assert beside.returncode == 0, beside.stderr
    assert "is refused" in beside.stderr
    assert "grading on 1 workers with 1 threads" in beside.stderr


def test_without_a_scheduler_it_says_so(archives: Path, tmp_path: Path) -> None:
    done = run(archives, tmp_path / "out", tmp_path / "cache", "--scheduler", "tcp://127.0.0.1:1")
    assert done.returncode == 2
    assert "There is no Dask scheduler at tcp://127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr
