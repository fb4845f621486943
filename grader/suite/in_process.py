"""Runs cases in-process on the project's own code, many seeds in one pytest session.

No sandbox stands between: this is for the reference, the bugs and the variants, never for a
student's work. Each run is a fork, so that nothing of one implementation reaches the next.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

import msgspec
import numpy as np  # noqa: F401 - loaded before the forks
import pytest

from grader.checks.case_plugin import CASE, describe_case
from grader.checks.pytest_session import session_arguments, test_folders
from grader.errors import GraderError
from grader.lab import Project
from grader.model import Suite

CASE_SECONDS = 20


class Observation(msgspec.Struct, frozen=True, array_like=True):
    """One case, run once.

    Attributes
    ----------
    case : str
        The case's id, with its suite, such as `hidden:softmax/large-logits[wide]`.
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
    said : str
        The first line of its failure; empty if it passed.
    """

    case: str
    item: str
    seed: int
    passed: bool
    seconds: float
    margin: float | None
    said: str


class CaseTookTooLong(Exception):
    """The case ran longer than any right implementation needs."""


def observe(
    files: Mapping[str, bytes],
    project: Project,
    items: Sequence[str],
    seeds: Sequence[int],
    suites: Sequence[Suite] = (Suite.PUBLIC, Suite.HIDDEN),
) -> tuple[Observation, ...]:
    """Run the items' cases on an implementation, once for each seed.

    Parameters
    ----------
    files : mapping of str to bytes
        The implementation, by path below its root; must hold the package `layers`.
    project : Project
        Where the tests are.
    items : sequence of str
        Rubric items.
    seeds : sequence of int
        Grading seeds; public cases, which have seeds of their own, run once for all.
    suites : sequence of Suite
        Public, hidden, or both.

    Raises
    ------
    GraderError
        If pytest could not run the cases to their end.
    """
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        _report_and_exit(writable, files, project, items, seeds, suites)
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
            f"The cases of {', '.join(items)} could not be run in-process: {observed}.",
            "Mend the test files or the implementation.",
        )
    return observed


def _report_and_exit(
    writable: int,
    files: Mapping[str, bytes],
    project: Project,
    items: Sequence[str],
    seeds: Sequence[int],
    suites: Sequence[Suite],
) -> None:
    """Run the cases in the fork, write the observations to the pipe, and end it."""
    try:
        with tempfile.TemporaryDirectory(prefix="nn-lab-in-process-") as name:
            answer = msgspec.msgpack.encode(
                _observe_here(Path(name), files, project, items, seeds, suites)
            )
        with os.fdopen(writable, "wb") as stream:
            stream.write(answer)
    finally:
        os._exit(0)


def _observe_here(
    place: Path,
    files: Mapping[str, bytes],
    project: Project,
    items: Sequence[str],
    seeds: Sequence[int],
    suites: Sequence[Suite],
) -> list[Observation] | str:
    silence = os.open(place / "output", os.O_RDWR | os.O_CREAT)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    root = place / "implementation"
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    folders = test_folders(project, suites)
    sys.dont_write_bytecode = True
    plugin = _SeedLoop(project, folders, seeds)
    arguments = session_arguments(place, project, items, tuple(folders))
    sys.path.insert(0, str(root))
    arguments += ["--tb=short", "--no-summary"]
    code = pytest.main(arguments, plugins=[plugin])
    if code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return plugin.observed
    said = (place / "output").read_text(errors="replace").strip()[-400:]
    return plugin.collection_error or f"pytest ended with {code!r}: {said}"


class _SeedLoop:
    """Runs every collected case once for each seed and keeps what it saw."""

    def __init__(
        self, project: Project, folders: Mapping[Path, Suite], seeds: Sequence[int]
    ) -> None:
        self._project = project
        self._folders = folders
        self._seeds = seeds
        self._seed = 0
        self._seconds = 0.0
        self._said = ""
        self._failed = False
        self.observed: list[Observation] = []
        self.collection_error = ""

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.collection_error = str(report.longrepr).strip().splitlines()[-1][:400]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            item.stash[CASE] = describe_case(item, self._folders, self._project.lab)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Take the place of pytest's own loop, which runs every case once."""
        if session.testsfailed:
            raise session.Interrupted("errors during collection")
        signal.signal(signal.SIGALRM, _too_long)
        for number, seed in enumerate(self._seeds):
            self._seed = seed
            session.config.option.seed = seed
            items = [
                item
                for item in session.items
                if number == 0 or item.stash[CASE].suite is Suite.HIDDEN
            ]
            for item, following in zip(items, [*items[1:], None], strict=True):
                self._seconds, self._said, self._failed = 0.0, "", False
                item.user_properties.clear()
                signal.alarm(CASE_SECONDS)
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                signal.alarm(0)
                self._keep(item)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds += report.duration
        if not report.passed:
            self._failed = True
            self._said = self._said or str(report.longrepr).strip().splitlines()[-1][:300]

    def _keep(self, item: pytest.Item) -> None:
        case = item.stash[CASE]
        margins = [value for name, value in item.user_properties if name == "error_over_tolerance"]
        self.observed.append(
            Observation(
                f"{case.suite}:{case.id}",
                case.item,
                self._seed,
                not self._failed,
                self._seconds,
                float(str(margins[-1])) if margins else None,
                self._said,
            )
        )


def _too_long(number: int, frame: FrameType | None) -> None:
    raise CaseTookTooLong(f"longer than {CASE_SECONDS} s")
