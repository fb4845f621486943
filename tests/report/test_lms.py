"""Grades into sheets: to the right row, only when they are grades, and feedback to its student."""

from __future__ import annotations

import io
import json
import zipfile

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.batch.source.lms.canvas import read_canvas_name
from grader.batch.source.lms.moodle import read_moodle_name
from grader.errors import ConfigurationError
from grader.lab import find_project
from grader.model import (
    CaseResult,
    Entry,
    ItemResult,
    Outcome,
    Report,
    SubmissionStamp,
    Suite,
    SuiteStamp,
)
from grader.report.lms.columns import canvas_layout, moodle_layout, plain_layout
from grader.report.lms.feedback import feedback_stem, write_feedback
from grader.report.lms.filling import Candidate, Fate, Filling, fill
from grader.report.lms.grade import grade_of
from grader.report.lms.results_json import results_json
from grader.report.lms.sheet import Sheet
from grader.roster import Person
from grader.scoring import total

LAB = find_project().lab


def report_of(lms: dict[str, str] | None = None, **outcomes: Outcome) -> Report:
    """Return a report; items pass unless said otherwise."""
    items = []
    for line in LAB.rubric:
        outcome = outcomes.get(line.id, Outcome.PASSED)
        points = {Outcome.PASSED: line.points, Outcome.PARTIAL: line.points / 3}.get(outcome)
        case = CaseResult(
            f"{line.id}/secret-case",
            Suite.HIDDEN,
            outcome,
            1.0,
            seconds=1.5,
            about="It does what the handout says.",
            feedback=("The shape is wrong.",),
            diagnostics=("expected SECRET-VALUE",),
        )
        items.append(
            ItemResult(
                line.id,
                line.description,
                line.points,
                outcome,
                points,
                proposed=3.0,
                cases=(case,),
                output="SECRET-OUTPUT",
            )
        )
    score = total(items)
    return Report(
        submission=SubmissionStamp("A_B_LAB3.zip", "0" * 64, "A", "B", lms),
        score=score.score,
        max_score=100.0,
        provisional=score.provisional,
        score_note=score.note,
        items=tuple(items),
        flags=(),
        suite=SuiteStamp("1", "0", 1, True),
        sandbox=None,
        timings={},
        graded_at="2026-11-24T10:00:00+00:00",
        grader_version="1",
    )


def candidate(
    key: str, *names: str, ids: dict[str, str] | None = None, report: Report | None = None
) -> Candidate:
    return Candidate(grade_of(Entry(key, "x.zip", report)), Person(ids or {}, names))


GRADED = report_of(relu=Outcome.PARTIAL)
"""93.333… points."""
WAITING = report_of(plots=Outcome.NEEDS_REVIEW)
BROKEN = report_of(full=Outcome.GRADER_ERROR)
LEFT_OUT = report_of(better_cifar=Outcome.NOT_RUN)

CANVAS = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,LAB3 (4711),Current Score\r\n"
    "    Points Possible,,,,,100,(read only)\r\n"
    '"Doe, Jane",901,0042,jdoe,"A ""1""",,12\r\n'
    '"Roe, John",902,0043,jroe,A,50,12\r\n'
    '"Poe, Ann",903,0044,apoe,A,EX,12\r\n'
    '"Student, Test",999,,,A,,\r\n'
).encode()


def fates(filling: Filling) -> dict[str, Fate]:
    return {line.key or line.who: line.fate for line in filling.lines}


def in_canvas(*candidates: Candidate, data: bytes = CANVAS) -> Filling:
    sheet = Sheet.read(data)
    return fill(sheet, canvas_layout(sheet, None, "LAB3"), candidates)


def test_canvas_s_gradebook_changes_in_one_cell() -> None:
    filling = in_canvas(candidate("c", ids={"canvas": "901"}, report=GRADED))
    assert filling.data == CANVAS.replace(b'1""",,12', b'1""",93.33,12')
    assert fates(filling) == {
        "c": Fate.CHANGED,
        "Roe, John": Fate.NO_SUBMISSION,
        "Poe, Ann": Fate.NO_SUBMISSION,
    }
    assert filling.complete


@pytest.mark.parametrize(
    ("report", "why"),
    [
        (WAITING, "a person must decide on plots"),
        (BROKEN, "it needs a regrade"),
        (None, "it needs a regrade"),
        (LEFT_OUT, "better_cifar was not graded"),
    ],
)
def test_what_is_no_grade_is_never_a_number(report: Report | None, why: str) -> None:
    filling = in_canvas(candidate("c", ids={"canvas": "902"}, report=report))
    assert filling.data == CANVAS
    assert filling.lines[0].fate is Fate.HELD_BACK
    assert filling.lines[0].why == why
    assert not filling.complete


