"""The layer tests: public and hidden cases on the trusted side, the student's code in a cell.

The cases run in a fork of this process, which has pytest and numpy loaded. In a temporary folder
the fork writes `report.json` (pytest-json-report's, each test with its `case`) or `error.json`.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import resource
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

# Loaded here so that each fork finds them in memory.
import numpy as np  # noqa: F401
import pytest
import pytest_jsonreport.plugin  # noqa: F401

from grader.bridge.session import Budget, Session
from grader.checks.case_plugin import CasePlugin
from grader.checks.pytest_session import session_arguments, test_folders
from grader.checks.siblings import sibling_ids, with_reproduction
from grader.errors import GraderError
from grader.lab import Lab, Project
from grader.model import CaseResult, ItemResult, Outcome, Submission, Suite
from grader.plain_text import printable
from grader.sandbox.cell import Cell
from grader.sandbox.launch import Sandbox
from grader.sandbox.leftovers import temporary_prefix
from grader.sandbox.lifetime import end_with

REPORT, ERROR, LOG = "report.json", "error.json", "pytest.log"
# Bytes that a run may take on top of what is loaded: far above what honest cases need.
TRUSTED_MEMORY = 1 << 30
OMITTED = ("collectors", "log", "streams", "keywords", "traceback", "warnings")


class _TestRecord(msgspec.Struct, frozen=True):
    metadata: _CaseRecord


class _CaseRecord(msgspec.Struct, frozen=True):
    case: CaseResult
    item: str


class _RunRecord(msgspec.Struct, frozen=True):
    tests: tuple[_TestRecord, ...] = ()
    output: dict[str, str] = {}
    exitcode: int = 0


class _ErrorRecord(msgspec.Struct, frozen=True):
    what: str
    do: str


def run_layer_tests(
    submission: Submission,
    project: Project,
    sandbox: Sandbox,
    items: Sequence[str],
    suites: Sequence[Suite],
    seed: int,
    only: str | None = None,
) -> tuple[ItemResult, ...]:
    """Run the cases of some rubric items on a submission.

    Parameters
    ----------
    submission : Submission
        Whose code to test.
    project : Project
        Where the tests are, and the lab's settings.
    sandbox : Sandbox
        Where the student's code runs.
    items : sequence of str
        Rubric items, each with a `test_<item>.py` in the suites' folders.
    suites : sequence of Suite
        Public, hidden, or both; or siblings.
    seed : int
        The grading seed, or the siblings'.
    only : str or None
        A sibling to run alone.

    Returns
    -------
    tuple of ItemResult
        One an item, unscored. An item whose cases did not all run for a reason of ours is a
        GRADER_ERROR; what the student's code did is in the cases' outcomes.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=temporary_prefix("tests")) as name:
            place = Path(name)
            run = multiprocessing.get_context("fork").Process(
                target=_run_in_fork,
                args=(os.getpid(), place, submission, project, sandbox, items, suites, seed, only),
            )
            run.start()
            run.join(_longest_run(project, len(items)))
            if run.exitcode is None:
                run.kill()
                run.join()
            record, error = _read_results(place, run.exitcode)
    except OSError as problem:
        record = _RunRecord()
        error = _ErrorRecord(
            f"The layer tests could not be started ({problem.strerror}).",
            f"Make room in {tempfile.gettempdir()}, or free processes, and grade again.",
        )
    known = sibling_ids(project) if Suite.HIDDEN in suites else ()
    return tuple(_item_result(item, project, record, error, known) for item in items)


def _longest_run(project: Project, items: int) -> float:
    """Return seconds after which a run is stuck for a reason that is not the student's."""
    limits = project.lab.limits
    return items * (limits.item_seconds + 2 * limits.case_seconds) + 4 * limits.start_seconds


