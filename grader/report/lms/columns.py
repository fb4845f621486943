"""Finds the columns of an LMS's sheet, and whose each of its rows is."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import msgspec

from grader.errors import ConfigurationError
from grader.intake import listed, quoted
from grader.report.lms.sheet import Sheet
from grader.roster.students import Listed


class Line(Listed, frozen=True, kw_only=True):
    """A row of a sheet that is a student's.

    Attributes
    ----------
    row : int
        Its index in the sheet.
    largest : float or None
        The most points that the LMS takes; None where the sheet does not say.
    closed : str
        In a clause, why the LMS would take no grade for it; empty if it would.
    """

    row: int
    largest: float | None = None
    closed: str = ""


class Layout(msgspec.Struct, frozen=True):
    """Where in a sheet grades go.

    Attributes
    ----------
    grade : int
        The column of the grade.
    feedback : int or None
        The column of a comment, if the sheet has one.
    lines : tuple of Line
        The students' rows.
    comma : bool
        Whether its numbers have a comma for a point.
    remarks : tuple of str
        What the person should know before anything is written, a sentence each.
    """

    grade: int
    feedback: int | None
    lines: tuple[Line, ...]
    comma: bool = False
    remarks: tuple[str, ...] = ()


def canvas_layout(sheet: Sheet, column: str | None, lab_name: str) -> Layout:
    """Read a gradebook that was downloaded from Canvas.

    Parameters
    ----------
    sheet : Sheet
        Its first row names the columns; the second may hold the points possible.
    column : str or None
        The assignment's title; None for the only one with the lab's name in it.
    lab_name : str
        Such as `LAB3`.

    Raises
    ------
    ConfigurationError
        If it is no such gradebook, or the assignment is not clear.
    """
    names = _header(sheet)
    if len(names) < 4 or "Student" not in names[0] or "ID" not in names[1]:
        raise ConfigurationError(
            f"The sheet begins with {listed(names[:4], 4)}, which is no Canvas gradebook.",
            "Export the gradebook in Canvas, and name that file with --sheet.",
        )
    # What Canvas computes has no number in parentheses behind it, and is read-only.
    titles = [n for n, name in enumerate(names) if re.search(r"\(\d+\)$", name)]
    grade = _chosen(names, titles, column, _holds(lab_name))
    ids = {"canvas": 1, "student": _named(names, {"sis user id"}), "login": _login(names)}
    lines: list[Line] = []
    largest = None
    for row in range(1, len(sheet.rows)):
        name = sheet.value(row, 0)
        if "points possible" in name.casefold():
            largest = _number(sheet.value(row, grade))
        elif name and not name.casefold().startswith("student, test"):
            excused = sheet.value(row, grade).upper() == "EX"
            lines.append(
                Line(
                    row + 1,
                    name,
                    _ids(sheet, row, ids),
                    row=row,
                    closed="the student is excused (EX)" if excused else "",
                )
            )
    return Layout(grade, None, tuple(lines), remarks=_other_maximum(largest, names[grade]))


def moodle_layout(sheet: Sheet, column: str | None, feedback: str | None) -> Layout:
    """Read a grading worksheet that was downloaded from Moodle, in whatever language.

    Raises
    ------
    ConfigurationError
        If it is none, or the column of the grade is not clear.
    """
    names = _header(sheet)
    rows = range(1, len(sheet.rows))
    numbers = {row: found[1] for row in rows if (found := _participant(sheet.value(row, 0)))}
    if not numbers:
        raise ConfigurationError(
            f"The first column, {quoted(names[0])}, names no participants by number.",
            "Download the grading worksheet in Moodle, and name that file with --sheet.",
        )
    every = list(range(1, len(names)))
    grade = _chosen(names, every, column, lambda name: name.casefold() in _MOODLE_GRADES)
    maximum = _named(names, _MOODLE_MAXIMA)
    open_ = _named(names, _MOODLE_OPEN)
    comment = (
        _chosen(names, every, feedback, lambda _: False)
        if feedback is not None
        else _named(names, _MOODLE_COMMENTS)
    )
    lines = []
    for row, number in numbers.items():
        locked = sheet.value(row, open_).casefold() in _MOODLE_NO
        ids = {"moodle": number, **_ids(sheet, row, {"email": _named(names, _EMAILS)})}
        ids |= _ids(sheet, row, {"student": _named(names, {"id number", "id-nummer"})})
        name = sheet.value(row, 1) if grade != 1 else ""
        largest = _number(sheet.value(row, maximum))
        closed = "Moodle has locked its grade, and would skip it silently" if locked else ""
        lines.append(Line(row + 1, name, ids, row=row, largest=largest, closed=closed))
    numeric = [sheet.value(row, c) for row in numbers for c in (grade, maximum)]
    comma = any("," in value for value in numeric) and not any("." in value for value in numeric)
    remarks = [_SKIPPED]
    if comment is None:
        remarks.append("The sheet has no column for feedback comments that is known here.")
    if "," in "".join(value for value in numeric) and sheet.delimiter == ",":
        remarks.append("Its numbers have a decimal comma; they are written in quotes.")
    return Layout(grade, comment, tuple(lines), comma, tuple(remarks))


def plain_layout(sheet: Sheet, column: str | None, feedback: str | None) -> Layout:
    """Read any sheet with a header line, a name or an id, and a column for grades.

    Raises
    ------
    ConfigurationError
        If it has no such columns, or they are not clear.
    """
    names = _header(sheet)
    every = list(range(len(names)))
    grade = _chosen(names, every, column, lambda name: name.casefold() in _GRADES)
    comment = None
    if feedback is not None:
        comment = _chosen(names, every, feedback, lambda _: False)
    first, last = _named(names, {"first name", "first"}), _named(names, {"last name", "last"})
    whole = _named(names, {"name", "full name", "student", "student name"})
    ids = {
        "student": _named(names, {"sid", "student id", "id number", "sis user id", "seed"}),
        "email": _named(names, _EMAILS),
        "gradescope": _named(names, {"submission id"}),
        "lms": _named(names, {"id", "user id", "canvas id", "participant", "moodle id"}),
        "login": _named(names, {"login", "username", "sis login id"}),
    }
    if whole is None and (first is None or last is None) and not any(ids.values()):
        raise ConfigurationError(
            f"The sheet has the columns {listed(names, 8)}, none of which says whose a row is.",
            "Call one `name`, `student id` or `email`.",
        )
    lines = []
    for row in range(1, len(sheet.rows)):
        name = sheet.value(row, whole) or f"{sheet.value(row, first)} {sheet.value(row, last)}"
        known = _ids(sheet, row, ids)
        if name.strip() or known:
            lines.append(Line(row + 1, name.strip(), known, row=row))
    return Layout(grade, comment, tuple(lines))


_SKIPPED = (
    "Moodle skips rows whose grade is blank, and says nothing; so it does with rows that were "
    "graded in Moodle after this sheet was downloaded."
)
_EMAILS = {"email", "email address", "e-mail", "e-mail-adresse", "adresse de courriel"}
_GRADES = {"grade", "score", "points", "total score", "total", "mark"}
# The worksheet's headers in some languages; --column and --feedback-column name others.
_MOODLE_GRADES = {"grade", "bewertung", "note", "calificación", "valutazione", "nota", "cijfer"}
_MOODLE_MAXIMA = {
    *("maximum grade", "höchste bewertung", "bestwertung", "note maximale"),
    *("calificación máxima", "valutazione massima", "maximumcijfer"),
}
_MOODLE_OPEN = {
    *("grade can be changed", "bewertung kann geändert werden", "la note peut être modifiée"),
    *("la calificación puede ser cambiada", "la valutazione può essere modificata"),
}
_MOODLE_NO = {"no", "nein", "non", "nee", "não"}
_MOODLE_COMMENTS = {
    *("feedback comments", "feedback als kommentar", "commentaires de feedback"),
    *("comentarios de retroalimentación", "commenti"),
}


def _participant(identifier: str) -> re.Match[str] | None:
    """Find the number in `Participant 1234`, in whatever language."""
    return re.fullmatch(r"[^\d]*?(\d+)", identifier)


def _header(sheet: Sheet) -> list[str]:
    return [cell.value.strip() for cell in sheet.rows[0]]


def _named(names: list[str], wanted: Collection[str]) -> int | None:
    return next((n for n, name in enumerate(names) if name.casefold() in wanted), None)


def _login(names: list[str]) -> int | None:
    return _named(names, {"sis login id"})


def _chosen(
    names: list[str], candidates: list[int], column: str | None, likely: Callable[[str], bool]
) -> int:
    """Return the one column that was named, or the only likely one."""
    if column is None:
        found = [n for n in candidates if likely(names[n])]
    else:
        found = [n for n in candidates if names[n].casefold() == column.casefold()]
    if len(found) == 1:
        return found[0]
    what = "No column is" if not found else f"{len(found)} columns are"
    asked = "for this lab's grades" if column is None else f"called {quoted(column)}"
    raise ConfigurationError(
        f"{what} {asked}, among {listed([names[n] for n in candidates], 12)}.",
        "Name the column as it stands there, with --column or --feedback-column.",
    )


def _holds(lab_name: str) -> Callable[[str], bool]:
    squeezed = re.sub(r"[\W_]+", "", lab_name.casefold())
    return lambda title: squeezed in re.sub(r"[\W_]+", "", title.casefold())


def _ids(sheet: Sheet, row: int, columns: dict[str, int | None]) -> dict[str, str]:
    return {kind: value for kind, c in columns.items() if (value := sheet.value(row, c))}


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def _other_maximum(largest: float | None, title: str) -> tuple[str, ...]:
    if largest is None:
        return ()
    return (f"Canvas has {largest:g} points possible for {quoted(title)}.",)
