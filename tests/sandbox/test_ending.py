"""Who ended a sandbox is known as soon as it has ended, however late its keeper notices."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from grader.errors import GraderError
from grader.lab import Project
from grader.sandbox.bubblewrap import BubblewrapSandbox, LaunchedBubblewrap
from grader.sandbox.cell import Cell
from grader.sandbox.docker import DockerSandbox, container
from grader.sandbox.docker.container import LaunchedContainer
from grader.sandbox.launch import BROKEN, Sandbox

TIMES = 2
GREEDY = "bytearray(1 << 28)"


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
            assert launched.ended_from_outside(closed=True) == "the container was killed"


@pytest.mark.bubblewrap
def test_a_bubblewrap_that_was_killed_was_ended_from_outside_at_once(
    bubblewrap_sandbox: BubblewrapSandbox, project: Project
) -> None:
    for _ in range(TIMES):
        with Cell(bubblewrap_sandbox, project.lab, {}) as cell:
            launched = cell._launched
            assert isinstance(launched, LaunchedBubblewrap)
            launched._process.kill()
            assert launched.ended_from_outside(closed=True) == "it was killed"


def test_a_connection_to_the_worker_that_breaks_is_no_fault_of_the_students(
    isolated_sandbox: Sandbox, project: Project
) -> None:
    """The worker then ends in good order, which nothing inside could make it do."""
    with Cell(isolated_sandbox, project.lab, {}) as cell:
        cell.start().close()
        assert cell._control is not None
        cell._control.close()
        with pytest.raises(GraderError, match=BROKEN):
            cell.end(lost=True)


@pytest.mark.docker
def test_a_way_to_the_engine_that_breaks_is_no_fault_of_the_students(
    attached_docker_sandbox: DockerSandbox, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the network's, where the engine is elsewhere: the container lives on."""
    monkeypatch.setattr(container, "ENDING_SECONDS", 1)
    with Cell(attached_docker_sandbox, project.lab, {}) as cell:
        cell.start().close()
        launched = cell._launched
        assert isinstance(launched, LaunchedContainer)
        assert launched._attached is not None
        launched._attached.stop()
        with pytest.raises(GraderError, match=BROKEN):
            cell.end(lost=True)


@pytest.mark.docker
def test_a_container_that_is_paused_is_no_fault_of_the_students(
    docker_sandbox: DockerSandbox, project: Project
) -> None:
    with Cell(docker_sandbox, project.lab, {}) as cell:
        launched = cell._launched
        assert isinstance(launched, LaunchedContainer)
        assert launched.ended_from_outside(closed=False) is None
        docker_sandbox.own_client().api.pause(launched.id)
        assert launched.ended_from_outside(closed=False) == "the container was paused"


@pytest.mark.docker
def test_an_engine_that_hears_of_a_containers_end_first_still_says_that_memory_ran_out(
    docker_sandbox: DockerSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its state then never says it: seen here once in 150, with six at a time."""
    api = docker_sandbox.own_client().api
    made = api.create_container(
        docker_sandbox.runtime_digest(),
        ["python", "-c", GREEDY],
        network_disabled=True,
        host_config=api.create_host_config(
            mem_limit="32m", memswap_limit="32m", network_mode="none"
        ),
    )
    greedy = LaunchedContainer(docker_sandbox, made["Id"])
    try:
        api.start(greedy.id)
        assert greedy.ended_from_outside(closed=True) is None
        state = greedy._state()
        assert state["OOMKilled"]

        def unheard() -> dict[str, Any]:
            return {**state, "OOMKilled": False}

        monkeypatch.setattr(greedy, "_state", unheard)
        assert greedy.ended_from_outside(closed=True) is None
    finally:
        greedy.stop()
