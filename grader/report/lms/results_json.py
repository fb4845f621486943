"""Gradescope's results.json, with everything that a student may see and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from grader.model import CaseResult, ItemResult, Outcome, Report, Suite
from grader.report.json_report import for_students

RESULTS = "results.json"


def results_json(report: Report, *, remarks: Sequence[str] = (), done: bool = True) -> bytes:
    """Return a report as Gradescope's autograders write it.

    A rubric item is one visible test with its points. Cases stand in its text: public ones by
    name, hidden ones by the sentence that a report for students has on them. None is a test of its
    own: a single hidden test would hide the total from the student.

    Parameters
    ----------
    report : Report
        Everything that is known.
    remarks : sequence of str
        Said first, such as that it was handed in late.
    done : bool
        Whether the run has ended; until then, what was not judged yet says so.
    """
    safe = for_students(report)
    notes = [*remarks]
    if not done:
        notes.append("The autograder has not ended: these are the results so far.")
    if safe.score_note:
        notes.append(f"Score: {safe.score_note}.")
    document: dict[str, Any] = {
        "output": "\n\n".join(notes),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [_test(n, item, done) for n, item in enumerate(safe.items, 1)],
        "extra_data": {
            "report": safe.schema,
            "suite": safe.suite.version,
            "seed": safe.suite.seed,
            "provisional": safe.provisional,
        },
    }
    # A run that ends without a score is no zero: Gradescope shows it as failed, and staff run it
    # again. Before the end, something must stand there for a run that is cut off.
    if safe.score is not None or not done:
        document["score"] = safe.score or 0.0
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _test(number: int, item: ItemResult, done: bool) -> dict[str, Any]:
    test: dict[str, Any] = {
        "number": str(number),
        "name": item.description,
        "name_format": "text",
        "output": "\n".join(_said(item, done)),
        "output_format": "text",
        "visibility": "visible",
        "tags": [item.id],
        "extra_data": {"outcome": item.outcome.value},
    }
    if item.points is None:
        test["name"] = f"{item.description} ({item.max_points:g} points, not known yet)"
    else:
        test["score"], test["max_score"] = item.points, item.max_points
        test["status"] = "passed" if item.outcome is Outcome.PASSED else "failed"
    return test


def _said(item: ItemResult, done: bool) -> list[str]:
    if not done and item.outcome is Outcome.NOT_RUN:
        return ["Not judged yet."]
    if item.outcome is Outcome.NOT_RUN:
        return list(item.feedback)
    lines = [f"{_words(item.outcome)}."]
    if item.points is not None and item.cases:
        passed = sum(case.outcome is Outcome.PASSED for case in item.cases)
        lines.append(f"{passed} of {len(item.cases)} cases passed.")
    if item.decision is not None:
        lines.append(f"Decided by staff: {item.decision.why}")
    lines += item.feedback
    for case in item.cases:
        if case.outcome not in (Outcome.PASSED, Outcome.NEEDS_REVIEW):
            lines += _about(case, item)
    return lines


def _about(case: CaseResult, item: ItemResult) -> list[str]:
    hidden = " (hidden)" if case.suite is Suite.HIDDEN else ""
    said = [line for line in case.feedback if line not in item.feedback]
    return ["", f"{case.id}{hidden}: {_words(case.outcome).lower()}. {case.about}".strip(), *said]


def _words(outcome: Outcome) -> str:
    return outcome.value.replace("_", " ").capitalize()
