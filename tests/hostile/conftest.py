"""Fixtures of the hostile tests: a sandbox that is watched, and proof that nothing is left."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from grader import owner
from grader.lab import Limits
from grader.sandbox.cgroup import Places
from grader.sandbox.docker import CONTAINER_LABEL
from grader.sandbox.launch import Launched, Sandbox


@dataclass(frozen=True)
class Launch:
    """One launch of a worker: by which process of the grader's, and with which token."""

    grader: str
    token: str


class WatchedSandbox:
    """A sandbox that writes down every launch, also those in the forks that run the tests."""

    def __init__(self, watched: Sandbox, log: Path) -> None:
        self._watched = watched
        self._log = log
        log.touch()
        self.kind = watched.kind
        self.isolated = watched.isolated
        self.forkable = watched.forkable
        self.uid = watched.uid
        self.mechanisms = watched.mechanisms

    def runtime_digest(self) -> str | None:
        return self._watched.runtime_digest()

    def remove_leftovers(self) -> list[str]:
        return self._watched.remove_leftovers()

    def launch(self, bridge: Path, token: str, limits: Limits) -> Launched:
        with self._log.open("a") as log:
            log.write(f"{owner.own_name()} {token}\n")
        return self._watched.launch(bridge, token, limits)

    def launches(self) -> list[Launch]:
        words = [line.split() for line in self._log.read_text().splitlines()]
        return [Launch(*line) for line in words]


@pytest.fixture(scope="session")
def temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the grader puts its temporary folders meanwhile: nobody else's are among them.

    Not pytest's: the sandbox's user must be able to pass through, and a socket's path is short.
    """
    tmp_path_factory.getbasetemp()
    folder = Path(tempfile.mkdtemp(prefix="nn-hostile-"))
    folder.chmod(0o755)
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    yield folder
    tempfile.tempdir = before
    shutil.rmtree(folder)


@pytest.fixture
def watched(
    isolated_sandbox: Sandbox, temporary_folder: Path, tmp_path: Path
) -> Iterator[WatchedSandbox]:
    """Each sandbox that isolates; afterwards nothing of what was launched may be left."""
    with _watch(isolated_sandbox, temporary_folder, tmp_path) as watched:
        yield watched


@pytest.fixture
def watched_process(
    process_sandbox: Sandbox, temporary_folder: Path, tmp_path: Path
) -> Iterator[WatchedSandbox]:
    """The plain process; afterwards nothing of what was launched may be left."""
    with _watch(process_sandbox, temporary_folder, tmp_path) as watched:
        yield watched


@pytest.fixture
def watched_attached(
    attached_docker_sandbox: Sandbox, temporary_folder: Path, tmp_path: Path
) -> Iterator[WatchedSandbox]:
    """Docker as if on another machine; afterwards nothing of what was launched may be left."""
    with _watch(attached_docker_sandbox, temporary_folder, tmp_path) as watched:
        yield watched


@contextmanager
def _watch(sandbox: Sandbox, temporary_folder: Path, tmp_path: Path) -> Iterator[WatchedSandbox]:
    watched = WatchedSandbox(sandbox, tmp_path / "launches")
    yield watched
    launches = watched.launches()
    assert launches, "nothing was launched"
    assert list(temporary_folder.iterdir()) == []
    assert _processes(launches) == []
    assert _containers(launches, sandbox) == []
    assert _groups(launches) == []
    assert str(temporary_folder) not in Path("/proc/net/unix").read_text()
    assert str(temporary_folder) not in Path("/proc/self/mounts").read_text()


def _processes(launches: list[Launch], patience: float = 30.0) -> list[str]:
    """Return the command lines of workers and their forks that live on.

    The kernel ends a namespace's processes a moment after its first one.
    """
    tokens = [launch.token.encode() for launch in launches]
    deadline = time.monotonic() + patience
    while True:
        left = [line for line in _command_lines() if any(token in line for token in tokens)]
        if not left or time.monotonic() > deadline:
            return [line.decode(errors="replace") for line in left]
        time.sleep(0.05)


def _command_lines() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes()
        except OSError:
            continue


def _groups(launches: list[Launch]) -> list[str]:
    """Return the control groups of these launches that are still there."""
    return [
        str(folder)
        for place in Places.find().of.values()
        for launch in launches
        for folder in place.folder.glob(f"*{launch.grader}*")
    ]


def _containers(launches: list[Launch], sandbox: Sandbox) -> list[str]:
    if sandbox.kind != "docker":
        return []
    client = docker.from_env()
    try:
        return [
            str(container.name)
            for name in {launch.grader for launch in launches}
            for container in client.containers.list(
                all=True, filters={"label": f"{CONTAINER_LABEL}={name}"}
            )
        ]
    finally:
        client.close()
