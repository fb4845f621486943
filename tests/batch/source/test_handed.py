"""What was handed in: every archive is found, the latest of a student's counts, none is lost."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import pytest

from grader.batch.source.handed import Handed, Source, read_source
from grader.demo import zip_files
from grader.errors import ConfigurationError, GraderError
from grader.intake import Rejection, read_archive
from grader.lab import Lab, find_project
from grader.model import Submission

LAB = find_project().lab
"""What a folder is read for; every test has the same."""


def read(tmp_path: Path, lab: Lab = LAB) -> Source:
    return read_source(tmp_path / "source", lab, tmp_path / "archives")


def folder_of(tmp_path: Path, *names: str) -> Source:
    for name in names:
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "source").mkdir(exist_ok=True)
    return read(tmp_path)


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
        "file": "doejane_LATE_4711_99100_JANE_DOE_LAB3-1.zip",
        "sort": "doejane",
    }
    assert jane.superseded == ("doejane_4711_99012_JANE_DOE_LAB3.zip",)
    assert by_key(found)["canvas-4712"].superseded == ()


def test_anonymous_canvas_submissions_are_told_apart(tmp_path: Path) -> None:
    found = folder_of(tmp_path, "anon_aB3xY_99_lab.zip", "LATE_anon_18_98_lab.zip")
    assert [(one.key, (one.lms or {})["late"]) for one in found.handed] == [
        ("canvas-18", "yes"),
        ("canvas-aB3xY", "no"),
    ]


@pytest.mark.parametrize("tail", ["", "_"])
def test_moodle_folders_say_whose_an_archive_is(tmp_path: Path, tail: str) -> None:
    folder = f"Jane Doe_1234_assignsubmission_file{tail}"
    found = folder_of(tmp_path, f"{folder}/JANE_DOE_LAB3.zip", f"{folder}/old.zip")
    (jane,) = found.handed
    assert jane.key == "moodle-1234"
    assert jane.lms == {
        "lms": "moodle",
        "participant": "1234",
        "folder": folder,
        "name": "Jane Doe",
    }
    assert len(jane.superseded) == 1


def test_flat_moodle_downloads_keep_the_student_s_file_name(tmp_path: Path) -> None:
    found = folder_of(tmp_path, "Jane Doe_1234_assignsubmission_file_JANE_DOE_LAB3.zip")
    assert found.handed[0].name == "JANE_DOE_LAB3.zip"


def test_what_is_no_archive_is_named(tmp_path: Path) -> None:
    found = folder_of(tmp_path, "JANE_DOE_LAB3.zip", "JOHN_ROE_LAB3.rar", ".hidden.zip")
    assert [one.key for one in found.handed] == ["JANE_DOE"]
    assert found.passed_over == ('"JOHN_ROE_LAB3.rar" is no zip archive and was passed over.',)


def test_who_handed_in_no_archive_in_an_lms_is_no_less_there(tmp_path: Path) -> None:
    found = folder_of(
        tmp_path,
        "doejane_4711_99012_JANE_DOE_LAB3.zip",
        "doejane_4711_99014_plots.pdf",
        "roejohn_4712_99013_JOHN_ROE_LAB3.rar",
        "Ann Poe_31_assignsubmission_file_/full.py",
        "Ann Poe_31_assignsubmission_file_/relu.py",
        "Bo Moe_32_assignsubmission_onlinetext_/onlinetext.html",
        "notes.txt",
    )
    handed = by_key(found)
    assert {key: one.name for key, one in handed.items()} == {
        "canvas-4711": "JANE_DOE_LAB3.zip",
        "canvas-4712": "JOHN_ROE_LAB3.rar",
        "moodle-31": "relu.py",
    }
    assert handed["moodle-31"].superseded == ("full.py",)
    assert isinstance(read_archive(handed["canvas-4712"].path, LAB), Rejection)
    assert [line.split('"')[1] for line in found.passed_over] == [
        "Bo Moe_32_assignsubmission_onlinetext_/onlinetext.html",
        "doejane_4711_99014_plots.pdf",
        "notes.txt",
    ]


def test_in_a_plain_folder_only_archives_are_handed_in(tmp_path: Path) -> None:
    found = folder_of(tmp_path, "JANE_DOE_LAB3.zip", "roejohn_4712_99013_JOHN_ROE_LAB3.rar")
    assert list(by_key(found)) == ["JANE_DOE"]
    assert len(found.passed_over) == 1


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
    with pytest.raises(ConfigurationError, match="is not a folder and not a zip"):
        read(tmp_path)


def test_what_the_student_chose_is_never_taken_for_what_the_lms_says(tmp_path: Path) -> None:
    found = folder_of(
        tmp_path,
        "doejane_1_10_x_7_assignsubmission_file_a.zip",
        "roejohn_2_11_x_7_assignsubmission_file_a.zip",
        "Ann Poe_5_assignsubmission_file_/x_1_12_lab.zip",
        "Max Moe_6_assignsubmission_file_/x_1_12_lab.zip",
    )
    assert list(by_key(found)) == ["canvas-1", "canvas-2", "moodle-5", "moodle-6"]


# The LMS's own download, as it came


def outer(tmp_path: Path, files: dict[str, bytes]) -> Source:
    (tmp_path / "source").write_bytes(zip_files(files, None))
    return read(tmp_path)


WORK = zip_files({"layers/full.py": b"x = 1\n"}, "JANE_DOE_LAB3")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("doejane_LATE_4711_99_JANE_DOE_LAB3-1.zip", "canvas-4711"),
        ("Jane Doe_1234_assignsubmission_file_/JANE_DOE_LAB3.zip", "moodle-1234"),
        ("Jane Doe_1234_assignsubmission_file_JANE_DOE_LAB3.zip", "moodle-1234"),
        ("JANE_DOE_LAB3.zip", "JANE_DOE"),
    ],
)
def test_a_download_is_read_as_it_came(tmp_path: Path, name: str, key: str) -> None:
    found = outer(tmp_path, {name: WORK, "__MACOSX/._x.zip": b"", ".DS_Store": b""})
    (jane,) = found.handed
    assert (jane.key, jane.name) == (key, "JANE_DOE_LAB3.zip")
    assert jane.path == tmp_path / "archives" / f"{key}.zip"
    assert jane.path.read_bytes() == WORK
    assert found.passed_over == ()


def test_only_what_counts_is_unpacked_and_the_earlier_is_named(tmp_path: Path) -> None:
    found = outer(tmp_path, {"doejane_4711_98_lab.zip": b"old", "doejane_4711_99_lab-1.zip": WORK})
    assert [path.name for path in (tmp_path / "archives").iterdir()] == ["canvas-4711.zip"]
    assert found.handed[0].path.read_bytes() == WORK
    assert found.handed[0].superseded == ("doejane_4711_98_lab.zip",)


@pytest.mark.parametrize("name", ["../JANE_DOE_LAB3.zip", "/etc/JANE_DOE_LAB3.zip", "C:/x.zip"])
def test_a_path_that_leads_elsewhere_is_never_used_and_stops_nobody_else(
    tmp_path: Path, name: str
) -> None:
    found = outer(tmp_path, {name: WORK, "JOHN_ROE_LAB3.zip": WORK})
    assert [one.key for one in found.handed] == ["JOHN_ROE"]
    (said,) = found.passed_over
    assert "passed over" in said
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "JOHN_ROE.zip",
        "archives",
        "source",
    ]


def test_an_archive_is_handed_in_whatever_characters_its_name_has(tmp_path: Path) -> None:
    """As they are in a folder: an escape, one that turns the text, one that Persian joins with."""
    names = ("A\x1b_B_LAB3.zip", "C\u202e_D_LAB3.zip", "\u0646\u200c_F_LAB3.zip")
    found = outer(tmp_path, dict.fromkeys(names, WORK))
    assert {one.name for one in found.handed} == {*names}
    assert found.passed_over == ()
    assert {*by_key(found)} == {"A__B", "C__D", "\u0646__F"}


def test_a_name_in_windows_own_characters_is_read_as_in_a_zip_and_can_be_noted(
    tmp_path: Path,
) -> None:
    """What unpacks a Windows zip may keep the name's bytes, which are no text here."""
    source = tmp_path / "source"
    source.mkdir()
    raw = "MÜLLER_ANNA_LAB3.zip".encode("cp437")
    Path(os.fsdecode(os.fsencode(source) + b"/" + raw)).write_bytes(WORK)
    (one,) = read(tmp_path).handed
    assert (one.key, one.name) == ("MÜLLER_ANNA", "MÜLLER_ANNA_LAB3.zip")
    assert one.path == tmp_path / "archives" / "MÜLLER_ANNA.zip"
    assert one.path.read_bytes() == WORK