def test_nobody_gets_a_grade_by_a_guess() -> None:
    filling = in_canvas(
        candidate("one", "JANE DOE", report=GRADED),
        candidate("two", "doe jane", report=GRADED),
        candidate("stranger", "EVE ADAM", report=GRADED),
        candidate("excused", ids={"student": "44"}, report=GRADED),
    )
    assert filling.data == CANVAS
    assert fates(filling) == {
        "one": Fate.HELD_BACK,
        "two": Fate.HELD_BACK,
        "stranger": Fate.NO_ROW,
        "excused": Fate.HELD_BACK,
        "Roe, John": Fate.NO_SUBMISSION,
    }


def test_a_grade_that_is_there_already_is_left_as_it_is_written() -> None:
    data = CANVAS.replace(b",50,", b",93.330,")
    filling = in_canvas(candidate("c", "JOHN ROE", report=GRADED), data=data)
    assert filling.data == data
    assert fates(filling)["c"] is Fate.SAME


@pytest.mark.parametrize(
    ("data", "column", "said"),
    [
        (b"name,grade\nJane,1\n", None, "is no Canvas gradebook"),
        (CANVAS.replace(b"LAB3 (", b"LAB2 ("), None, "No column is for this lab's grades"),
        (CANVAS.replace(b"Current Score", b"LAB 3 redo (4712)"), None, "2 columns are for"),
        (CANVAS, "Current Score", "No column is called"),
    ],
)
def test_a_column_that_is_not_clear_is_asked_for(
    data: bytes, column: str | None, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        canvas_layout(Sheet.read(data), column, "LAB3")


MOODLE = (
    b"Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,"
    b"Last modified (submission),Last modified (grade),Feedback comments\n"
    b'Participant 7,Jane Doe,jane@x.edu,Submitted,,100.00,Yes,"Monday, 1","-",\n'
    b"Participant 8,John Roe,john@x.edu,Submitted,,100.00,No,-,-,old\n"
    b"Participant 9,Ann Poe,ann@x.edu,Submitted,,50.00,Yes,-,-,\n"
)


def in_moodle(data: bytes, *candidates: Candidate) -> Filling:
    sheet = Sheet.read(data)
    return fill(sheet, moodle_layout(sheet, None, None), candidates)


def test_moodle_s_sheet_gets_a_grade_and_a_comment() -> None:
    filling = in_moodle(MOODLE, candidate("m", ids={"moodle": "7"}, report=GRADED))
    before, after = MOODLE.decode().splitlines(), filling.data.decode().splitlines()
    assert [n for n, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]] == [
        1
    ]
    assert after[1].startswith("Participant 7,Jane Doe,jane@x.edu,Submitted,93.33,100.00,Yes,")
    assert "93.33 of 100 points: structure 10/10" in after[1]


def test_what_moodle_would_skip_silently_is_held_back_and_said() -> None:
    filling = in_moodle(
        MOODLE,
        candidate("locked", ids={"moodle": "8"}, report=GRADED),
        candidate("too many", ids={"email": "ann@x.edu"}, report=GRADED),
    )
    assert filling.data == MOODLE
    assert ["silently" in line.why for line in filling.lines[:2]] == [True, True]
    sheet = Sheet.read(MOODLE)
    assert "Moodle skips rows whose grade is blank" in moodle_layout(sheet, None, None).remarks[0]


def test_moodle_s_sheet_may_be_in_another_language_with_decimal_commas() -> None:
    data = (
        "ID;Vollständiger Name;E-Mail-Adresse;Bewertung;Höchste Bewertung;"
        "Bewertung kann geändert werden;Feedback als Kommentar\r\n"
        "Teilnehmer/in7;Jane Doe;j@x.de;;100,00;Ja;\r\n"
        "Teilnehmer/in8;John Roe;r@x.de;;100,00;Nein;\r\n"
    ).encode()
    filling = in_moodle(
        data,
        candidate("m", ids={"moodle": "7"}, report=GRADED),
        candidate("n", ids={"moodle": "8"}, report=GRADED),
    )
    assert b"7;Jane Doe;j@x.de;93,33;100,00;Ja;" in filling.data
    assert filling.lines[1].fate is Fate.HELD_BACK


