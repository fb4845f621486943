"""What was handed in: every archive is found, the latest of a student's counts, none is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.batch.source import Handed, Source, read_source
from grader.errors import ConfigurationError


def folder_of(tmp_path: Path, *names: str) -> Source:
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return read_source(tmp_path, "LAB3")


def by_key(source: Source) -> dict[str, Handed]:
    return {one.key: one for one in source.handed}


def test_plain_archives_are_found_under_their_students_names(tmp_path: Path) -> None:
    found = folder_of(tmp_path, "JANE_DOE_LAB3.zip", "section b/ANNA_MÜLLER_LAB3.zip")
    assert list(by_key(found)) == ["ANNA_MÜLLER", "JANE_DOE"]


def test_two_archives_of_one_name_may_be_two_students_and_both_count(tmp_path: Path) -> None:
    found = folder_of(
        tmp_path, "a/lab3.zip", "b/lab3.zip", "c/JANE_DOE_LAB3.zip", "JANE_DOE_LAB3.zip"
    )
    assert len(found.handed) == 4
    assert len({one.key for one in found.handed}) == 4
    assert all(one.superseded == () for one in found.handed)


def test_canvas_says_whose_and_when_and_the_latest_counts(tmp_path: Path) -> None:
    found = folder_of(
        tmp_path,
        "doejane_4711_99012_JANE_DOE_LAB3.zip",
        "doejane_LATE_4711_99100_JANE_DOE_LAB3-1.zip",
        "roejohn_4712_99013_JOHN_ROE_LAB3.zip",
    )
    jane = by_key(found)["canvas-4711"]
    assert jane.path.name == "doejane_LATE_4711_99100_JANE_DOE_LAB3-1.zip"
    assert jane.name == "JANE_DOE_LAB3.zip"
    assert jane.lms == {
        "lms": "canvas",
        "user_id": "4711",
        "attachment_id": "99100",
        "late": "yes",
    }
    assert jane.superseded == ("doejane_4711_99012_JANE_DOE_LAB3.zip",)
    assert by_key(found)["canvas-4712"].superseded == ()


def test_anonymous_canvas_submissions_are_told_apart(tmp_path: Path) -> None:
    found = folder_of(tmp_path, "anon_17_99_lab.zip", "LATE_anon_18_98_lab.zip")
    assert [(one.key, (one.lms or {})["late"]) for one in found.handed] == [
        ("canvas-17", "no"),
        ("canvas-18", "yes"),
    ]


@pytest.mark.parametrize("tail", ["", "_"])
def test_moodle_folders_say_whose_an_archive_is(tmp_path: Path, tail: str) -> None:
    folder = f"Jane Doe_1234_assignsubmission_file{tail}"
    found = folder_of(tmp_path, f"{folder}/JANE_DOE_LAB3.zip", f"{folder}/old.zip")
    (jane,) = found.handed
    assert jane.key == "moodle-1234"
    assert jane.lms == {"lms": "moodle", "participant": "1234", "name": "Jane Doe"}
    assert len(jane.superseded) == 1


def test_flat_moodle_downloads_keep_the_student_s_file_name(tmp_path: Path) -> None:
    found = folder_of(tmp_path, "Jane Doe_1234_assignsubmission_file_JANE_DOE_LAB3.zip")
    assert found.handed[0].name == "JANE_DOE_LAB3.zip"


def test_what_is_no_archive_is_named(tmp_path: Path) -> None:
    found = folder_of(tmp_path, "JANE_DOE_LAB3.zip", "JOHN_ROE_LAB3.rar", ".hidden.zip")
    assert [one.key for one in found.handed] == ["JANE_DOE"]
    assert found.passed_over == ("JOHN_ROE_LAB3.rar is no zip archive and was passed over.",)


def test_a_key_is_a_harmless_name_for_a_folder(tmp_path: Path) -> None:
    found = folder_of(tmp_path, "..zip", "a b$;c.zip", "-.zip")
    for one in found.handed:
        assert "/" not in one.key
        assert one.key not in ("", ".", "..")


@pytest.mark.parametrize("names", [(), ("readme.txt",)])
def test_a_folder_without_archives_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="holds no zip"):
        folder_of(tmp_path, *names)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not a folder"):
        read_source(tmp_path / "none", "LAB3")
