"""What a class list says: its students, each with a name, a number and the LMS's numbers."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Student(msgspec.Struct, frozen=True):
    """A line of the class list.

    Attributes
    ----------
    line : int
        Where in the file, counted from 1.
    name : str
        First and last name.
    seed : int
        What the student hands to `cifar100`.
    ids : dict of str to str
        The LMS's numbers and names for the student, by kind: `canvas`, `moodle`, `lms` (whichever
        it is), `student`, `login`, `email`; case does not count in them.
    """

    line: int
    name: str
    seed: int
    ids: dict[str, str]


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
