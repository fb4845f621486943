"""Decides which grade goes into which row, and says of every other why it goes nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from grader.report.lms.columns import Layout, Line
from grader.report.lms.grade import Grade, score_text
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
    """What a submission comes to, and what is known of whose it is."""

    grade: Grade
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
        grade, line = one.grade, found.student
        key, late = grade.key, grade.late
        if line is None:
            lines.append(Filled(Fate.NO_ROW, key, "", "", found.why, key, late))
            continue
        before = sheet.value(line.row, layout.grade)
        if claims[line.row] > 1:
            why = f"{claims[line.row]} submissions fit this row"
        else:
            why = grade.why or _refused(grade, line)
        if why or grade.score is None:
            lines.append(Filled(Fate.HELD_BACK, line.name, before, before, why, key, late))
            continue
        after = score_text(grade.score, layout.comma)
        fate = Fate.SAME if _equal(before, after) else Fate.CHANGED
        if fate is Fate.CHANGED:
            cells[line.row, layout.grade] = after
        if layout.feedback is not None:
            comment = harmless(grade.comment)
            if sheet.value(line.row, layout.feedback) != comment:
                cells[line.row, layout.feedback] = comment
        lines.append(Filled(fate, line.name, before, after, "", key, late))
    for line in layout.lines:
        if line.row not in claims:
            before = sheet.value(line.row, layout.grade)
            lines.append(Filled(Fate.NO_SUBMISSION, line.name, before, before))
    return Filling(sheet.changed(cells), tuple(lines))


def _refused(grade: Grade, line: Line) -> str:
    if line.closed:
        return line.closed
    if line.largest is not None and grade.score is not None and grade.score > line.largest:
        return f"the LMS takes {line.largest:g} points at most, and would skip it silently"
    return ""


def _equal(before: str, after: str) -> bool:
    try:
        return float(before.replace(",", ".")) == float(after.replace(",", "."))
    except ValueError:
        return False
