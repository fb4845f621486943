"""Cells ahead of need: one at most, used once, and stopped whether they were used or not."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from grader.errors import GraderError
from grader.lab import Limits, Project
from grader.sandbox.ahead import CellsAhead
from grader.sandbox.docker import DockerSandbox
from grader.sandbox.docker.container import LaunchedContainer
from grader.sandbox.launch import Sandbox
from grader.sandbox.process import LaunchedProcess, ProcessSandbox


class Counted(ProcessSandbox):
    """Plain processes that may pass for something that forks can use, and counts them."""

    forkable = True

    def __init__(self, broken: Exception | None = None) -> None:
        self.started = self.stopped = 0
        self.broken = broken

    def launch(self, bridge: Path, token: str, limits: Limits) -> LaunchedProcess:
        if self.broken is not None:
            raise self.broken
        self.started += 1
        launched = super().launch(bridge, token, limits)
        stop = launched.stop
        counted: list[bool] = []

        def stopped() -> None:
            if not counted:
                counted.append(True)
                self.stopped += 1
            stop()

        launched.stop = stopped  # type: ignore[method-assign]
        return launched


def test_one_cell_waits_and_is_stopped_if_nobody_takes_it(project: Project) -> None:
    sandbox = Counted()
    with CellsAhead(sandbox, project.lab) as cells:
        cells.prepare()
        cells.prepare()
        assert (sandbox.started, sandbox.stopped) == (1, 0)
    assert sandbox.stopped == 1


def test_a_cell_that_was_taken_is_never_given_again(project: Project) -> None:
    sandbox = Counted()
    with CellsAhead(sandbox, project.lab) as cells:
        cells.prepare()
        first = cells.take()
        assert first.is_open
        assert not cells.take().is_open
        cells.prepare()
        second = cells.take()
        assert second is not first
        for cell in (first, second):
            cells.retire(cell)
        cells.stop_used()
        assert (sandbox.started, sandbox.stopped) == (2, 2)


@pytest.mark.parametrize(
    "broken",
    [
        GraderError("It does not start.", "Mend it."),
        OSError(errno.EMFILE, "It does not start"),
    ],
)
def test_a_cell_that_does_not_start_ahead_is_tried_by_whoever_needs_one(
    broken: Exception, project: Project
) -> None:
    """It is no concern of the run beside which it was to be started."""
    with CellsAhead(Counted(broken), project.lab) as cells:
        cells.prepare()
        with pytest.raises(type(broken), match="does not start"):
            cells.take().open()


def test_nothing_is_started_ahead_that_forks_cannot_use(
    process_sandbox: Sandbox, project: Project
) -> None:
    with CellsAhead(process_sandbox, project.lab) as cells:
        cells.prepare()
        assert not cells.take().is_open


def test_an_empty_cell_that_has_ended_meanwhile_is_replaced(project: Project) -> None:
    sandbox = Counted()
    with CellsAhead(sandbox, project.lab) as cells:
        cells.prepare()
        cell = cells.take()
        assert cell._launched is not None
        cell._launched._process.kill()  # type: ignore[attr-defined]
        cell.fill({"layers/full.py": b"x = 1\n"})
        assert sandbox.started == 2
        cell.close()


@pytest.mark.docker
def test_a_fork_uses_and_judges_a_container_that_its_parent_started(
    docker_sandbox: DockerSandbox, project: Project
) -> None:
    with CellsAhead(docker_sandbox, project.lab) as cells:
        cells.prepare()
        cell = cells.take()
        launched = cell._launched
        assert isinstance(launched, LaunchedContainer)
        child = os.fork()
        if child == 0:
            try:
                cell.fill({"layers/full.py": b"x = 1\n"})
                cell.start().close()
                assert cell.end().signal == 0
                docker_sandbox.own_client().api.kill(launched.id)
                assert launched.ended_from_outside(closed=True) == "the container was killed"
                os._exit(0)
            finally:
                os._exit(1)
        cell.hand_to_fork()
        assert os.waitpid(child, 0)[1] == 0
        cells.retire(cell)
    names = [one["Id"] for one in docker_sandbox.own_client().api.containers(all=True)]
    assert launched.id not in names
