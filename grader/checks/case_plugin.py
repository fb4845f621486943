"""The pytest plugin of the trusted side: makes the student's code ready, judges each case."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator, Mapping
from pathlib import Path

import msgspec
import pytest

from grader import bridge
from grader.bridge.faults import StudentFault, StudentRaised
from grader.bridge.foreseen import Asked
from grader.bridge.session import Session
from grader.checks.foresight import Foresight
from grader.checks.siblings import case_name
from grader.checks.wording import diagnosis_of, hidden_feedback, public_feedback
from grader.errors import GraderError
from grader.lab import Lab
from grader.model import CaseResult, Outcome, Suite
from grader.plain_text import printable

DIAGNOSTIC_LENGTH = 4000
BRIDGE = Path(bridge.__file__).resolve().parent
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


class Case(msgspec.Struct, frozen=True):
    """What is known of a case before it runs."""

    id: str
    item: str
    suite: Suite
    weight: float
    about: str


CASE = pytest.StashKey[Case]()


class CasePlugin:
    """Runs every collected test as a case of its rubric item.

    Parameters
    ----------
    session : Session
        Provides the item processes.
    lab : Lab
        Items, classes and the suite's version.
    seed : int
        The grading seed.
    foresight : Foresight, optional
        What the cases' host objects may be asked.

    Attributes
    ----------
    learned : dict of str to list of (bytes, bytes)
        What was asked in cases that passed and was not foreseen, by node id.
    """

    def __init__(
        self, session: Session, lab: Lab, seed: int, foresight: Foresight | None = None
    ) -> None:
        self._session = session
        self._lab = lab
        self.seed = seed
        self._foresight = foresight
        self.learned: dict[str, Asked] = {}
        self._verdicts: dict[str, tuple[str, CaseResult]] = {}
        self._seconds = 0.0
        self.error: GraderError | None = None

    @property
    def verdicts(self) -> tuple[tuple[str, CaseResult], ...]:
        """The rubric item and the result of each case that has run, in the order they began."""
        return tuple(self._verdicts.values())

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Make the item's process ready, before any fixture uses the student's code."""
        case = item.stash[CASE]
        self._verdicts.pop(item.nodeid, None)
        self._seconds = 0.0
        number = case_seed(self._lab.suite.version, self.seed, case.id)
        foreseen = self._foresight.of(item.nodeid) if self._foresight is not None else None
        self._session.begin_case(case.item, number, foreseen)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, None, None]:
        """Let a case end only when all it asked for is done, or has failed."""
        yield
        self._session.finish_case()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Judge a phase of the running case."""
        # Afterwards: only then does a unittest's case say what went wrong in it.
        report = yield
        self.judge(item, call)
        return report

    def judge(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Judge a phase of the running case; the first failure stays."""
        case = item.stash[CASE]
        _, known = self._verdicts.get(item.nodeid, ("", None))
        if known is None or known.outcome is Outcome.PASSED:
            known = self._judge(case, call, item.path)
        self.spend(call.duration)
        verdict = msgspec.structs.replace(known, seconds=self._seconds)
        self._verdicts[item.nodeid] = case.item, verdict
        if self.error is not None:
            item.session.shouldstop = "the grader itself failed"

    def learn(self, item: pytest.Item) -> None:
        """Note, of a case that has passed, what it asked of host objects that was not foreseen."""
        _, verdict = self._verdicts[item.nodeid]
        asked = self._session.learned
        if asked and verdict.outcome is Outcome.PASSED:
            self.learned[item.nodeid] = asked

    def spend(self, seconds: float) -> None:
        """Count the time of one of the running case's phases."""
        self._seconds += seconds

    def _judge(self, case: Case, call: pytest.CallInfo[None], path: Path) -> CaseResult:
        result = CaseResult(case.id, case.suite, Outcome.PASSED, case.weight, about=case.about)
        if call.excinfo is None:
            return result
        error = call.excinfo.value
        # A test may have met the broken channel and failed by something else after it.
        fault = error if isinstance(error, StudentFault) else self._session.fault
        if fault is not None:
            try:
                outcome, how = self._session.settle(fault)
            except GraderError as ours:
                # What looked like the student's fault was not.
                self.error = self.error or ours
                return msgspec.structs.replace(result, outcome=Outcome.GRADER_ERROR)
        elif isinstance(error, GraderError | pytest.skip.Exception | pytest.xfail.Exception):
            # A case that did not judge must not pass for one that did.
            self.error = self.error or _as_grader_error(case, error)
            return msgspec.structs.replace(result, outcome=Outcome.GRADER_ERROR)
        else:
            outcome, how = Outcome.FAILED, ""
        told: BaseException = fault if fault is not None else error
        feedback = (
            public_feedback(told, outcome, how)
            if case.suite is not Suite.HIDDEN
            else hidden_feedback(case.about, told, outcome)
        )
        return msgspec.structs.replace(
            result,
            outcome=outcome,
            feedback=feedback,
            diagnostics=tuple(
                filter(None, (_diagnostic(call.excinfo, path), how, _diagnosis(told)))
            ),
        )


