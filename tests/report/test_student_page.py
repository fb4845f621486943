"""The student's page: whole, safe to open, and without anything that only staff may see."""

from __future__ import annotations

import msgspec
import pytest

from grader.model import Decision, Outcome, Report, SubmissionStamp
from grader.report.student_page import name_of, student_page
from tests.report.html_page import Page, assert_accessible, assert_needs_nothing_else
from tests.report.samples import EVIL, FULL, PLOTS, SECRET, evil_report, report_of


def page_of(report: Report) -> Page:
    return Page(student_page(report, "LAB3"))


@pytest.mark.parametrize("report", [report_of(), evil_report()], ids=["plain", "evil"])
def test_a_page_is_one_file_that_anyone_can_read(report: Report) -> None:
    page = page_of(report)
    assert_needs_nothing_else(page)
    assert_accessible(page)


def test_what_a_student_wrote_is_text_and_nothing_else() -> None:
    document = student_page(evil_report(), "LAB3").decode()
    page = Page(document.encode())
    assert page.all("img") == []
    assert not [char for char in document if ord(char) < 32 and char != "\n"]
    assert not set("\u202e\u2066\x00\x1b") & set(document)
    # The name, the archive, the flag, the note, and what was said of items and cases.
    assert page.text.count("<script>alert(1)</script>\\x00\\u202egnp.") >= 7
    assert EVIL not in page.text


def test_a_student_sees_points_and_feedback_and_nothing_for_staff() -> None:
    text = page_of(report_of()).text
    for expected in ("Ada Lovelace", "5 of 15", "many rows: the result is not", "1 of 2 cases"):
        assert expected in " ".join(text.split()), expected
    for secret in (SECRET, "7.25", "proposed", "Proposed"):
        assert secret not in text


def test_a_score_that_may_still_rise_is_said_to_be_no_grade() -> None:
    assert "This is no final grade" in page_of(report_of()).text
    assert "This is no final grade" not in page_of(report_of(provisional=False)).text


def test_no_score_is_not_shown_as_zero() -> None:
    broken = msgspec.structs.replace(
        FULL, outcome=Outcome.GRADER_ERROR, points=None, feedback=(SECRET,), cases=()
    )
    text = page_of(report_of(broken, score=None, score_note=None)).text
    assert "no score yet" in text
    assert "for a reason that is not yours" in text
    assert SECRET not in text


def test_a_decision_s_reason_is_told_and_not_who_made_it() -> None:
    decision = Decision("Bob", "2026-11-24T10:00:00+01:00", "axes", 8.0, Outcome.NEEDS_REVIEW)
    decided = msgspec.structs.replace(PLOTS, decision=decision, points=8.0)
    text = page_of(report_of(decided)).text
    assert "8 points. axes" in text
    assert "Bob" not in text


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        (SubmissionStamp("a.zip", "", "JEAN_LUC", "PICARD"), "Jean Luc Picard"),
        (SubmissionStamp("a.zip", "", None, "PICARD"), "Picard"),
        (SubmissionStamp("a.zip", "", None, None), "a.zip"),
        (SubmissionStamp("a.zip", "", "A", "B", {"name": "Åse Berg"}), "Åse Berg"),
    ],
)
def test_a_student_is_called_by_name_as_far_as_it_is_known(
    stamp: SubmissionStamp, expected: str
) -> None:
    assert name_of(stamp) == expected
