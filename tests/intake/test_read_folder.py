"""Folders that students have not zipped yet."""

import os
from pathlib import Path

import msgspec
import pytest

from grader.errors import GraderError
from grader.intake import NOT_PACKED, Rejection, read_folder
from grader.lab import Lab
from grader.model import Submission


def take_in(folder: Path, lab: Lab) -> Submission:
    submission = read_folder(folder, lab)
    assert isinstance(submission, Submission), submission
    return submission


def test_a_folder_is_read_as_the_archive_would_be(
    right_folder: Path, right_files: dict[str, bytes], lab: Lab
) -> None:
    submission = take_in(right_folder, lab)

    assert submission.files == right_files
    assert submission.folders == {"layers", "test", "results"}
    assert [f.id for f in submission.naming] == [NOT_PACKED]
    assert submission.archive == "lab"


def test_an_empty_folder_is_there(right_folder: Path, lab: Lab) -> None:
    (right_folder / "plots").mkdir()

    assert "plots" in take_in(right_folder, lab).folders


def test_caches_environments_and_the_data_set_are_left_out(
    right_folder: Path, right_files: dict[str, bytes], lab: Lab
) -> None:
    for path in (
        "layers/__pycache__/x.pyc",
        ".venv/x.py",
        "my-env/pyvenv.cfg",
        "my-env/lib/x.py",
        "cifar-100-python/train",
        ".git/HEAD",
    ):
        (right_folder / path).parent.mkdir(parents=True, exist_ok=True)
        (right_folder / path).write_bytes(b"x")
    submission = take_in(right_folder, lab)

    assert submission.files == right_files
    assert {f.id for f in submission.naming} == {
        NOT_PACKED,
        "caches",
        "dataset",
        "version-control",
        "virtual-environment",
    }


def test_links_are_not_followed(right_folder: Path, lab: Lab) -> None:
    (right_folder / "secret.py").symlink_to("/etc/passwd")
    (right_folder / "round").symlink_to(right_folder)
    submission = take_in(right_folder, lab)

    assert "secret.py" not in submission.files
    (links,) = [f for f in submission.naming if f.id == "links"]
    assert links.message == ('Symbolic links left out, which costs nothing: "round", "secret.py".')


def test_the_lab_is_found_below_the_folder(
    right_folder: Path, right_files: dict[str, bytes], lab: Lab
) -> None:
    submission = take_in(right_folder.parent, lab)

    assert submission.files == right_files
    assert "folder-within" in [f.id for f in submission.naming]


def test_the_limits_hold_for_folders_too(right_folder: Path, lab: Lab) -> None:
    small = msgspec.structs.replace(lab, intake=msgspec.structs.replace(lab.intake, entries=5))
    rejection = read_folder(right_folder, small)

    assert isinstance(rejection, Rejection)
    assert rejection.reason.startswith("There are more than 5 files and folders")


def test_a_large_file_that_is_no_source_is_left_out(right_folder: Path, lab: Lab) -> None:
    with (right_folder / "weights.npy").open("wb") as file:
        file.truncate((lab.intake.file_mib << 20) + 1)
    submission = take_in(right_folder, lab)

    assert "weights.npy" not in submission.files
    assert "too-large" in [f.id for f in submission.naming]


def test_the_digest_changes_with_names_and_contents(right_folder: Path, lab: Lab) -> None:
    before = take_in(right_folder, lab).sha256
    again = take_in(right_folder, lab).sha256
    (right_folder / "a.py").write_bytes(b"")
    with_file = take_in(right_folder, lab).sha256
    (right_folder / "a.py").write_bytes(b"x")

    assert before == again
    assert len({before, with_file, take_in(right_folder, lab).sha256}) == 3


def test_a_missing_folder_is_the_operators_fault(tmp_path: Path, lab: Lab) -> None:
    with pytest.raises(GraderError, match="could not be read"):
        read_folder(tmp_path / "nowhere", lab)


def test_a_name_that_is_no_text_is_refused(right_folder: Path, lab: Lab) -> None:
    Path(os.fsdecode(os.fsencode(right_folder) + b"/\xff.py")).write_bytes(b"")
    rejection = read_folder(right_folder, lab)

    assert isinstance(rejection, Rejection)
    assert r'"\udcff.py"' in rejection.reason


def test_a_source_that_is_too_large_is_refused(right_folder: Path, lab: Lab) -> None:
    with (right_folder / "a.py").open("wb") as file:
        file.truncate((lab.intake.file_mib << 20) + 1)
    rejection = read_folder(right_folder, lab)

    assert isinstance(rejection, Rejection)
    assert rejection.reason.startswith('"a.py" is larger than 32 MiB')