def test_any_sheet_can_be_filled_by_the_columns_that_are_named() -> None:
    sheet = Sheet.read(b"sid\tfirst name\tlast name\tpoints\tremark\n42\tJane\tDoe\t\t\n")
    layout = plain_layout(sheet, "Points", "remark")
    filling = fill(sheet, layout, [candidate("x", ids={"student": "0042"}, report=GRADED)])
    assert b"42\tJane\tDoe\t93.33\t93.33 of 100 points" in filling.data
    with pytest.raises(ConfigurationError, match="none of which says whose a row is"):
        plain_layout(Sheet.read(b"a,grade\n1,2\n"), None, None)


# Feedback


def test_feedback_has_the_names_of_the_download_and_nothing_for_staff() -> None:
    canvas = {"lms": "canvas", "user_id": "1", "attachment_id": "2", "file": "doejane_1_2_x-1.zip"}
    moodle = {"lms": "moodle", "participant": "7", "folder": "Jane Doe_7_assignsubmission_file_"}
    hostile = {"lms": "canvas", "file": "../..\\x.zip"}
    reports = [
        (f"key{n}", report_of(lms, relu=Outcome.FAILED))
        for n, lms in enumerate([canvas, moodle, hostile, None])
    ]
    first, second = io.BytesIO(), io.BytesIO()
    write_feedback(first, reports, "LAB3")
    write_feedback(second, reports, "LAB3")
    assert first.getvalue() == second.getvalue()
    with zipfile.ZipFile(first) as archive:
        names = archive.namelist()
        assert names[::2] == [
            "doejane_1_2_x-1.html",
            "Jane Doe_7_assignsubmission_file_/feedback.html",
            ".._x.html",
            "key3/feedback.html",
        ]
        assert not any(".." in name.split("/") or name.startswith("/") for name in names)
        for name in names:
            text = archive.read(name).decode()
            assert "SECRET" not in text
            assert "The shape is wrong." in text


NUMBERS = st.integers(0, 10**9).map(str)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="/\0\\"), min_size=1, max_size=12)


@given(st.text("abcxyz", max_size=8), st.booleans(), NUMBERS, NUMBERS, TEXTS)
def test_canvas_finds_its_students_again_by_the_names_of_feedback_files(
    sort: str, late: bool, user: str, attachment: str, chosen: str
) -> None:
    file = f"{sort}{'_LATE' if late else ''}_{user}_{attachment}_{chosen}.zip"
    downloaded = read_canvas_name(file)
    assert downloaded is not None
    stem = feedback_stem("key", report_of(downloaded.lms))
    returned = read_canvas_name(f"{stem}.html")
    assert returned is not None
    assert (returned.user, returned.attachment) == (user, attachment)


@given(TEXTS, NUMBERS, st.sampled_from(["", "_"]))
def test_so_does_moodle_by_folders(name: str, participant: str, tail: str) -> None:
    folder = f"{name}_{participant}_assignsubmission_file{tail}"
    downloaded = read_moodle_name(folder)
    assert downloaded is not None
    stem = feedback_stem("key", report_of(downloaded.lms))
    assert stem == f"{folder}/feedback"


# Gradescope's results.json


def test_results_show_what_a_student_s_report_shows_and_hide_no_total() -> None:
    document = json.loads(results_json(report_of(relu=Outcome.FAILED, softmax=Outcome.PARTIAL)))
    text = json.dumps(document)
    assert "SECRET" not in text
    assert "The shape is wrong." in text
    # One hidden test would hide the total.
    assert {test["visibility"] for test in document["tests"]} == {"visible"}
    assert document["stdout_visibility"] == "hidden"
    assert document["score"] == pytest.approx(75 + 5)
    assert [test["tags"] for test in document["tests"]] == [[line.id] for line in LAB.rubric]


def test_results_make_no_zero_up() -> None:
    document = json.loads(results_json(BROKEN))
    assert "score" not in document
    full = document["tests"][1]
    assert "score" not in full
    assert "not known yet" in full["name"]
    waiting = json.loads(results_json(WAITING))
    assert waiting["score"] == 90
    assert "needs a person's decision" in waiting["output"]


def test_results_so_far_say_that_they_are() -> None:
    early = msgspec.structs.replace(report_of(full=Outcome.NOT_RUN), score=None)
    document = json.loads(results_json(early, remarks=["Late."], done=False))
    assert document["score"] == 0
    assert document["output"].startswith("Late.\n\nThe autograder has not ended")
    assert document["tests"][1]["output"] == "Not judged yet."
