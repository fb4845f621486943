"""Makes the zip of feedback files, under the names that the LMS finds their students by."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import BinaryIO

from grader.model import Audience, Report
from grader.report.json_report import to_json
from grader.report.student_page import student_page

_DATE = (1980, 1, 1, 0, 0, 0)
_FILE = 0o100644 << 16


def write_feedback(file: BinaryIO, reports: Iterable[tuple[str, Report]], lab_name: str) -> None:
    """Zip a page and a report for each student.

    The same reports give the same bytes. Canvas finds students by the two numbers in a file's name,
    Moodle by the folder's name, which both are those of the download.

    Parameters
    ----------
    file : binary file
        Where to.
    reports : iterable of (str, Report)
        By their submissions' keys; one after the other is asked for.
    lab_name : str
        Such as `LAB3`.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, report in reports:
            stem = feedback_stem(key, report)
            contents = {
                "html": student_page(report, lab_name),
                "json": to_json(report, Audience.STUDENT),
            }
            for suffix, content in contents.items():
                info = zipfile.ZipInfo(f"{stem}.{suffix}", _DATE)
                info.external_attr = _FILE
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, content)


def feedback_stem(key: str, report: Report) -> str:
    """Return the path of a student's feedback in the zip, without its suffix."""
    lms = report.submission.lms or {}
    if lms.get("lms") == "canvas" and "file" in lms:
        return _one_part(PurePosixPath(lms["file"]).stem)
    if lms.get("lms") == "moodle" and "folder" in lms:
        return f"{_one_part(lms['folder'])}/feedback"
    return f"{_one_part(key)}/feedback"


def _one_part(name: str) -> str:
    """Return a name without what could lead out of a folder."""
    plain = re.sub(r"[/\\\0]", "_", name)
    return plain if plain.strip(".") else "_"
