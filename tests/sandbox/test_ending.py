"""Who ended a sandbox is known as soon as it has ended, however late its keeper notices."""

from __future__ import annotations

import os
import signal

import pytest

from grader.lab import Project
from grader.sandbox.bubblewrap import BubblewrapSandbox, LaunchedBubblewrap
from grader.sandbox.cell import Cell
from grader.sandbox.docker import DockerSandbox
from grader.sandbox.docker.container import LaunchedContainer

TIMES = 3


@pytest.mark.docker
def test_a_container_whose_worker_was_killed_was_ended_from_outside_at_once(
    docker_sandbox: DockerSandbox, project: Project
) -> None:
    """Nobody tells the daemon, as `docker kill` would: it finds out."""
    for _ in range(TIMES):
        with Cell(docker_sandbox, project.lab, {}) as cell:
            launched = cell._launched
            assert isinstance(launched, LaunchedContainer)
            os.kill(launched._state()["Pid"], signal.SIGKILL)
            assert launched.ended_from_outside() == "the container was killed"


@pytest.mark.bubblewrap
def test_a_bubblewrap_that_was_killed_was_ended_from_outside_at_once(
    bubblewrap_sandbox: BubblewrapSandbox, project: Project
) -> None:
    for _ in range(TIMES):
        with Cell(bubblewrap_sandbox, project.lab, {}) as cell:
            launched = cell._launched
            assert isinstance(launched, LaunchedBubblewrap)
            launched._process.kill()
            assert launched.ended_from_outside() == "it was killed"
