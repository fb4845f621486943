"""Decides which grade goes into which row, and says of every other why it goes nowhere."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from grader.model import Entry, Outcome, Report
from grader.report.lms.columns import Layout, Line
from grader.report.lms.sheet import Sheet, harmless
from grader.roster import Person
from grader.roster.matching import match


class Fate(StrEnum):
    """What becomes of a row or a submission."""

    CHANGED = "changed"
    SAME = "as it is"
    HELD_BACK = "held back"
    """There is no grade yet, or the LMS would not take it."""
    NO_ROW = "not in the sheet"
    NO_SUBMISSION = "no submission"


class Candidate(msgspec.Struct, frozen=True):
    """A submission, and what is known of whose it is."""

    entry: Entry
    person: Person


class Filled(msgspec.Struct, frozen=True):
    """One row of the sheet, or one submission that has none.

    Attributes
    ----------
    fate : Fate
        What becomes of it.
    who : str
        The student as the sheet names them, else the submission's key.
    before, after : str
        The grade's cell.
    why : str
        In a clause, where nothing is written.
    key : str
        The submission's; empty if there is none.
    late : bool
        Whether the LMS says that it was handed in late.
    """

    fate: Fate
    who: str
    before: str = ""
    after: str = ""
    why: str = ""
    key: str = ""
    late: bool = False


class Filling(msgspec.Struct, frozen=True):
    """A sheet with its grades.

    Attributes
    ----------
    data : bytes
        The whole file.
    lines : tuple of Filled
        Every row and every submission.
    """

    data: bytes
    lines: tuple[Filled, ...]

    @property
    def complete(self) -> bool:
        """Whether every submission's grade is in the sheet."""
        return not any(line.fate in (Fate.HELD_BACK, Fate.NO_ROW) for line in self.lines)


def fill(sheet: Sheet, layout: Layout, candidates: Sequence[Candidate]) -> Filling:
    """Put grades into a sheet.

    Parameters
    ----------
    sheet : Sheet
        As downloaded.
    layout : Layout
        Where its columns and rows are.
    candidates : sequence of Candidate
        The batch's submissions.
    """
    matches = [match(layout.lines, one.person) for one in candidates]
    claims = Counter(found.student.row for found in matches if found.student is not None)
    cells: dict[tuple[int, int], str] = {}
    lines = []
    for one, found in zip(candidates, matches, strict=True):
        entry, line, late = one.entry, found.student, is_late(one.entry)
        if line is None:
            lines.append(Filled(Fate.NO_ROW, entry.key, "", "", found.why, entry.key, late))
            continue
        before = sheet.value(line.row, layout.grade)
        if claims[line.row] > 1:
            why = f"{claims[line.row]} submissions fit this row"
        else:
            why = why_no_grade(entry) or _refused(entry, line)
        if why or entry.report is None:
            lines.append(Filled(Fate.HELD_BACK, line.name, before, before, why, entry.key, late))
            continue
        after = grade_text(entry.report, layout.comma)
        fate = Fate.SAME if _equal(before, after) else Fate.CHANGED
        if fate is Fate.CHANGED:
            cells[line.row, layout.grade] = after
        if layout.feedback is not None:
            comment = harmless(comment_on(entry.report))
            if sheet.value(line.row, layout.feedback) != comment:
                cells[line.row, layout.feedback] = comment
        lines.append(Filled(fate, line.name, before, after, "", entry.key, late))
    for line in layout.lines:
        if line.row not in claims:
            before = sheet.value(line.row, layout.grade)
            lines.append(Filled(Fate.NO_SUBMISSION, line.name, before, before))
    return Filling(sheet.changed(cells), tuple(lines))


def is_late(entry: Entry) -> bool:
    """Tell whether the LMS says that a submission was handed in late."""
    lms = entry.report.submission.lms if entry.report is not None else None
    return (lms or {}).get("late") == "yes"


def why_no_grade(entry: Entry) -> str:
    """Return in a clause why a submission has no grade yet; empty if it has one."""
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


def grade_text(report: Report, comma: bool = False) -> str:
    """Return the score to two decimals, as people write it."""
    text = f"{report.score:.2f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if comma else text


def comment_on(report: Report) -> str:
    """Return the points in a sentence; nothing of the student's own making is in it."""
    items = (f"{item.id} {item.points or 0:.4g}/{item.max_points:g}" for item in report.items)
    return html.escape(f"{grade_text(report)} of {report.max_score:g} points: {', '.join(items)}.")


def _refused(entry: Entry, line: Line) -> str:
    if line.closed:
        return line.closed
    score = entry.report.score if entry.report is not None else None
    if line.largest is not None and score is not None and score > line.largest:
        return f"the LMS takes {line.largest:g} points at most, and would skip it silently"
    return ""


def _equal(before: str, after: str) -> bool:
    try:
        return float(before.replace(",", ".")) == float(after.replace(",", "."))
    except ValueError:
        return False