def test_an_archive_that_is_too_large_is_cut_and_left_to_intake(tmp_path: Path) -> None:
    lab = msgspec.structs.replace(LAB, intake=msgspec.structs.replace(LAB.intake, archive_mib=1))
    large = bytes(5 << 20)
    (tmp_path / "source").write_bytes(
        zip_files({"A_B_LAB3.zip": large, "C_D_LAB3.zip": WORK}, None)
    )
    found = read(tmp_path, lab)
    assert found.handed[0].path.stat().st_size == (1 << 20) + 1
    taken_in = read_archive(found.handed[0].path, lab)
    assert isinstance(taken_in, Rejection)
    assert "larger than 1 MiB" in taken_in.reason
    assert found.handed[1].path.read_bytes() == WORK


def test_a_damaged_download_is_refused_in_one_sentence(tmp_path: Path) -> None:
    whole = zip_files({"JANE_DOE_LAB3.zip": bytes(range(256)) * 40}, None)
    at = whole.index(b"LAB3.zip") + 60
    for broken in (whole[:-30], b"", b"no zip", whole[:at] + b"\xff\xff" + whole[at + 2 :]):
        (tmp_path / "source").write_bytes(broken)
        with pytest.raises(ConfigurationError) as told:
            read(tmp_path)
        assert "Download it from the LMS again" in str(told.value)


