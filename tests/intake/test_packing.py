"""The zip that `grader pack` makes is the one that gets full structure."""

import zipfile
from pathlib import Path

import pytest

from grader.checks.structure import check_structure
from grader.errors import ConfigurationError, GraderError
from grader.intake import read_archive
from grader.lab import Lab, find_project
from grader.model import Outcome, Submission
from grader.packing import PackedArchive, PackRefusal, pack


def packed(folder: Path, out: Path, lab: Lab, **options: bool) -> PackedArchive:
    archive = pack(folder, "Jane", "Doe", out, lab=lab, **options)
    assert isinstance(archive, PackedArchive), archive
    return archive


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        ("Jane", "Doe", "JANE_DOE_LAB3.zip"),
        (" María del  Carmen ", "García-Núñez", "MARÍA_DEL_CARMEN_GARCÍA-NÚÑEZ_LAB3.zip"),
        ("Conan", "O'Brien", "CONAN_O'BRIEN_LAB3.zip"),
    ],
)
def test_what_is_packed_has_full_structure(
    first: str, last: str, name: str, right_folder: Path, tmp_path: Path, lab: Lab
) -> None:
    archive = pack(right_folder, first, last, tmp_path / "out", lab=lab)
    assert isinstance(archive, PackedArchive)
    submission = read_archive(archive.path, lab)

    assert archive.path.name == name
    assert isinstance(submission, Submission)
    assert submission.naming == ()
    assert submission.sha256 == archive.sha256
    assert check_structure(submission, lab).outcome is Outcome.PASSED
    assert [path.name for path in archive.path.parent.iterdir()] == [name]


def test_the_untouched_template_packs(tmp_path: Path, lab: Lab) -> None:
    archive = packed(find_project().template, tmp_path, lab)
    submission = read_archive(archive.path, lab)

    assert isinstance(submission, Submission)
    assert check_structure(submission, lab).outcome is Outcome.PASSED


def test_packing_twice_gives_the_same_bytes(right_folder: Path, tmp_path: Path, lab: Lab) -> None:
    one = packed(right_folder, tmp_path / "one", lab)
    (right_folder / "layers" / "full.py").touch()
    two = packed(right_folder, tmp_path / "two", lab)

    assert one.path.read_bytes() == two.path.read_bytes()


def test_what_would_lose_points_is_not_packed(right_folder: Path, tmp_path: Path, lab: Lab) -> None:
    (right_folder / "better_cifar.py").unlink()
    (right_folder / "layers" / "relu.py").rename(right_folder / "layers" / "Relu.py")
    refusal = pack(right_folder, "Jane", "Doe", tmp_path / "out", lab=lab)

    assert isinstance(refusal, PackRefusal)
    assert len(refusal.misses) == 2
    assert '"Relu.py" was taken for layers/relu.py' in refusal.misses[0]
    assert "There is no file better_cifar.py" in refusal.misses[1]
    assert not (tmp_path / "out").exists()


def test_hidden_files_caches_data_and_earlier_zips_are_left_out(
    right_folder: Path, right_files: dict[str, bytes], lab: Lab
) -> None:
    for path in (".env", ".venv/x.py", "cifar-100-python/train", "test/__pycache__/x.pyc"):
        (right_folder / path).parent.mkdir(parents=True, exist_ok=True)
        (right_folder / path).write_bytes(b"x")
    packed(right_folder, right_folder, lab)
    archive = packed(right_folder, right_folder, lab, overwrite=True)

    assert archive.files == tuple(sorted(right_files))
    assert any("The data set" in remark for remark in archive.remarks)


def test_empty_folders_are_packed(right_folder: Path, tmp_path: Path, lab: Lab) -> None:
    (right_folder / "results" / "learning_rates.png").unlink()
    archive = packed(right_folder, tmp_path, lab)

    with zipfile.ZipFile(archive.path) as file:
        assert "JANE_DOE_LAB3/results/" in file.namelist()


def test_nothing_is_overwritten_unasked(right_folder: Path, tmp_path: Path, lab: Lab) -> None:
    target = tmp_path / "JANE_DOE_LAB3.zip"
    target.write_bytes(b"precious")

    with pytest.raises(ConfigurationError, match="exists already"):
        pack(right_folder, "Jane", "Doe", tmp_path, lab=lab)
    assert target.read_bytes() == b"precious"
    assert zipfile.is_zipfile(packed(right_folder, tmp_path, lab, overwrite=True).path)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("", "Doe"),
        ("Jane", " "),
        ("../Jane", "Doe"),
        ("Jane", "Doe\n2"),
        ("J4ne", "Doe"),
        ("?", "!"),
    ],
)
def test_what_is_no_name_is_a_usage_error(
    first: str, last: str, right_folder: Path, tmp_path: Path, lab: Lab
) -> None:
    with pytest.raises(ConfigurationError, match="No archive can be named after"):
        pack(right_folder, first, last, tmp_path, lab=lab)


def test_a_failed_write_leaves_nothing_behind(
    right_folder: Path, tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(GraderError, match="No space left on device"):
        pack(right_folder, "Jane", "Doe", tmp_path / "out", lab=lab)
    assert list((tmp_path / "out").iterdir()) == []
