"""The collector: a process that has collected the test files, and forks for each submission.

```
grader ─fork─> collector ─fork─> run of one submission ── socket ── its cell
```

The grader asks and the collector answers, one submission after the other. While a run works, the
collector starts the next cell and stops the last one. What a run has learned of host objects goes
on to the runs after it. The collector ends with its grader, in good order: it has cells to stop and
a folder to remove.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import NoReturn

import msgspec

# Loaded here so that each collector and each run finds them in memory.
import numpy as np  # noqa: F401
import numpy.ma  # noqa: F401 - which numpy itself loads when it is first needed
import pytest

from grader.bridge.foreseen import Asked
from grader.checks.case_run import Answer, Ours, Request, run_cases
from grader.checks.collection import Collection, Student, last_lines
from grader.checks.foresight import Foresight
from grader.errors import GraderError
from grader.lab import Project
from grader.model import Suite
from grader.sandbox.ahead import CellsAhead
from grader.sandbox.cell import Cell
from grader.sandbox.launch import Sandbox
from grader.sandbox.leftovers import temporary_prefix
from grader.sandbox.lifetime import end_with

ENDING_SECONDS = 20.0
"""How long a collector may take to stop its cells."""
ENDING_PAUSE = 0.005
IDLE_SECONDS = 0.2
"""After so long without a request, used cells are stopped."""
LOG = "run.log"
_learned = msgspec.msgpack.Decoder(dict[str, Asked])


class Subject(msgspec.Struct, frozen=True):
    """What a collector has collected, and where its runs put the student's code.

    Attributes
    ----------
    project : Project
        Where the tests are, and the lab's settings.
    sandbox : Sandbox
        Where the student's code runs.
    items : tuple of str
        Rubric items.
    suites : tuple of Suite
        Public, hidden, or both; or siblings.
    only : str or None
        A sibling to run alone.
    """

    project: Project
    sandbox: Sandbox
    items: tuple[str, ...]
    suites: tuple[Suite, ...]
    only: str | None = None


class Collector:
    """Starts a collector, asks it, and ends it.

    Parameters
    ----------
    subject : Subject
        What to collect.
    run_seconds : float
        After so long a run is stuck for a reason that is not the student's.
    ahead : bool
        Whether more than one request is to be expected, so that a cell is started ahead.

    Attributes
    ----------
    process : int
        Its number.
    failed : bool
        Whether its last answer was an error of the grader's: it is not to be asked again.

    Raises
    ------
    OSError
        If no process can be made.
    """

    def __init__(self, subject: Subject, run_seconds: float, ahead: bool) -> None:
        self._run_seconds = run_seconds
        self.failed = False
        self._connection, theirs = multiprocessing.Pipe()
        grader = os.getpid()
        self.process = os.fork()
        if self.process == 0:
            self._connection.close()
            _Server(subject, run_seconds, ahead, theirs).serve_and_exit(grader)
        theirs.close()

    def ask(self, request: Request) -> Answer:
        """Have a request run and return what came of it.

        Raises
        ------
        EOFError, OSError
            If the collector has ended without an answer.
        """
        self._connection.send_bytes(msgspec.msgpack.encode(request))
        if not self._connection.poll(self._run_seconds + ENDING_SECONDS):
            raise EOFError
        answer = msgspec.msgpack.decode(self._connection.recv_bytes(), type=Answer)
        self.failed = answer.error is not None
        return answer

    def close(self) -> None:
        """End the collector and wait until it has cleared away what is its own."""
        self._connection.close()
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.process, signal.SIGTERM)
            until = time.monotonic() + ENDING_SECONDS
            while os.waitpid(self.process, os.WNOHANG) == (0, 0):
                if time.monotonic() > until:
                    os.kill(self.process, signal.SIGKILL)
                time.sleep(ENDING_PAUSE)


class _Ended(BaseException):
    """The collector is to end."""


class _Server:
    """The collector's own side."""

    def __init__(
        self, subject: Subject, run_seconds: float, ahead: bool, connection: Connection
    ) -> None:
        self._subject = subject
        self._run_seconds = run_seconds
        self._ahead = ahead
        self._connection = connection
        self._student = Student()
        self._foresight = Foresight()
        self._ending = False
        self._waiting = False

    def serve_and_exit(self, grader: int) -> NoReturn:
        """Collect and serve until the grader ends or has no more to ask."""
        try:
            signal.signal(signal.SIGTERM, self._end)
            # Whoever presses Ctrl-C means the grader, which ends this.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            end_with(grader, by=signal.SIGTERM)
            with (
                suppress(_Ended),
                tempfile.TemporaryDirectory(prefix=temporary_prefix("tests")) as name,
            ):
                self._serve_in(Path(name))
        except OSError as problem:
            self._refuse(_not_started(problem))
        finally:
            os._exit(0)

    def _serve_in(self, place: Path) -> None:
        self._place = place
        subject = self._subject
        layers = self._student.packages(subject.project.lab.classes)
        collection = Collection(
            subject.project, subject.items, subject.suites, layers, self._serve, subject.only
        )
        problem = collection.collect(place, "--tb=no")
        if problem is not None:
            self._refuse(_failure(problem.what, problem.do))

    def _refuse(self, answer: bytes) -> None:
        """Answer the request that comes, or has come, with an error of the grader's."""
        with suppress(_Ended, OSError, EOFError):
            self._wait_for(self._connection)
            self._connection.recv_bytes()
            self._connection.send_bytes(answer)

    def _serve(self, session: pytest.Session) -> None:
        """Serve requests; called by pytest where it would run the tests."""
        with CellsAhead(self._subject.sandbox, self._subject.project.lab) as cells:
            while True:
                # Used cells are stopped while the next run works, or now if there is none yet.
                if not self._connection.poll(IDLE_SECONDS):
                    cells.stop_used()
                self._wait_for(self._connection)
                try:
                    request = msgspec.msgpack.decode(self._connection.recv_bytes(), type=Request)
                except EOFError:
                    return
                try:
                    answer = self._answer(session, request, cells)
                except OSError as problem:
                    answer = _not_started(problem)
                try:
                    self._connection.send_bytes(answer)
                except BrokenPipeError:
                    return

    def _answer(self, session: pytest.Session, request: Request, cells: CellsAhead) -> bytes:
        self._foresight.under(request.seed)
        cell = cells.take()
        answers, theirs = multiprocessing.Pipe(duplex=False)
        collector = os.getpid()
        process = os.fork()
        if process == 0:
            answers.close()
            self._run_and_exit(session, request, cell, theirs, collector)
        theirs.close()
        cell.hand_to_fork()
        try:
            cells.stop_used()
            if self._ahead:
                cells.prepare()
            in_time = self._wait_for(answers, self._run_seconds)
            if not in_time:
                return self._ended_early(None)
            self._foresight.learn(_learned.decode(answers.recv_bytes()))
            return answers.recv_bytes()
        except EOFError:
            _, status = os.waitpid(process, 0)
            return self._ended_early(os.waitstatus_to_exitcode(status))
        finally:
            answers.close()
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
            cells.retire(cell)

    def _run_and_exit(
        self,
        session: pytest.Session,
        request: Request,
        cell: Cell,
        answer: Connection,
        collector: int,
    ) -> NoReturn:
        """Run a request in this fork."""
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            end_with(collector)
            self._connection.close()
            log = os.open(self._place / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            lab = self._subject.project.lab
            ran = run_cases(session, self._student, cell, request, lab, self._foresight)
            answer.send_bytes(msgspec.msgpack.encode(ran.learned))
            answer.send_bytes(msgspec.msgpack.encode(ran.answer))
        except GraderError as error:
            answer.send_bytes(msgspec.msgpack.encode({}))
            answer.send_bytes(_failure(error.what, error.do))
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)

    def _ended_early(self, exit_code: int | None) -> bytes:
        return _failure(
            f"The layer tests did not run to their end (process {exit_code}): "
            f"{last_lines(self._place / LOG)}",
            "Mend the test files if they are named here; else grade again.",
        )

    def _wait_for(self, connection: Connection, seconds: float | None = None) -> bool:
        """Wait until there is something to receive; False if there is nothing in time."""
        self._waiting = True
        try:
            if self._ending:
                raise _Ended
            return connection.poll(seconds)
        finally:
            self._waiting = False

    def _end(self, number: int, frame: FrameType | None) -> None:
        """End as soon as nothing is under way that would be lost track of."""
        self._ending = True
        if self._waiting:
            raise _Ended


def _not_started(problem: OSError) -> bytes:
    return _failure(
        f"The layer tests could not be started ({problem.strerror}).",
        f"Make room in {tempfile.gettempdir()}, or free processes, and grade again.",
    )


def _failure(what: str, do: str) -> bytes:
    return msgspec.msgpack.encode(Answer(error=Ours(what, do)))