def describe_case(item: pytest.Item, folders: Mapping[Path, Suite], lab: Lab) -> Case:
    """Find out what a collected test is worth, and for which rubric item.

    Raises
    ------
    pytest.UsageError
        If its file belongs to no rubric item, or a hidden test has no case marker.
    """
    rubric_item = item.path.stem.removeprefix("test_")
    suite = folders.get(item.path.parent)
    if suite is None or rubric_item not in lab.test_items:
        raise pytest.UsageError(
            f"{item.path}: belongs to no rubric item; name it test_<item>.py with one of "
            f"{', '.join(lab.test_items)}."
        )
    if suite is not Suite.HIDDEN:
        name = case_name(item.name)
        about = (getattr(item.obj, "__doc__", None) or "").strip().partition("\n")[0]  # type: ignore[attr-defined]
        return Case(f"{rubric_item}/{name}", rubric_item, suite, 1.0, about)
    marker = item.get_closest_marker("case")
    if marker is None:
        raise pytest.UsageError(
            f"{item.nodeid}: has no case marker; add @pytest.mark.case(id=, weight=, about=)."
        )
    callspec = getattr(item, "callspec", None)
    parameters = f"[{callspec.id}]" if callspec is not None else ""
    return Case(
        f"{rubric_item}/{marker.kwargs['id']}{parameters}",
        rubric_item,
        suite,
        float(marker.kwargs["weight"]),
        marker.kwargs["about"],
    )


def case_seed(version: str, seed: int, case: str) -> int:
    """Return the number that seeds the student's global generators for a case.

    Parameters
    ----------
    version : str
        The suite's version.
    seed : int
        The grading seed.
    case : str
        The case's id.

    Returns
    -------
    int
        At least 0, below 2**32.
    """
    text = f"{version}\0{seed}\0{case}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big")


def _as_grader_error(case: Case, error: BaseException) -> GraderError:
    if isinstance(error, GraderError):
        return error
    return GraderError(
        f"The case {case.id} was skipped ({error}), so it judged nothing.",
        "Mend the test: a case either passes or fails.",
    )


def _diagnosis(error: BaseException) -> str:
    """Return the name of the mistake behind a failure, or nothing."""
    diagnosis = diagnosis_of(error)
    return "" if diagnosis is None else f"diagnosis: {diagnosis.name}"


def _diagnostic(excinfo: pytest.ExceptionInfo[BaseException], path: Path) -> str:
    """Return what staff need to see of a failure in the test file at `path`."""
    error = excinfo.value
    if isinstance(error, AssertionError | StudentRaised | StudentFault):
        text = str(error)
    else:
        # From the test file on, without the steps across the bridge.
        lines = excinfo.traceback.cut(path=path).filter(
            lambda entry: BRIDGE not in Path(entry.path).parents
        )
        text = str(excinfo.getrepr(style="short", chain=False, tbfilter=lambda _: lines))
    # An object's address differs from run to run, and equal runs have equal reports.
    return printable(_ADDRESS.sub("", text), DIAGNOSTIC_LENGTH, keep="\n")
