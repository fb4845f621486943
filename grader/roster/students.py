"""What a class list says: its students, each with a name, a number and the LMS's numbers."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Listed(msgspec.Struct, frozen=True):
    """Somebody in a list: a class list, or an LMS's sheet of grades.

    Attributes
    ----------
    line : int
        Where in the file, counted from 1.
    name : str
        First and last name.
    ids : dict of str to str
        The LMS's numbers and names for the student, by kind: `canvas`, `moodle`, `gradescope`,
        `lms` (whichever it is), `student`, `login`, `email`; neither case nor zeros in front count.
    """

    line: int
    name: str
    ids: dict[str, str]


class Student(Listed, frozen=True):
    """A line of the class list.

    Attributes
    ----------
    seed : int
        What the student hands to `cifar100`.
    """

    seed: int


class Roster(msgspec.Struct, frozen=True):
    """A class list.

    Attributes
    ----------
    path : Path
        The file.
    students : tuple of Student
        In the file's order.
    """

    path: Path
    students: tuple[Student, ...]
