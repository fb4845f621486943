"""What a submission comes to for an LMS: its grade, or why it has none yet."""

from __future__ import annotations

import html

import msgspec

from grader.model import Entry, Outcome, Report


class Grade(msgspec.Struct, frozen=True):
    """As much of a submission as an LMS's sheet is told; the report stays on disk.

    Attributes
    ----------
    key : str
        The submission's.
    late : bool
        Whether the LMS says that it was handed in late.
    why : str
        In a clause, why it has no grade yet; empty if it has one.
    score : float or None
        None where it has no grade.
    comment : str
        The points in a sentence; nothing of the student's own making is in it.
    """

    key: str
    late: bool
    why: str
    score: float | None = None
    comment: str = ""


def grade_of(entry: Entry) -> Grade:
    """Return what a submission comes to."""
    late = entry.report is not None and (entry.report.submission.lms or {}).get("late") == "yes"
    why = _why_none(entry)
    if why or entry.report is None or entry.report.score is None:
        return Grade(entry.key, late, why)
    return Grade(
        entry.key, late, "", entry.report.score, _comment(entry.report, entry.report.score)
    )


def score_text(score: float, comma: bool = False) -> str:
    """Return a score to two decimals, as people write it."""
    text = f"{score:.2f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if comma else text


def _why_none(entry: Entry) -> str:
    report = entry.report
    if report is None or entry.needs_regrade:
        return "it needs a regrade"
    waiting = [item.id for item in report.items if item.outcome is Outcome.NEEDS_REVIEW]
    if waiting:
        return f"a person must decide on {', '.join(waiting)}"
    left_out = [item.id for item in report.items if item.points is None]
    if left_out:
        return f"{', '.join(left_out)} was not graded"
    if not report.is_settled:
        return report.score_note or "it has no score"
    return ""


def _comment(report: Report, score: float) -> str:
    items = (f"{item.id} {item.points or 0:.4g}/{item.max_points:g}" for item in report.items)
    return html.escape(f"{score_text(score)} of {report.max_score:g} points: {', '.join(items)}.")