def _run_in_fork(
    grader: int,
    place: Path,
    submission: Submission,
    project: Project,
    sandbox: Sandbox,
    items: Sequence[str],
    suites: Sequence[Suite],
    seed: int,
    only: str | None,
) -> None:
    """Run the cases and leave the results in `place`; the process ends after this."""
    end_with(grader)
    _bound_memory()
    log = os.open(place / LOG, os.O_WRONLY | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - for the process's life
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    try:
        with Cell(sandbox, project.lab, _code_of(submission)) as cell:
            error = run_cases(place, cell, project, items, suites, seed, only)
    except GraderError as raised:
        error = raised
    except Exception:
        traceback.print_exc()
        raise
    if error is not None:
        (place / ERROR).write_bytes(msgspec.json.encode(_ErrorRecord(error.what, error.do)))


def _bound_memory() -> None:
    """Bound what student code can make the trusted side allocate, such as through a host object.

    Two small arrays that broadcast to a huge one then raise MemoryError in the case that asked,
    where the kernel would have killed this process and with it the whole grading. The limit is
    soft, so that sandboxes started from here can set their own.
    """
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:  # not Linux
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = pages * resource.getpagesize() + TRUSTED_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _code_of(submission: Submission) -> dict[str, bytes]:
    """Return the files that layer tests may need: all but the results."""
    return {
        path: data for path, data in submission.files.items() if not path.startswith("results/")
    }


def run_cases(
    place: Path,
    cell: Cell,
    project: Project,
    items: Sequence[str],
    suites: Sequence[Suite],
    seed: int,
    only: str | None = None,
) -> GraderError | None:
    """Run the cases in this very process, which is good for nothing else afterwards.

    Parameters
    ----------
    place : Path
        Gets pytest-json-report's `report.json`.
    cell : Cell
        A live sandbox with the student's code.
    project, items, suites, seed, only
        As for `run_layer_tests`.

    Returns
    -------
    GraderError or None
        Why the cases could not all be run, if so.
    """
    # What is loaded now stays: the collector need not look at it again for every few messages.
    gc.freeze()
    lab = project.lab
    session = make_session(cell, lab)
    folders = test_folders(project, suites)
    plugin = CasePlugin(session, lab, seed, folders)
    arguments = session_arguments(place, project, items, tuple(folders), only)
    arguments += ["--tb=no", "-p", "pytest_jsonreport.plugin"]
    arguments += ["--json-report", "--json-report-file=none"]
    if set(suites) & {Suite.HIDDEN, Suite.SIBLING}:
        arguments.append(f"--seed={seed}")
    # Last, since it takes every word up to the next option.
    arguments += ["--json-report-omit", *OMITTED]
    pytest.main(arguments, plugins=[plugin])
    (place / REPORT).write_bytes(msgspec.json.encode(plugin.report))
    return plugin.error


def make_session(cell: Cell, lab: Lab) -> Session:
    """Return a session over a cell's item processes, with the lab's limits."""
    modules = {module.item: module for module in lab.modules if module.item}
    return Session(
        cell,
        {item: (modules[item].defines or "", modules[item].module) for item in lab.test_items},
        {name: list(others) for name, others in lab.spellings.items()},
        Budget(lab.limits.case_seconds, lab.limits.item_seconds, lab.limits.lost_processes),
    )


def _read_results(place: Path, exitcode: int | None) -> tuple[_RunRecord, _ErrorRecord | None]:
    """Read what the fork left; whatever is missing is the grader's own error."""
    record, error = _RunRecord(), None
    try:
        if (place / ERROR).exists():
            error = msgspec.json.decode((place / ERROR).read_bytes(), type=_ErrorRecord)
        if (place / REPORT).exists():
            record = msgspec.json.decode((place / REPORT).read_bytes(), type=_RunRecord)
    except (OSError, msgspec.DecodeError) as problem:
        error = _ErrorRecord(
            f"The results of the layer tests could not be read ({problem}).", "Grade again."
        )
    ran_cases = exitcode == 0 and record.exitcode in (
        pytest.ExitCode.OK,
        pytest.ExitCode.TESTS_FAILED,
    )
    if error is None and not (ran_cases and record.tests):
        error = _ErrorRecord(
            f"The layer tests did not run to their end (process {exitcode}, pytest "
            f"{record.exitcode}): {_last_lines(place / LOG)}",
            "Mend the test files if they are named here; else grade again.",
        )
    return record, error


def _last_lines(log: Path) -> str:
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return "no log"
    return printable(" / ".join(text.strip().splitlines()[-8:]), 1200)


def _item_result(
    item: str,
    project: Project,
    record: _RunRecord,
    error: _ErrorRecord | None,
    known: Sequence[str],
) -> ItemResult:
    line = project.lab.line(item)
    found = [test.metadata.case for test in record.tests if test.metadata.item == item]
    cases = with_reproduction(found, known, project)
    result = ItemResult(item, line.description, line.points, Outcome.NOT_RUN, cases=cases)
    if error is not None:
        return msgspec.structs.replace(
            result, outcome=Outcome.GRADER_ERROR, feedback=(f"{error.what} {error.do}",)
        )
    return msgspec.structs.replace(
        result,
        outcome=overall_outcome(cases),
        output=printable(
            record.output.get(item, ""), len(record.output.get(item, "")) * 10, "\n\t"
        ),
    )


def overall_outcome(cases: Sequence[CaseResult]) -> Outcome:
    """Return how an item ended: what all its cases say, or PARTIAL where some passed."""
    outcomes: set[Any] = {case.outcome for case in cases}
    if outcomes == {Outcome.PASSED}:
        return Outcome.PASSED
    if Outcome.PASSED in outcomes:
        return Outcome.PARTIAL
    return outcomes.pop() if len(outcomes) == 1 else Outcome.FAILED
