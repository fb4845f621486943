"""Collects the test files once, and runs each implementation in a fork made after that.

Processes: the caller; a collector, which holds the pytest session; and for each job a fork of the
collector, so that nothing of one implementation reaches the next. A fork leaves its answer in the
collector's temporary folder, as `<number>.answer`; the collector hands it to the caller.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
import tempfile
import traceback
from collections.abc import Generator, Sequence
from pathlib import Path
from types import FrameType
from typing import BinaryIO, NoReturn

import msgspec
import numpy.ma  # noqa: F401 - loaded before the forks: numpy's own `unique` loads it when called
import pytest

from grader.checks.case_plugin import CASE, CasePlugin
from grader.checks.case_run import make_session
from grader.checks.collection import Collection, Student
from grader.errors import GraderError
from grader.lab import Lab, Project
from grader.model import Suite
from grader.sandbox.cell import Cell
from grader.sandbox.launch import Sandbox
from grader.sandbox.leftovers import remove_leftovers, temporary_prefix
from grader.sandbox.lifetime import end_with
from grader.suite import stand_ins
from grader.suite.observation import Job, Observation
from grader.suite.seed_loop import SeedLoop

HEADER = struct.Struct("!IQ")
"""Before each answer: the job's number, and how many bytes follow."""

Answer = tuple[Observation, ...] | str
"""What was seen, or why the cases could not be run."""


def run_jobs(
    jobs: Sequence[Job],
    project: Project,
    sandbox: Sandbox | None,
    at_once: int,
    suites: Sequence[Suite],
) -> Generator[tuple[int, Answer], None, None]:
    """Run jobs and yield the number of each with its answer, as they end.

    Parameters
    ----------
    jobs : sequence of Job
    project : Project
        Where the tests are.
    sandbox : Sandbox or None
        Where the implementations run; None for in-process, for the project's own code alone.
    at_once : int
        How many to run at once.
    suites : sequence of Suite
        Public and hidden ones, or siblings, whose options would clash with those of hidden ones.
    """
    readable, writable = os.pipe()
    caller = os.getpid()
    collector = os.fork()
    if collector == 0:
        os.close(readable)
        _collect_and_exit(_Collector(jobs, project, sandbox, at_once, suites), writable, caller)
    os.close(writable)
    try:
        with os.fdopen(readable, "rb") as stream:
            while header := stream.read(HEADER.size):
                number, size = HEADER.unpack(header)
                yield number, _decode(stream.read(size))
    finally:
        os.kill(collector, signal.SIGTERM)
        os.waitpid(collector, 0)


def _decode(answer: bytes) -> Answer:
    try:
        return msgspec.msgpack.decode(answer, type=tuple[Observation, ...] | str)
    except msgspec.DecodeError:
        return "the process that ran them ended early"


def _collect_and_exit(collector: _Collector, writable: int, caller: int) -> NoReturn:
    try:
        signal.signal(signal.SIGTERM, _end)
        # Whoever presses Ctrl-C means the caller, which ends this.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        end_with(caller, by=signal.SIGTERM)
        with (
            os.fdopen(writable, "wb") as tell,
            tempfile.TemporaryDirectory(prefix=temporary_prefix("observe")) as name,
        ):
            collector.run(Path(name), tell)
    finally:
        os._exit(0)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit


class _Collector:
    """Runs jobs in forks made after the test files were collected."""

    def __init__(
        self,
        jobs: Sequence[Job],
        project: Project,
        sandbox: Sandbox | None,
        at_once: int,
        suites: Sequence[Suite],
    ) -> None:
        self._jobs = jobs
        self._project = project
        self._sandbox = sandbox
        self._at_once = at_once
        self._suites = suites
        self._student = Student()
        self._imports: stand_ins.Imports | None = None

    def run(self, place: Path, tell: BinaryIO) -> None:
        """Collect, and tell the answer of each job."""
        self._place, self._tell = place, tell
        classes = self._project.lab.classes
        layers = (
            stand_ins.packages(classes)
            if self._sandbox is None
            else self._student.packages(classes)
        )
        items = self._project.lab.test_items
        collection = Collection(self._project, items, self._suites, layers, self._run_jobs)
        problem = collection.collect(place, "--tb=line")
        if problem is not None:
            self._tell_answer(0, msgspec.msgpack.encode(str(problem)))

    def _run_jobs(self, session: pytest.Session) -> None:
        if self._sandbox is None:
            self._imports = stand_ins.Imports()
        waiting, running = list(reversed(range(len(self._jobs)))), dict[int, int]()
        try:
            while waiting or running:
                while waiting and len(running) < self._at_once:
                    number = waiting.pop()
                    # What a handler raises while a process forks is lost, or comes before the
                    # fork is known to be running: it would go on alone.
                    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
                    collector = os.getpid()
                    process = os.fork()
                    if process == 0:
                        self._answer_and_exit(number, session, collector)
                    running[process] = number
                    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
                process, _ = os.wait()
                number = running.pop(process)
                answer = self._answer_file(number)
                self._tell_answer(number, answer.read_bytes() if answer.exists() else b"")
        finally:
            for process in running:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
            if running and self._sandbox is not None:
                # Their cells are leftovers now.
                remove_leftovers(self._sandbox)

    def _tell_answer(self, number: int, answer: bytes) -> None:
        self._tell.write(HEADER.pack(number, len(answer)) + answer)
        self._tell.flush()

    def _answer_file(self, number: int) -> Path:
        return self._place / f"{number}.answer"

    def _answer_and_exit(self, number: int, session: pytest.Session, collector: int) -> NoReturn:
        try:
            end_with(collector)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            os.close(self._tell.fileno())
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            answer: Answer
            try:
                job = self._jobs[number]
                chosen = [item for item in session.items if item.stash[CASE].item in job.items]
                if self._sandbox is None:
                    answer = self._in_process(number, chosen, session)
                else:
                    answer = self._across(self._sandbox, job, chosen, session)
            except GraderError as error:
                answer = str(error)
            except Exception:
                answer = traceback.format_exc().strip()[-600:]
            self._answer_file(number).write_bytes(msgspec.msgpack.encode(answer))
        finally:
            os._exit(0)

    def _in_process(
        self,
        number: int,
        chosen: Sequence[pytest.Item],
        session: pytest.Session,
    ) -> Answer:
        job, root = self._jobs[number], self._place / f"implementation-{number}"
        for path, content in job.files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(root))
        if self._imports is not None:
            self._imports.bind()
        loop = SeedLoop(chosen, job, self._project.lab.suite.version, None)
        session.config.pluginmanager.register(loop)
        return loop.run(session)

    def _across(
        self,
        sandbox: Sandbox,
        job: Job,
        chosen: list[pytest.Item],
        session: pytest.Session,
    ) -> Answer:
        lab = _lab_for(len(job.seeds), self._project.lab)
        with Cell(sandbox, lab, job.files) as cell:
            student = self._student.session = make_session(cell, lab)
            plugin = CasePlugin(student, lab, 0)
            loop = SeedLoop(chosen, job, lab.suite.version, plugin)
            for each in (plugin, loop):
                session.config.pluginmanager.register(each)
            observed = loop.run(session)
            student.end_item()
        return str(plugin.error) if plugin.error is not None else observed


def _lab_for(seeds: int, lab: Lab) -> Lab:
    """Give an item its time for each seed; what it may lose of processes stays."""
    limits = msgspec.structs.replace(lab.limits, item_seconds=lab.limits.item_seconds * seeds)
    return msgspec.structs.replace(lab, limits=limits)
