"""The pytest plugin of the trusted side: binds `layers` to the student's code, judges each case."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grader.bridge import proxy
from grader.bridge.faults import StudentFault, StudentRaised
from grader.bridge.session import Session
from grader.checks.siblings import case_name
from grader.checks.wording import diagnosis_of, hidden_feedback, public_feedback
from grader.errors import GraderError
from grader.lab import Lab
from grader.model import CaseResult, Outcome, Suite
from grader.plain_text import printable

DIAGNOSTIC_LENGTH = 4000
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
    folders : mapping of Path to Suite
        Which suite the test files of a folder belong to.
    """

    def __init__(
        self, session: Session, lab: Lab, seed: int, folders: Mapping[Path, Suite]
    ) -> None:
        self._session = session
        self._lab = lab
        self.seed = seed
        self._folders = folders
        self._verdicts: dict[str, CaseResult] = {}
        self.error: GraderError | None = None
        self.report: dict[str, Any] = {}
        sys.modules.update(proxy.layers_package(lab.classes, session.channel))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Find out what each test is worth, and order them: public ones first, then by item.

        What student code has seen of a hidden case it could keep in a file, and tell in the
        exception of a public case, whose text students read.
        """
        for item in items:
            item.stash[CASE] = describe_case(item, self._folders, self._lab)
        order = {name: number for number, name in enumerate(self._lab.test_items)}

        def place(item: pytest.Item) -> tuple[bool, int]:
            case = item.stash[CASE]
            return case.suite is Suite.HIDDEN, order[case.item]

        items.sort(key=place)

    @pytest.hookimpl
    def pytest_exception_interact(
        self, node: pytest.Item | pytest.Collector, call: pytest.CallInfo[Any]
    ) -> None:
        """Keep why a test file cannot be loaded; tests themselves are judged elsewhere."""
        if isinstance(node, pytest.Collector) and call.excinfo is not None and self.error is None:
            said = str(call.excinfo.value).strip().rpartition("\n")[2]
            self.error = GraderError(
                f"{node.nodeid} could not be loaded ({printable(said, 300)}).",
                "Mend the test file.",
            )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Make the item's process ready, before any fixture uses the student's code."""
        case = item.stash[CASE]
        self._verdicts.pop(item.nodeid, None)
        self._session.begin_case(case.item, case_seed(self._lab.suite.version, self.seed, case.id))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, None, None]:
        """Let a case end only when all it asked for is done, or has failed."""
        yield
        self._session.finish_case()

    @pytest.hookimpl
    def pytest_json_runtest_metadata(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> dict[str, Any]:
        """Put the case's result into the JSON report, phase by phase; the first failure stays."""
        case = item.stash[CASE]
        known = self._verdicts.get(item.nodeid)
        seconds = call.duration + (known.seconds if known else 0.0)
        if known is None or known.outcome is Outcome.PASSED:
            known = self._judge(case, call)
        verdict = msgspec.structs.replace(known, seconds=seconds)
        self._verdicts[item.nodeid] = verdict
        if self.error is not None:
            item.session.shouldstop = "the grader itself failed"
        if call.when != "teardown":
            return {}
        return {"case": msgspec.to_builtins(verdict), "item": case.item}

    @pytest.hookimpl
    def pytest_json_modifyreport(self, json_report: dict[str, Any]) -> None:
        """Add what the student's code printed, by item, and keep the report.

        pytest-json-report would write it to a file itself, and takes a twentieth of the whole run
        for it.
        """
        self._session.end_item()
        json_report["output"] = self._session.output
        self.report = json_report

    def _judge(self, case: Case, call: pytest.CallInfo[None]) -> CaseResult:
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
            diagnostics=tuple(filter(None, (_diagnostic(call.excinfo), how, _diagnosis(told)))),
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


def _diagnostic(excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    """Return what staff need to see of a failure."""
    error = excinfo.value
    if isinstance(error, AssertionError | StudentRaised | StudentFault):
        text = str(error)
    else:
        text = str(excinfo.getrepr(style="short", chain=False))
    # An object's address differs from run to run, and equal runs have equal reports.
    return printable(_ADDRESS.sub("", text), DIAGNOSTIC_LENGTH, keep="\n")
