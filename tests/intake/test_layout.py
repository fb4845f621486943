"""Where the submission's root is, and what is said about a root that is not where it belongs."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from grader.errors import GraderError
from grader.intake import Rejection, read_archive, read_archive_bytes
from grader.lab import Lab
from grader.model import Finding, Submission

MakeZip = Callable[[Mapping[str, bytes | str]], bytes]
TakeIn = Callable[..., Submission]


@pytest.fixture
def take_in(make_zip: MakeZip, lab: Lab) -> TakeIn:
    def taken_in(files: Mapping[str, bytes], name: str = "JANE_DOE_LAB3.zip") -> Submission:
        submission = read_archive_bytes(name, make_zip(files), lab)
        assert isinstance(submission, Submission), submission
        return submission

    return taken_in


def below(top: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{top}/{path}": content for path, content in files.items()}


def costly(submission: Submission) -> list[tuple[str, str | None]]:
    return [(f.id, f.costs) for f in submission.naming if f.costs]


def finding(submission: Submission, id_: str) -> Finding:
    (found,) = [f for f in submission.naming if f.id == id_]
    return found


def test_an_archive_as_asked_for_has_no_findings(
    take_in: TakeIn, right_files: dict[str, bytes]
) -> None:
    submission = take_in(below("JANE_DOE_LAB3", right_files))

    assert submission.naming == ()
    assert submission.files == right_files
    assert submission.folders == {"layers", "test", "results"}
    assert (submission.identity.first_name, submission.identity.last_name) == ("JANE", "DOE")
    assert len(submission.sha256) == 64


@pytest.mark.parametrize(
    ("top", "id_"),
    [
        ("JANE_DOE_LAB3/JANE_DOE_LAB3/", "nested-twice"),
        ("a/b/c/", "nested-twice"),
        ("", "no-top-folder"),
        ("JOHN_SMITH_LAB3/", "top-folder-name"),
        ("student_template/", "top-folder-name"),
        ("JANE_DOE/", "top-folder-name"),
    ],
)
def test_a_wrong_top_folder_costs_its_points_and_the_files_are_found(
    top: str, id_: str, take_in: TakeIn, right_files: dict[str, bytes]
) -> None:
    submission = take_in({top + path: content for path, content in right_files.items()})

    assert costly(submission) == [(id_, "top-folder")]
    assert submission.files == right_files
    assert "named JANE_DOE_LAB3 with" in finding(submission, id_).message


@pytest.mark.parametrize(
    ("archive", "top"),
    [
        ("jane_doe_lab3.zip", "JANE_DOE_LAB3"),
        ("JANE_DOE_LAB3.zip", "jane_doe_lab3"),
        ("doejane_4711_99012_JANE_DOE_LAB3-1.zip", "JANE_DOE_LAB3"),
        ("JANE_DOE_LAB3 (2).zip", "JANE_DOE_LAB3"),
        ("JANE_DOE_LAB3.zip", "JANE_DOE_LAB3 2"),
        ("JOSE\u0301_DOE_LAB3.zip", "JOSÉ_DOE_LAB3"),
        ("JOSÉ_DOE_LAB3.zip", "JOSE\u0301_DOE_LAB3"),
    ],
)
def test_a_top_folder_named_as_the_archive_costs_nothing(
    archive: str, top: str, take_in: TakeIn, right_files: dict[str, bytes]
) -> None:
    assert costly(take_in(below(top, right_files), archive)) == []


@pytest.mark.parametrize("top", ["JANE_DOE", "JANE_DOE_LAB3"])
def test_one_slip_in_the_name_is_not_paid_twice(
    top: str, take_in: TakeIn, right_files: dict[str, bytes]
) -> None:
    submission = take_in(below(top, right_files), "JANE_DOE.zip")

    assert costly(submission) == [("missing-suffix", "archive-name")]


def test_a_nameless_archive_is_known_by_its_top_folder(
    take_in: TakeIn, right_files: dict[str, bytes]
) -> None:
    submission = take_in(below("JANE_DOE_LAB3", right_files), "upload.zip")

    assert costly(submission) == [("unreadable-name", "archive-name")]
    assert submission.identity.last_name == "DOE"


def test_what_lies_beside_the_top_folder_is_named(
    take_in: TakeIn, right_files: dict[str, bytes]
) -> None:
    submission = take_in(below("JANE_DOE_LAB3", right_files) | {"old/x.py": b"", "a.txt": b""})

    assert costly(submission) == [("several-at-the-top", "top-folder")]
    message = finding(submission, "several-at-the-top").message
    assert '"a.txt", "old"' in message
    assert submission.files == right_files


def test_of_several_layers_the_one_with_the_script_is_taken_and_said(
    take_in: TakeIn, right_files: dict[str, bytes]
) -> None:
    old = {f"A_OLD/layers/{name}.py": b"" for name in ("full", "relu")}
    submission = take_in(below("JANE_DOE_LAB3", right_files) | old)

    assert submission.files == right_files
    message = finding(submission, "several-layers").message
    assert '"JANE_DOE_LAB3/layers" was graded and not "A_OLD/layers"' in message


def test_a_layers_folder_without_modules_is_not_taken_for_the_package(
    take_in: TakeIn, right_files: dict[str, bytes]
) -> None:
    drawings = {"layers/drawing.png": b""}
    submission = take_in(below("JANE_DOE_LAB3", right_files) | drawings)

    assert submission.files == right_files


@pytest.mark.parametrize(
    ("rename", "to", "costs"),
    [
        ("layers/", "Layers/", "layers"),
        ("layers/full.py", "layers/Full.py", "layers/full.py"),
        ("layers/full.py", "layers/full.PY", "layers/full.py"),
        ("better_cifar.py", "Better_CIFAR.py", "better_cifar.py"),
        ("test/", "TEST/", "test"),
        ("results/", "Results/", "results"),
    ],
)
def test_required_names_in_other_case_are_taken_and_cost_their_own_case(
    rename: str, to: str, costs: str, take_in: TakeIn, right_files: dict[str, bytes]
) -> None:
    files = {
        (to + path[len(rename) :] if path.startswith(rename) else path): content
        for path, content in right_files.items()
    }
    submission = take_in(below("JANE_DOE_LAB3", files))

    assert submission.files == right_files
    assert costly(submission) == [("upper-and-lower-case", costs)]


def test_without_layers_the_single_top_folder_is_the_root(take_in: TakeIn) -> None:
    submission = take_in({"JANE_DOE_LAB3/full.py": b"", "JANE_DOE_LAB3/x/y.py": b""})

    assert set(submission.files) == {"full.py", "x/y.py"}
    assert costly(submission) == []


def test_without_layers_or_a_folder_the_archive_is_the_root(take_in: TakeIn) -> None:
    submission = take_in({"full.py": b"", "relu.py": b""})

    assert set(submission.files) == {"full.py", "relu.py"}
    assert costly(submission) == [("no-top-folder", "top-folder")]


def test_how_sources_were_saved_is_noted_and_no_byte_is_changed(
    take_in: TakeIn, right_files: dict[str, bytes]
) -> None:
    files = right_files | {
        "layers/full.py": b"\xef\xbb\xbfx = 1\r\n",
        "layers/relu.py": "x = 1\n".encode("utf-16"),
        "results/notes.txt": b"\xef\xbb\xbfnotes\r\n\0",
    }
    submission = take_in(below("JANE_DOE_LAB3", files))

    assert submission.files == files
    assert [(f.id, f.costs) for f in submission.naming] == [
        ("byte-order-mark", None),
        ("windows-line-ends", None),
        ("null-bytes", None),
    ]
    assert '"layers/full.py"' in submission.naming[0].message
    assert '"layers/relu.py"' in submission.naming[2].message


def test_reading_from_disk_gives_the_same_as_from_memory(
    tmp_path: Path, right_zip: bytes, lab: Lab
) -> None:
    path = tmp_path / "JANE_DOE_LAB3.zip"
    path.write_bytes(right_zip)

    assert read_archive(path, lab) == read_archive_bytes(path.name, right_zip, lab)


def test_a_file_that_is_no_zip_is_the_students_fault(tmp_path: Path, lab: Lab) -> None:
    path = tmp_path / "JANE_DOE_LAB3.zip"
    path.write_bytes(b"not a zip")
    rejection = read_archive(path, lab)

    assert isinstance(rejection, Rejection)
    assert rejection.reason == "The file is not a zip; zip the lab's folder and hand that in."
    assert (rejection.archive, rejection.identity.first_name) == ("JANE_DOE_LAB3.zip", "JANE")


def test_a_missing_file_is_the_operators_fault(tmp_path: Path, lab: Lab) -> None:
    with pytest.raises(GraderError, match=r"X.zip could not be read \(No such file or directory\)"):
        read_archive(tmp_path / "X.zip", lab)


def test_a_folder_named_as_an_archive_is_the_operators_fault(tmp_path: Path, lab: Lab) -> None:
    with pytest.raises(GraderError, match="is not a file"):
        read_archive(tmp_path, lab)
