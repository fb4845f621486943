"""The LMSs' names: whatever is put into them comes out again, and other names are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.batch.source.lms.canvas import read_canvas_name
from grader.batch.source.lms.gradescope import read_metadata
from grader.batch.source.lms.moodle import read_moodle_name

NUMBERS = st.integers(0, 10**12).map(str)
# What students call their files: anything that a file system takes.
CHOSEN = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1).map(
    lambda name: f"{name}.zip"
)
SORTED = st.text("abcdefghijklmnopqrstuvwxyzäé-", max_size=20)
FULL = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1)


@given(SORTED, st.booleans(), NUMBERS, NUMBERS, CHOSEN)
def test_canvas_s_names_come_apart_whatever_students_call_their_files(
    sort: str, late: bool, user: str, attachment: str, chosen: str
) -> None:
    read = read_canvas_name(f"{sort}{'_LATE' if late else ''}_{user}_{attachment}_{chosen}")
    assert read is not None
    assert (read.sort, read.late, read.user, read.attachment) == (sort, late, user, attachment)
    assert read.display in (chosen, f"{chosen.rpartition('-')[0]}.zip")


@given(st.text("0123456789abcdefgXYZ", min_size=1, max_size=6), st.booleans(), NUMBERS, CHOSEN)
def test_so_do_anonymous_ones(anon: str, late: bool, attachment: str, chosen: str) -> None:
    read = read_canvas_name(f"{'LATE_' if late else ''}anon_{anon}_{attachment}_{chosen}")
    assert read is not None
    assert (read.user, read.late, read.attachment, read.sort) == (anon, late, attachment, "")
    assert read.lms["anonymous"] == "yes"


@pytest.mark.parametrize(
    ("name", "display"),
    [
        ("doejane_1_2_lab-1.zip", "lab.zip"),
        ("doejane_1_2_lab-12.tar.gz", "lab-12.tar.gz"),
        ("doejane_1_2_lab-3", "lab"),
        ("doejane_1_2_a-b.zip", "a-b.zip"),
    ],
)
def test_the_number_of_a_resubmission_is_not_the_student_s(name: str, display: str) -> None:
    read = read_canvas_name(name)
    assert read is not None
    assert read.display == display


@pytest.mark.parametrize(
    "name", ["JANE_DOE_LAB3.zip", "JANE_DOE_1_2_LAB3.zip", "lab3.zip", "JANE_DOE_LAB3_1.zip", ""]
)
def test_a_student_s_own_name_is_not_taken_for_canvas_s(name: str) -> None:
    assert read_canvas_name(name) is None


@given(FULL, NUMBERS, st.one_of(st.none(), st.just(""), CHOSEN))
def test_moodle_s_names_come_apart(name: str, number: str, chosen: str | None) -> None:
    tail = "" if chosen is None else f"_{chosen}"
    written = f"{name}_{number}_assignsubmission_file{tail}"
    read = read_moodle_name(written)
    assert read is not None
    if "_assignsubmission_file" not in name:
        assert read.participant == number
        assert read.file == (chosen or "")
        assert read.name == ("" if name == "Participant" else name.replace("_", " ").strip())
    assert written.startswith(read.folder)


def test_moodle_s_anonymous_students_have_no_name() -> None:
    read = read_moodle_name("Participant_1234_assignsubmission_file_")
    assert read is not None
    assert read.lms == {
        "lms": "moodle",
        "participant": "1234",
        "folder": "Participant_1234_assignsubmission_file_",
        "anonymous": "yes",
    }


@pytest.mark.parametrize("name", ["JANE_DOE_LAB3.zip", "Jane Doe_12_assignsubmission_onlinetext_"])
def test_what_is_not_moodle_s_is_left_alone(name: str) -> None:
    assert read_moodle_name(name) is None


@given(st.text())
def test_any_name_gets_an_answer(name: str) -> None:
    read_canvas_name(name)
    read_moodle_name(name)


@given(st.one_of(st.binary(max_size=200), st.text(":-{}[]&*!|>'\"\n abn0").map(str.encode)))
def test_any_metadata_are_read_or_refused(text: bytes) -> None:
    try:
        read_metadata(text)
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either way is right


@pytest.mark.parametrize(
    ("said", "late"),
    [
        (":late: true", True),
        (":late: false", False),
        (":lateness: '0:00:00'", False),
        (":lateness: '5:03:00'", True),
        (":other: 1", None),
    ],
)
def test_lateness_is_known_where_gradescope_says(said: str, late: bool | None) -> None:
    read = read_metadata(f"submission_1:\n  {said}\n".encode())
    assert read["submission_1"].late is late
