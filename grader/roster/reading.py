"""Reads students.csv, whatever its columns are called, and says by line what is wrong with it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from grader.errors import ConfigurationError
from grader.intake import listed, quoted
from grader.roster.students import Roster, Student

LARGEST_SEED = 2**32 - 1
_BYTES = 16 << 20

# What columns are called, in lower case, with a space for every sign between words.
_NAME = {"name", "student", "student name", "full name", "display name", "sortable name"}
_FIRST = {"first", "first name", "firstname", "given name", "given names", "forename", "vorname"}
_LAST = {"last", "last name", "lastname", "surname", "family name", "familyname", "nachname"}
# From the surest down: the first of these that is there is what goes to cifar100.
_SEEDS = (
    {"seed", "cifar seed", "cifar100 seed", "student seed"},
    {
        *("student id", "studentid", "student number", "student no", "sid", "id number"),
        *("sis user id", "sis id", "matriculation number", "matrikelnummer", "matriculation"),
    },
    {"id", "number"},
)
_IDS = {
    "canvas": {"canvas id", "canvas user id", "id"},
    "moodle": {"moodle id", "participant", "participant id", "identifier", "participant number"},
    "lms": {"lms id", "lms user id", "user id", "userid"},
    "student": _SEEDS[1],
    "login": {"login", "login id", "sis login id", "username", "user name", "account"},
    "email": {"email", "e mail", "email address", "mail"},
}
# A row of a downloaded gradebook that is no student's.
_NOT_STUDENTS = ("points possible", "student, test", "test student")


class _Columns(msgspec.Struct, frozen=True):
    """Where in a row things stand."""

    name: tuple[int, ...]
    seed: int
    ids: dict[str, int]


def read_roster(path: Path) -> Roster:
    """Read a class list.

    Parameters
    ----------
    path : Path
        CSV with a header line; separated by commas, semicolons or tabs. It needs a name (in one
        column or two) and a number: `seed`, else the student's number.

    Raises
    ------
    ConfigurationError
        If it cannot be read, a column is missing or twice there, or a line is wrong.
    """
    text = _text(path)
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    students: list[Student] = []
    columns = None
    while True:
        line = reader.line_num + 1
        try:
            row = [cell.strip() for cell in next(reader)]
        except StopIteration:
            break
        except csv.Error as error:
            raise _wrong(path, line, f"cannot be read ({error})", "Mend its quotes.") from error
        if not any(row):
            continue
        if columns is None:
            columns = _columns(path, line, row)
        elif not _is_nobody(columns, row):
            students.append(_student(path, line, columns, row))
    if not students:
        raise ConfigurationError(
            f"{path} holds no students.", "It needs a header line and a line for each student."
        )
    _check_unique(path, students)
    return Roster(path, tuple(students))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(
            f"The class list {path} cannot be read ({error.strerror}).", "Check the path."
        ) from error
    if len(data) > _BYTES or data[:4] == b"PK\x03\x04":
        raise ConfigurationError(f"{path} is no class list in CSV.", "Save the sheet as CSV.")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What spreadsheets on Windows write where they are not asked for UTF-8.
        return data.decode("cp1252", errors="replace")


def _columns(path: Path, line: int, header: Sequence[str]) -> _Columns:
    words = [re.sub(r"[\W_]+", " ", cell.casefold()).strip() for cell in header]

    def one(names: set[str]) -> int | None:
        found = [n for n, word in enumerate(words) if word in names]
        if len(found) > 1:
            twice = " and ".join(quoted(header[n]) for n in found)
            raise _wrong(
                path,
                line,
                f"has the columns {twice}, and either could be meant",
                "Rename or remove one; the number for cifar100 may be called `seed`.",
            )
        return found[0] if found else None

    first, last = one(_FIRST), one(_LAST)
    whole = one(_NAME) if first is None or last is None else None
    if first is not None and last is not None:
        name: tuple[int, ...] = (first, last)
    elif whole is not None:
        name = (whole,)
    else:
        raise _wrong(
            path,
            line,
            f"has no column for names among {listed(list(header), 8)}",
            "Call it `name`, or have `first name` and `last name`.",
        )
    seed = next((n for names in _SEEDS if (n := one(names)) is not None), None)
    if seed is None:
        raise _wrong(
            path,
            line,
            f"has no column for the students' numbers among {listed(list(header), 8)}",
            "Call it `seed` or `student id`.",
        )
    ids = {kind: n for kind, names in _IDS.items() if (n := one(names)) is not None}
    if words[seed] in _SEEDS[2]:
        # The only number there is: the student's own, and not Canvas's.
        ids.pop("canvas", None)
        ids["student"] = seed
    return _Columns(name, seed, ids)


def _is_nobody(columns: _Columns, row: Sequence[str]) -> bool:
    name = row[columns.name[0]] if columns.name[0] < len(row) else ""
    return len(columns.name) == 1 and name.casefold().startswith(_NOT_STUDENTS)


def _student(path: Path, line: int, columns: _Columns, row: Sequence[str]) -> Student:
    needed = max(*columns.name, columns.seed)
    if len(row) <= needed:
        raise _wrong(
            path, line, f"has {len(row)} cells, and {needed + 1} are needed", "Fill them in."
        )
    name = " ".join(row[n] for n in columns.name if row[n])
    if not any(map(str.isalpha, name)):
        raise _wrong(path, line, "has no name", "Fill it in, or remove the line.")
    given = row[columns.seed]
    # A column with an empty cell somewhere is one of floats to many tools.
    digits = given.removesuffix(".0")
    if not re.fullmatch(r"[0-9]{1,10}", digits) or int(digits) > LARGEST_SEED:
        found = f"{quoted(given)} for {quoted(name)}" if given else f"no number for {quoted(name)}"
        raise _wrong(
            path,
            line,
            f"has {found}",
            f"The number that goes to cifar100 is a whole one from 0 to {LARGEST_SEED}.",
        )
    ids = {kind: row[n].casefold() for kind, n in columns.ids.items() if n < len(row) and row[n]}
    if "moodle" in ids:
        # The grading worksheet says `Participant 1234`.
        ids["moodle"] = ids["moodle"].removeprefix("participant ").strip()
    return Student(line, name, ids, int(digits))


def _check_unique(path: Path, students: Sequence[Student]) -> None:
    seen: dict[tuple[str, str], Student] = {}
    for student in students:
        for kind, value in {**student.ids, "seed": str(student.seed)}.items():
            other = seen.setdefault((kind, value), student)
            if other is not student:
                raise _wrong(
                    path,
                    student.line,
                    f"gives {quoted(student.name)} the {kind} {quoted(value)}, which "
                    f"{quoted(other.name)} of line {other.line} has",
                    "Mend one, or remove a student who is there twice.",
                )


def _wrong(path: Path, line: int, what: str, do: str) -> ConfigurationError:
    return ConfigurationError(f"{path}, line {line}, {what}.", do)
