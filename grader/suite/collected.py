"""Collects the test files once, and runs each implementation in a fork made after that.

Processes: the caller; a collector, which holds the pytest session; and for each job a fork of the
collector, so that nothing of one implementation reaches the next. A fork leaves its answer in the
collector's temporary folder, as `<number>.answer`; the collector hands it to the caller.
"""

from __future__ import annotations

import gc
import os
import signal
import struct
import sys
import tempfile
import traceback
import warnings
from collections.abc import Generator, Sequence
from pathlib import Path
from types import FrameType
from typing import BinaryIO, NoReturn

import msgspec
import numpy as np  # noqa: F401 - loaded before the forks
import pytest
import pytest_jsonreport.plugin  # noqa: F401

from grader.checks.case_plugin import CASE, CasePlugin, describe_case
from grader.checks.layer_tests import make_session
from grader.checks.pytest_session import session_arguments, test_folders
from grader.errors import GraderError
from grader.lab import Lab, Project
from grader.model import Suite
from grader.sandbox.cell import Cell
from grader.sandbox.launch import Sandbox
from grader.sandbox.leftovers import temporary_prefix
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
    collector = os.fork()
    if collector == 0:
        os.close(readable)
        _collect_and_exit(_Collector(jobs, project, sandbox, at_once, suites), writable)
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


def _collect_and_exit(collector: _Collector, writable: int) -> NoReturn:
    try:
        signal.signal(signal.SIGTERM, _end)
        with (
            os.fdopen(writable, "wb") as tell,
            tempfile.TemporaryDirectory(prefix=temporary_prefix("observe")) as name,
        ):
            output = os.open(Path(name) / "output", os.O_RDWR | os.O_CREAT)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for descriptor, target in ((nothing, 0), (output, 1), (output, 2)):
                os.dup2(descriptor, target)
            collector.run(Path(name), tell)
    finally:
        os._exit(0)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit


class _Collector:
    """A pytest plugin that runs jobs in forks where pytest would run its tests."""

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
        self._folders = test_folders(project, suites)
        self._collection_error = ""

    def run(self, place: Path, tell: BinaryIO) -> None:
        """Collect, and tell the answer of each job."""
        self._place, self._tell = place, tell
        warnings.resetwarnings()  # As in grading, where no caller's filter makes them errors.
        items = self._project.lab.test_items
        arguments = session_arguments(place, self._project, items, tuple(self._folders))
        # Nothing is captured: forks would share the file that pytest captures to.
        arguments += ["--tb=short", "--capture=no"]
        if self._sandbox is not None:
            arguments += ["-p", "pytest_jsonreport.plugin", "--json-report"]
            arguments += ["--json-report-file=none"]
        stand_ins.put_in_place(self._project.lab.classes)
        code = pytest.main(arguments, plugins=[self])
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            said = (place / "output").read_text(errors="replace").strip()[-600:]
            problem = self._collection_error or f"pytest ended with {code!r}: {said}"
            self._tell_answer(0, msgspec.msgpack.encode(problem))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._collection_error = str(report.longrepr).strip()[-600:]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            item.stash[CASE] = describe_case(item, self._folders, self._project.lab)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("errors during collection")
        imports = stand_ins.Imports()
        gc.collect()
        gc.freeze()  # What all forks share is not to be copied for the garbage collector's marks.
        waiting, running = list(reversed(range(len(self._jobs)))), dict[int, int]()
        try:
            while waiting or running:
                while waiting and len(running) < self._at_once:
                    number = waiting.pop()
                    process = os.fork()
                    if process == 0:
                        self._answer_and_exit(number, session, imports)
                    running[process] = number
                process, _ = os.wait()
                number = running.pop(process)
                answer = self._answer_file(number)
                self._tell_answer(number, answer.read_bytes() if answer.exists() else b"")
        finally:
            for process in running:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
        return True

    def _tell_answer(self, number: int, answer: bytes) -> None:
        self._tell.write(HEADER.pack(number, len(answer)) + answer)
        self._tell.flush()

    def _answer_file(self, number: int) -> Path:
        return self._place / f"{number}.answer"

    def _answer_and_exit(
        self, number: int, session: pytest.Session, imports: stand_ins.Imports
    ) -> NoReturn:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.close(self._tell.fileno())
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            answer: Answer
            try:
                job = self._jobs[number]
                chosen = [item for item in session.items if item.stash[CASE].item in job.items]
                if self._sandbox is None:
                    answer = self._in_process(number, chosen, session, imports)
                else:
                    answer = self._across(self._sandbox, job, chosen, session, imports)
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
        imports: stand_ins.Imports,
    ) -> Answer:
        job, root = self._jobs[number], self._place / f"implementation-{number}"
        for path, content in job.files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(root))
        imports.bind()
        loop = SeedLoop(chosen, job, None)
        session.config.pluginmanager.register(loop)
        return loop.run(session)

    def _across(
        self,
        sandbox: Sandbox,
        job: Job,
        chosen: list[pytest.Item],
        session: pytest.Session,
        imports: stand_ins.Imports,
    ) -> Answer:
        lab = _lab_for(len(job.seeds), self._project.lab)
        with Cell(sandbox, lab, job.files) as cell:
            student = make_session(cell, lab)
            plugin = CasePlugin(student, lab, 0, self._folders)
            imports.bind()  # To the proxies that the plugin has put in place.
            plugin.pytest_collection_modifyitems(chosen)
            loop = SeedLoop(chosen, job, plugin)
            for each in (plugin, loop):
                session.config.pluginmanager.register(each)
            observed = loop.run(session)
            student.end_item()
        return str(plugin.error) if plugin.error is not None else observed


def _lab_for(seeds: int, lab: Lab) -> Lab:
    """Give an item its time for each seed; what it may lose of processes stays."""
    limits = msgspec.structs.replace(lab.limits, item_seconds=lab.limits.item_seconds * seeds)
    return msgspec.structs.replace(lab, limits=limits)
