"""The page that a student gets: their own report, without anything that only staff may see."""

from __future__ import annotations

import sys

from grader.model import CaseResult, Report, SubmissionStamp
from grader.report.json_report import for_students
from grader.report.page import Limits, render


def student_page(report: Report, lab_name: str) -> bytes:
    """Return a page about one submission, for the student: one HTML file that needs no other.

    Parameters
    ----------
    report : Report
        Everything that is known; what is for staff is left out here.
    lab_name : str
        Such as `LAB3`.
    """
    safe = for_students(report)
    return render(
        "student.html",
        report=safe,
        lab=lab_name,
        name=name_of(safe.submission),
        link=_nowhere,
        limits=Limits(cases=sys.maxsize, output=0),
    )


def name_of(stamp: SubmissionStamp) -> str:
    """Return the student's name as far as it is known, else the archive's."""
    given = (stamp.lms or {}).get("name")
    parts = [part.replace("_", " ").title() for part in (stamp.first_name, stamp.last_name) if part]
    return given or " ".join(parts) or stamp.archive


def _nowhere(_case: CaseResult) -> str:
    """Lead nowhere: only the class's page tells of cases elsewhere."""
    return ""
