"""Runs cases on an implementation under many seeds, and keeps what it saw.

All seeds run in one pytest session in a fork, so that collecting is paid once and nothing of one
implementation reaches the next. `in_process` is for the project's own code alone; `in_sandbox`
goes across the bridge, as in grading.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import NoReturn

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

SUITES = (Suite.PUBLIC, Suite.HIDDEN)
CASE_SECONDS = 10


class Observation(msgspec.Struct, frozen=True, array_like=True):
    """One case, run once.

    Attributes
    ----------
    case : str
        The case's id, after its suite, such as `hidden:softmax/large-logits[wide]`.
    item : str
        Its rubric item.
    seed : int
        The grading seed.
    passed : bool
        Whether it passed.
    seconds : float
        Wall time of setup, call and teardown.
    margin : float or None
        Largest error as a fraction of its tolerance, where the case compares numbers.
    place : str
        Where the test is: file and line, relative to the project.
    said : str
        The last line of its failure; empty if it passed.
    """

    case: str
    item: str
    seed: int
    passed: bool
    seconds: float
    margin: float | None
    place: str
    said: str


class CaseTookTooLong(Exception):
    """The case ran longer than any right implementation needs."""


class Stops(StrEnum):
    """When a job leaves cases out that it was to run."""

    NEVER = "never"
    AT_FAILURE = "at failure"
    """The first case that fails ends the job."""

    AT_FAILURE_OF_SEED = "at failure of seed"
    """After the first seed, which runs whole, the first hidden case that fails ends its seed.

    Cases that failed before come first, so that a bug costs about one case a seed.
    """


class Job(msgspec.Struct, frozen=True):
    """What to observe.

    Attributes
    ----------
    files : mapping of str to bytes
        The implementation, by path below its root; holds the package `layers`.
    items : tuple of str
        Rubric items.
    seeds : tuple of int
        Grading seeds; public cases, which have seeds of their own, run once for all.
    stops : Stops
        When to leave cases out.
    suites : tuple of Suite
        Public and hidden ones, or siblings, whose options would clash with those of hidden ones.
    seed_of : mapping of str to int
        Seeds of single cases, by id, that take the place of those in `seeds`.
    """

    files: Mapping[str, bytes]
    items: tuple[str, ...]
    seeds: tuple[int, ...]
    stops: Stops = Stops.NEVER
    suites: tuple[Suite, ...] = SUITES
    seed_of: Mapping[str, int] = {}


def in_process(job: Job, project: Project) -> tuple[Observation, ...]:
    """Run the cases in one process with the implementation.

    Raises
    ------
    GraderError
        If pytest could not run the cases to their end.
    """

    def run(place: Path) -> list[Observation] | str:
        root = place / "implementation"
        for path, content in job.files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        sys.dont_write_bytecode = True
        warnings.resetwarnings()  # As in grading, where no caller's filter makes them errors.
        sys.path.insert(0, str(root))
        signal.signal(signal.SIGALRM, _too_long)
        return _run_session(place, job, project, None, [])

    return _in_fork(run, job)


def in_sandbox(job: Job, project: Project, sandbox: Sandbox) -> tuple[Observation, ...]:
    """Run the cases across the bridge.

    Raises
    ------
    GraderError
        If the sandbox fails, or pytest could not run the cases to their end.
    """

    def run(place: Path) -> list[Observation] | str:
        try:
            lab = _lab_for(len(job.seeds), project.lab)
            with Cell(sandbox, lab, job.files) as cell:
                session = make_session(cell, lab)
                plugin = CasePlugin(session, lab, 0, test_folders(project, job.suites))
                report = ["-p", "pytest_jsonreport.plugin", "--json-report"]
                report += ["--json-report-file=none"]
                observed = _run_session(place, job, project, plugin, report)
                session.end_item()
                return str(plugin.error) if plugin.error is not None else observed
        except GraderError as error:
            return str(error)

    return _in_fork(run, job)


def _lab_for(seeds: int, lab: Lab) -> Lab:
    """Give an item its time for each seed; what it may lose of processes stays."""
    limits = msgspec.structs.replace(lab.limits, item_seconds=lab.limits.item_seconds * seeds)
    return msgspec.structs.replace(lab, limits=limits)


def _in_fork(run: Callable[[Path], list[Observation] | str], job: Job) -> tuple[Observation, ...]:
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        _answer_and_exit(run, writable)
    os.close(writable)
    with os.fdopen(readable, "rb") as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    try:
        observed = msgspec.msgpack.decode(answer, type=tuple[Observation, ...] | str)
    except msgspec.DecodeError:
        observed = "the process that ran them ended early"
    if isinstance(observed, str):
        raise GraderError(
            f"The cases of {', '.join(job.items)} could not be run: {observed}.",
            "Mend the test files or the implementation.",
        )
    return observed


def _answer_and_exit(run: Callable[[Path], list[Observation] | str], writable: int) -> NoReturn:
    try:
        with tempfile.TemporaryDirectory(prefix=temporary_prefix("observe")) as name:
            silence = os.open(Path(name) / "output", os.O_RDWR | os.O_CREAT)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            answer = msgspec.msgpack.encode(run(Path(name)))
        with os.fdopen(writable, "wb") as stream:
            stream.write(answer)
    finally:
        os._exit(0)


def _run_session(
    place: Path, job: Job, project: Project, bridge: CasePlugin | None, more: Sequence[str]
) -> list[Observation] | str:
    folders = test_folders(project, job.suites)
    loop = _SeedLoop(project, job, bridge)
    arguments = [*session_arguments(place, project, job.items, tuple(folders)), "--tb=short"]
    plugins: list[object] = [loop] if bridge is None else [loop, bridge]
    code = pytest.main([*arguments, *more], plugins=plugins)
    if code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return loop.observed
    said = (place / "output").read_text(errors="replace").strip()[-600:]
    return loop.collection_error or f"pytest ended with {code!r}: {said}"


class _SeedLoop:
    """Takes the place of pytest's loop: runs every case once for each seed."""

    def __init__(self, project: Project, job: Job, bridge: CasePlugin | None) -> None:
        self._project = project
        self._job = job
        self._bridge = bridge
        self._folders = test_folders(project, job.suites)
        self._seconds = 0.0
        self._said = ""
        self._failed = False
        self._failures: Counter[str] = Counter()
        self.observed: list[Observation] = []
        self.collection_error = ""

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.collection_error = str(report.longrepr).strip()[-600:]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            item.stash[CASE] = describe_case(item, self._folders, self._project.lab)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("errors during collection")
        for number, seed in enumerate(self._job.seeds):
            items = session.items if number == 0 else self._later(session.items)
            for item, following in zip(items, [*items[1:], None], strict=True):
                self._run_case(item, following, seed)
                if self._failed:
                    self._failures[item.nodeid] += 1
                    if self._job.stops is Stops.AT_FAILURE:
                        return True
                    if self._job.stops is Stops.AT_FAILURE_OF_SEED and number > 0:
                        break
                if session.shouldstop:
                    return True
        return True

    def _later(self, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        """Return what runs under a seed after the first: public cases have seeds of their own."""
        hidden = [item for item in items if item.stash[CASE].suite is not Suite.PUBLIC]
        if self._job.stops is Stops.AT_FAILURE_OF_SEED:
            hidden.sort(key=lambda item: -self._failures[item.nodeid])
        return hidden

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds += report.duration
        if not report.passed:
            self._failed = True
            said = str(report.longrepr).strip().splitlines()
            self._said = self._said or (said[-1][:300] if said else report.outcome)

    def _run_case(self, item: pytest.Item, following: pytest.Item | None, seed: int) -> None:
        self._seconds, self._said, self._failed = 0.0, "", False
        case = item.stash[CASE]
        seed = self._job.seed_of.get(case.id, seed)
        item.config.option.seed = seed
        if self._bridge is not None:
            self._bridge.seed = seed
        item.user_properties.clear()
        # In a sandbox the bridge's own deadline ends a case.
        signal.alarm(CASE_SECONDS if self._bridge is None else 0)
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        finally:
            signal.alarm(0)
        margins = [value for name, value in item.user_properties if name == "error_over_tolerance"]
        file, line, _ = item.location
        self.observed.append(
            Observation(
                f"{case.suite}:{case.id}",
                case.item,
                seed,
                not self._failed,
                self._seconds,
                float(str(margins[-1])) if margins else None,
                f"{file}:{(line or 0) + 1}",
                self._said,
            )
        )


def _too_long(number: int, frame: FrameType | None) -> None:
    raise CaseTookTooLong(f"longer than {CASE_SECONDS} s")
