"""Makes the zip of feedback files, under the names that the LMS finds their students by."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from pathlib import PurePosixPath

from grader.model import Audience, Entry
from grader.report.json_report import to_json
from grader.report.student_page import student_page

_DATE = (1980, 1, 1, 0, 0, 0)
_FILE = 0o100644 << 16


def feedback_zip(entries: Iterable[Entry], lab_name: str) -> bytes:
    """Zip a page and a report for each student.

    Parameters
    ----------
    entries : iterable of Entry
        Those whose feedback is handed out.
    lab_name : str
        Such as `LAB3`.

    Returns
    -------
    bytes
        The same entries give the same bytes. Canvas finds students by the two numbers in a file's
        name, Moodle by the folder's name, which both are those of the download.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in entries:
            if entry.report is None:
                continue
            stem = feedback_stem(entry)
            contents = {
                "html": student_page(entry.report, lab_name),
                "json": to_json(entry.report, Audience.STUDENT),
            }
            for suffix, content in contents.items():
                info = zipfile.ZipInfo(f"{stem}.{suffix}", _DATE)
                info.external_attr = _FILE
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, content)
    return buffer.getvalue()


def feedback_stem(entry: Entry) -> str:
    """Return the path of a student's feedback in the zip, without its suffix."""
    lms = (entry.report.submission.lms if entry.report is not None else None) or {}
    if lms.get("lms") == "canvas" and "file" in lms:
        return _one_part(PurePosixPath(lms["file"]).stem)
    if lms.get("lms") == "moodle" and "folder" in lms:
        return f"{_one_part(lms['folder'])}/feedback"
    return f"{_one_part(entry.key)}/feedback"


def _one_part(name: str) -> str:
    """Return a name without what could lead out of a folder."""
    plain = re.sub(r"[/\\\0]", "_", name)
    return plain if plain.strip(".") else "_"
