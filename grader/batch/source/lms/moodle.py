"""Moodle's download: a folder a student, or flat, the student's name and number before the file's.

`Jane Doe_1234_assignsubmission_file_/lab.zip` (older sites with the last `_`), or
`Jane Doe_1234_assignsubmission_file_lab.zip`; `Participant_1234_…` where grading is anonymous.
"""

from __future__ import annotations

import re

import msgspec

_FIELDS = re.compile(
    r"(?P<name>.*?)_(?P<participant>\d+)_assignsubmission_file(?:_(?P<file>.*))?", re.DOTALL
)
_ANONYMOUS = "Participant"


class MoodleName(msgspec.Struct, frozen=True):
    """What a folder's or a file's name says.

    Attributes
    ----------
    participant : str
        The student's number in this assignment.
    name : str
        First and last name; empty if anonymous.
    file : str
        What comes after: the file's own name in a flat download, else empty.
    folder : str
        What a folder for feedback must be called.
    """

    participant: str
    name: str
    file: str
    folder: str

    @property
    def lms(self) -> dict[str, str]:
        """The numbers, for the report."""
        known = {"lms": "moodle", "participant": self.participant, "folder": self.folder}
        return {**known, "name": self.name} if self.name else {**known, "anonymous": "yes"}


def read_moodle_name(name: str) -> MoodleName | None:
    """Read a folder's or a file's name; None if it is not one of Moodle's."""
    found = _FIELDS.fullmatch(name)
    if found is None or not found["name"]:
        return None
    student = found["name"]
    folder = f"{student}_{found['participant']}_assignsubmission_file"
    file = found["file"] or ""
    return MoodleName(
        participant=found["participant"],
        name="" if student == _ANONYMOUS else student.replace("_", " ").strip(),
        file=file,
        folder=f"{folder}_" if name == f"{folder}_" else folder,
    )
