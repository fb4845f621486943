"""A training that is killed, by its limit or with its grader, leaves no container behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from grader.checks.better_cifar import training
from grader.dataset.files import Dataset
from grader.demo import EXAMPLES, example_files, zip_files
from grader.lab import Project
from grader.model import Outcome
from grader.sandbox.docker import CONTAINER_LABEL
from grader.sandbox.launch import Sandbox

from .conftest import Judge

PATIENCE_SECONDS = 60.0
ENDLESS = """
from layers import CrossEntropyLayer, FullLayer, Sequential, SoftMaxLayer
from layers.dataset import cifar100
(x, y), _ = cifar100(1)
net = Sequential([FullLayer(3072, 4), SoftMaxLayer()], CrossEntropyLayer())
while True:
    try:
        net.fit(x, y, epochs=10**9, lr=1e-9)
    except BaseException:
        pass
"""


@pytest.fixture
def temporary(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder of the test's own, by which its containers are known."""
    tmp_path_factory.getbasetemp()  # Before pytest would put its own folders there.
    folder = Path(tempfile.mkdtemp(prefix="nn-killed-", dir="/tmp"))
    folder.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def containers(temporary: Path) -> list[Any]:
    """Return the containers that were started from here."""
    listed = docker.from_env().containers.list(
        all=True, ignore_removed=True, filters={"label": CONTAINER_LABEL}
    )
    return [
        one
        for one in listed
        if any(str(temporary) in mount["Source"] for mount in one.attrs["Mounts"])
    ]


def is_training(temporary: Path) -> bool:
    """Tell whether a container has been computing for seconds, as only a training does."""
    for one in containers(temporary):
        try:
            shown = one.top(ps_args="-o pid,cputimes")
        except docker.errors.APIError:
            continue
        if any(int(seconds) >= 3 for _, seconds in shown["Processes"]):
            return True
    return False


def wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


@pytest.mark.docker
def test_a_grader_killed_half_way_through_a_training_leaves_no_container_after_the_next_start(
    docker_sandbox: Sandbox, project: Project, dataset: Dataset, temporary: Path, tmp_path: Path
) -> None:
    files = {**example_files(project, EXAMPLES[0]), "better_cifar.py": ENDLESS.encode()}
    archive = tmp_path / "EVE_ENDLESS_LAB3.zip"
    archive.write_bytes(zip_files(files, "EVE_ENDLESS_LAB3"))
    environment = {
        **os.environ,
        "TMPDIR": str(temporary),
        "CIFAR100_DIR": str(dataset.folder),
    }

    def command(item: str) -> list[str]:
        grader = str(Path(sys.executable).with_name("grader"))
        options = ["--sandbox", "docker", "--only", item, "--out", str(tmp_path / "out")]
        return [grader, "grade", str(archive), *options]

    running = subprocess.Popen(
        command("better_cifar"), env=environment, cwd="/", stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: is_training(temporary), "no training was seen")
    finally:
        running.kill()
    assert running.wait() == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    subprocess.run(command("relu"), env=environment, cwd="/", check=True, capture_output=True)
    wait_until(lambda: not containers(temporary), "a container is left")
    left = [path.name for path in temporary.rglob("*")]
    assert left == []


@pytest.mark.docker
def test_a_training_that_will_not_end_at_its_limit_is_killed_with_its_container(
    judge: Judge, docker_sandbox: Sandbox, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "GRACE_SECONDS", 2.0)
    judged = judge(ENDLESS, sandbox=docker_sandbox, cpu_seconds=2.0, wall_seconds=4.0)
    assert judged.result.outcome is Outcome.TIMEOUT, judged.result.feedback
    assert containers(temporary) == []
    assert list(temporary.iterdir()) == []
