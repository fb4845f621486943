"""Canvas's download: flat, each file's name holding the student, lateness and two numbers.

`doejane_LATE_4711_99012_JANE_DOE_LAB3.zip`, or `LATE_anon_aB3xY_99012_lab.zip` where grading is
anonymous; what was handed in again has `-1` at its end (canvas-lms, lib/content_zipper.rb).
"""

from __future__ import annotations

import re

import msgspec

_FILE = re.compile(
    r"(?:(?P<late_anon>LATE_)?anon_(?P<anon>[0-9A-Za-z]+)|(?P<sort>[^_]*)(?P<late>_LATE)?_(?P<user>\d+))"
    r"_(?P<attachment>\d+)_(?P<display>.+)",
    re.DOTALL,
)
_AGAIN = re.compile(r"-\d+(?=(?:\.[^.]*)?\Z)")


class CanvasName(msgspec.Struct, frozen=True):
    """What a file's name says.

    Attributes
    ----------
    user : str
        The student's number in Canvas, or an anonymous one.
    attachment : str
        The file's number: a later one's is larger.
    late : bool
        Whether it was handed in late.
    display : str
        The name that the student gave the file.
    file : str
        The name as it was downloaded: feedback goes back under it.
    sort : str
        Last and first name in one, in lower case, without what is no letter; empty if anonymous.
    """

    user: str
    attachment: str
    late: bool
    display: str
    file: str
    sort: str

    @property
    def lms(self) -> dict[str, str]:
        """The numbers, for the report."""
        known = {
            "lms": "canvas",
            "user_id": self.user,
            "attachment_id": self.attachment,
            "late": "yes" if self.late else "no",
            "file": self.file,
        }
        return {**known, "sort": self.sort} if self.sort else {**known, "anonymous": "yes"}


def read_canvas_name(name: str) -> CanvasName | None:
    """Read a file's name; None if it is not one of Canvas's."""
    found = _FILE.fullmatch(name)
    if found is None:
        return None
    return CanvasName(
        user=found["anon"] or found["user"],
        attachment=found["attachment"],
        late=bool(found["late"] or found["late_anon"]),
        display=_AGAIN.sub("", found["display"], count=1),
        file=name,
        sort=found["sort"] or "",
    )