def test_a_download_that_would_fill_the_disk_is_refused_before_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=3)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(GraderError, match="has room for 0"):
        outer(tmp_path, {"JANE_DOE_LAB3.zip": WORK})
    assert not (tmp_path / "archives").exists()


def test_one_student_s_own_archive_is_no_class(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="looks like one student's work"):
        outer(tmp_path, {"JANE_DOE_LAB3/layers/full.py": b""})


# Gradescope's export


METADATA = """---
submission_101:
  :submitters:
  - :name: Jane Doe
    :sid: '0042'
    :email: jane@example.edu
  :created_at: 2026-11-24 10:00:00.000000000 Z
  :results: !ruby/hash:ActiveSupport::HashWithIndifferentAccess
    score: 3
submission_102:
  :submitters:
  - :name: Plato
    :sid:
  :late: true
submission_103:
  :submitters: []
"""
LAYER = {"layers/full.py": b"x = 1\n", "better_cifar.py": b"y = 2\n"}


def export(root: str = "assignment_1_export/") -> dict[str, bytes]:
    files = {f"{root}submission_metadata.yml": METADATA.encode()}
    files |= {f"{root}submission_101/{path}": data for path, data in LAYER.items()}
    files |= {f"{root}submission_102/lab/{path}": data for path, data in LAYER.items()}
    return files


def check_export(found: Source) -> None:
    assert list(by_key(found)) == ["gradescope-101", "gradescope-102"]
    jane, plato = found.handed
    assert jane.name == "JANE_DOE_LAB3.zip"
    assert jane.lms == {
        "lms": "gradescope",
        "submission_id": "101",
        "name": "Jane Doe",
        "sid": "0042",
        "email": "jane@example.edu",
    }
    assert plato.name == "PLATO_PLATO_LAB3.zip"
    assert (plato.lms or {})["late"] == "yes"
    for one in found.handed:
        taken_in = read_archive(one.path, LAB, one.name)
        assert isinstance(taken_in, Submission)
        assert taken_in.files == LAYER
        # What Gradescope took away, the archive's name and its top folder, costs nothing.
        assert [each.id for each in taken_in.naming if each.costs] == []


def test_a_gradescope_export_becomes_archives_again(tmp_path: Path) -> None:
    found = outer(tmp_path, export())
    check_export(found)
    assert found.passed_over == ("submission_103 () holds no file.",)


@pytest.mark.parametrize("root", ["", "assignment_1_export/"])
def test_so_does_one_that_was_unpacked_the_same_bytes_each_time(tmp_path: Path, root: str) -> None:
    for path, data in export(root).items():
        target = tmp_path / "source" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    # A link to anywhere on the machine is a submission's to hold.
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (tmp_path / "source" / f"{root}submission_101" / "link.txt").symlink_to(secret)
    found = read(tmp_path)
    check_export(found)
    first = [one.path.read_bytes() for one in found.handed]
    assert [one.path.read_bytes() for one in read(tmp_path).handed] == first
    assert any("link.txt" in line for line in found.passed_over)


def test_a_rightly_named_top_folder_tells_the_name(tmp_path: Path) -> None:
    files = {"submission_metadata.yml": METADATA.encode()}
    files |= {f"submission_101/JANE_MARY_DOE_LAB3/{p}": data for p, data in LAYER.items()}
    found = outer(tmp_path, files)
    assert found.handed[0].name == "JANE_MARY_DOE_LAB3.zip"


def test_a_submission_that_the_metadata_lack_is_graded_all_the_same(tmp_path: Path) -> None:
    files = {"submission_metadata.yml": b"--- {}\n", "submission_7/layers/full.py": b""}
    (one,) = outer(tmp_path, files).handed
    assert (one.key, one.name) == ("gradescope-7", "NAME_UNKNOWN_LAB3.zip")


@pytest.mark.parametrize("text", [b"{", b"- 1", b"!!python/object:os.system []", b"[" * 9000])
def test_metadata_that_gradescope_did_not_write_are_refused(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(ConfigurationError, match="is not what Gradescope writes"):
        outer(tmp_path, {"submission_metadata.yml": text, "submission_7/a.py": b""})
