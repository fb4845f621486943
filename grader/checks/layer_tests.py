"""The layer tests: public and hidden cases on the trusted side, the student's code in a cell.

The cases run in a fork of a process that has collected them (`grader.checks.collector`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

import msgspec

from grader.bridge.made_up_time import MOST_TIMES
from grader.checks.case_run import Answer, Ours, Request
from grader.checks.collector import Subject
from grader.checks.kept_collector import collector_for
from grader.checks.sandbox_files import with_folders
from grader.checks.siblings import sibling_ids, with_reproduction
from grader.lab import Project
from grader.model import CaseResult, ItemResult, Outcome, Submission, Suite
from grader.plain_text import printable
from grader.sandbox.launch import Sandbox


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
    subject = Subject(project, sandbox, tuple(items), tuple(suites), only)
    answer = _ask(subject, Request(_code_of(submission), subject.items, seed))
    known = sibling_ids(project) if Suite.HIDDEN in suites else ()
    return tuple(_item_result(item, project, answer, known) for item in items)


def _ask(subject: Subject, request: Request) -> Answer:
    answer = Answer(
        error=Ours("The process that runs the layer tests ended early.", "Grade again.")
    )
    try:
        with collector_for(subject, _longest_run(subject)) as collector:
            answer = collector.ask(request)
    except EOFError:
        return answer
    except OSError as problem:
        return Answer(
            error=Ours(
                f"The layer tests could not be started ({problem.strerror}).",
                f"Make room in {tempfile.gettempdir()}, or free processes, and grade again.",
            )
        )
    return answer


def _longest_run(subject: Subject) -> float:
    """Return seconds after which a run is stuck for a reason that is not the student's."""
    limits = subject.project.lab.limits
    each = (1 + MOST_TIMES) * limits.item_seconds + 2 * limits.case_seconds
    return len(subject.items) * each + 4 * limits.start_seconds


def needs(path: str) -> bool:
    """Tell whether layer tests may need a file of a submission: all but the results."""
    return not path.startswith("results/")


def _code_of(submission: Submission) -> dict[str, bytes]:
    files = {path: data for path, data in submission.files.items() if needs(path)}
    return with_folders(files, submission)


def _item_result(item: str, project: Project, answer: Answer, known: Sequence[str]) -> ItemResult:
    line = project.lab.line(item)
    cases = [case for owner, case in answer.cases if owner == item]
    error = answer.error
    if error is None and not cases:
        error = Ours(
            f"The tests of {item} did not run: there are none.", f"Write cases in test_{item}.py."
        )
    result = ItemResult(
        item,
        line.description,
        line.points,
        Outcome.NOT_RUN,
        cases=with_reproduction(cases, known, project),
    )
    if error is not None:
        return msgspec.structs.replace(
            result, outcome=Outcome.GRADER_ERROR, feedback=(f"{error.what} {error.do}",)
        )
    output = answer.output.get(item, "")
    return msgspec.structs.replace(
        result,
        outcome=overall_outcome(result.cases),
        output=printable(output, len(output) * 10, "\n\t"),
    )


def overall_outcome(cases: Sequence[CaseResult]) -> Outcome:
    """Return how an item ended: what all its cases say, or PARTIAL where some passed."""
    outcomes: set[Any] = {case.outcome for case in cases}
    if outcomes == {Outcome.PASSED}:
        return Outcome.PASSED
    if Outcome.PASSED in outcomes:
        return Outcome.PARTIAL
    return outcomes.pop() if len(outcomes) == 1 else Outcome.FAILED
