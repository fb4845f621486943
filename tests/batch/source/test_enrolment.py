"""The class list beside what was handed in: nobody is guessed, nobody is forgotten."""

from __future__ import annotations

from pathlib import Path

from grader.batch.source.enrolment import enrol
from grader.batch.source.handed import Handed
from grader.roster import Roster, Student


def handed(key: str, archive: str, **lms: str) -> Handed:
    return Handed(key, Path("/x.zip"), archive, lms or None)


CLASS = Roster(
    Path("students.csv"),
    (
        Student(2, "Jane Doe", {"canvas": "901"}, 11),
        Student(3, "John Roe", {}, 12),
        Student(4, "Ann Poe", {}, 13),
    ),
)


def test_each_submission_gets_its_student_s_number() -> None:
    found = enrol(
        [
            handed("canvas-901", "JOHN_ROE_LAB3.zip", lms="canvas", user_id="901"),
            handed("moodle-5", "lab.zip", lms="moodle", participant="5", name="John Roe"),
        ],
        CLASS,
        "LAB3",
    )
    assert [one.seed for one in found.handed] == [11, 12]
    assert found.unknown == ()
    assert found.missing == ("Ann Poe (line 4, number 13) has no submission.",)


def test_two_submissions_of_one_student_get_no_number_and_are_named() -> None:
    found = enrol(
        [handed("A", "ANN_POE_LAB3.zip"), handed("A~2", "POE_ANN_LAB3.zip")], CLASS, "LAB3"
    )
    assert [one.seed for one in found.handed] == [None, None]
    assert len(found.unknown) == 2
    assert all("2 submissions fit" in line for line in found.unknown)
    assert not any("Ann Poe" in line for line in found.missing)


def test_whoever_is_not_in_the_list_is_named_and_keeps_being_graded() -> None:
    found = enrol([handed("EVE", "EVE_\x1b[2J_LAB3.zip")], CLASS, "LAB3")
    assert [one.seed for one in found.handed] == [None]
    (line,) = found.unknown
    assert "has no number from the class list" in line
    assert "\x1b" not in line


def test_without_a_class_list_nothing_changes() -> None:
    one = handed("EVE", "EVE_ADAM_LAB3.zip")
    assert enrol([one], None, "LAB3").handed == (one,)
