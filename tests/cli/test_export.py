"""`grader export`: shown before it is written, and nothing lost, overwritten or made up."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import Result

from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.manifest import Manifest
from grader.batch.source.handed import Handed
from grader.lab import Project
from grader.model import Graded, ItemResult, Outcome, Report
from grader.pipeline import Plan, grade
from grader.scoring import total

Run = Callable[..., Result]
GRADEBOOK = (
    "Student,ID,SIS User ID,SIS Login ID,Section,LAB3 (4711)\r\n"
    '"Right, Ada",901,,,A,\r\n'
    '"Template, Tim",902,,,A,12\r\n'
)


@pytest.fixture
def batch(project: Project, examples: dict[str, Path], tmp_path: Path) -> Path:
    """A batch of two: Ada's grade is known, Tim's plots wait for a person."""
    folder = BatchFolder(tmp_path / "graded")
    handed = []
    for n, name in enumerate(("ADA_RIGHT_LAB3.zip", "TIM_TEMPLATE_LAB3.zip")):
        lms = {
            "lms": "canvas",
            "user_id": f"90{n + 1}",
            "attachment_id": f"5{n}",
            "late": "yes" if n else "no",
            "file": f"someone_90{n + 1}_5{n}_{name}",
        }
        handed.append(Handed(name[:3], examples[name], name, lms))
    folder.begin(
        Manifest(source=tmp_path, sandbox="process", items=(), seed=1, handed=tuple(handed))
    )
    for n, one in enumerate(handed):
        graded = grade(one.path, Plan(project, None, 1, ["structure"]), lms=one.lms)
        folder.write(one.key, Graded(settled(graded.report, waiting=n == 1)), [])
    (tmp_path / "gradebook.csv").write_bytes(GRADEBOOK.encode())
    return folder.folder


def settled(report: Report, *, waiting: bool) -> Report:
    items = tuple(
        item
        if item.id == "structure"
        else ItemResult(item.id, item.description, item.max_points, Outcome.PASSED, item.max_points)
        for item in report.items
    )
    if waiting:
        items = (*items[:-1], msgspec.structs.replace(items[-1], outcome=Outcome.NEEDS_REVIEW))
    score = total(items)
    return msgspec.structs.replace(
        report, items=items, score=score.score, provisional=score.provisional
    )


def options(batch: Path) -> tuple[str | Path, ...]:
    folder = batch.parent
    return (batch, "--sheet", folder / "gradebook.csv", "--out", folder / "handover")


def test_nothing_is_written_before_it_was_shown(run: Run, batch: Path) -> None:
    result = run("export", "canvas", *options(batch))
    assert result.exit_code == 1
    assert "Right, Ada" in result.stdout
    assert "changed" in result.stdout
    assert "held back: a person must decide on better_cifar" in result.stdout
    assert "TIM (late)" in result.stdout
    assert "ADA (late)" not in result.stdout
    assert "--apply" in result.stderr
    assert not (batch.parent / "handover").exists()


def test_what_is_a_grade_is_written_and_the_rest_stays_as_it_was(run: Run, batch: Path) -> None:
    result = run("export", "canvas", *options(batch), "--apply", "--partial")
    assert result.exit_code == 0
    written = (batch.parent / "handover" / "gradebook.csv").read_bytes()
    assert written == GRADEBOOK.replace("901,,,A,", "901,,,A,100").encode()
    assert (batch.parent / "gradebook.csv").read_bytes() == GRADEBOOK.encode()
    with zipfile.ZipFile(batch.parent / "handover" / "feedback.zip") as archive:
        assert archive.namelist() == [
            "someone_901_50_ADA_RIGHT_LAB3.html",
            "someone_901_50_ADA_RIGHT_LAB3.json",
        ]


def test_what_was_passed_over_is_named_where_a_student_has_no_submission(
    run: Run, batch: Path
) -> None:
    said = '"someone_903_52_lab.zip" is no plain file and was passed over.'
    manifest = BatchFolder(batch).manifest()
    BatchFolder(batch).begin(msgspec.structs.replace(manifest, passed_over=(said,)))
    assert said not in run("export", "canvas", *options(batch)).stderr
    with (batch.parent / "gradebook.csv").open("a", newline="") as file:
        file.write('"Third, Tom",903,,,A,\r\n')
    assert said in run("export", "canvas", *options(batch)).stderr


def test_the_downloaded_sheet_is_never_overwritten(run: Run, batch: Path) -> None:
    words = (batch, "--sheet", batch.parent / "gradebook.csv", "--out", batch.parent, "--apply")
    result = run("export", "canvas", *words)
    assert result.exit_code == 2
    assert "would be lost" in result.stderr
    assert (batch.parent / "gradebook.csv").read_bytes() == GRADEBOOK.encode()
    assert not (batch.parent / "feedback.zip").exists()


@pytest.mark.parametrize(("content", "said"), [(b"", "it is empty"), (b'"', "never ends")])
def test_a_sheet_that_cannot_be_read_is_named(
    run: Run, batch: Path, content: bytes, said: str
) -> None:
    (batch.parent / "gradebook.csv").write_bytes(content)
    result = run("export", "moodle", *options(batch))
    assert result.exit_code == 2
    assert said in result.stderr


def test_any_csv_takes_grades(run: Run, batch: Path) -> None:
    (batch.parent / "gradebook.csv").write_text("name;points\nada right;\n\x1b[2Jeve;\n")
    result = run("export", "csv", *options(batch), "--apply")
    assert result.exit_code == 1
    written = (batch.parent / "handover" / "gradebook.csv").read_text()
    assert written == "name;points\nada right;100\n\x1b[2Jeve;\n"
    assert "\x1b[2J" not in result.stdout


def test_gradescope_gets_an_autograder_that_hands_out_what_is_settled(
    run: Run, batch: Path, tmp_path: Path
) -> None:
    manifest = BatchFolder(batch).manifest()
    ada, tim = (
        msgspec.structs.replace(one, lms={"lms": "gradescope", "submission_id": number})
        for one, number in zip(manifest.handed, ("17", "18"), strict=True)
    )
    BatchFolder(batch).begin(msgspec.structs.replace(manifest, handed=(ada, tim)))
    out = tmp_path / "settled.zip"
    assert run("export", "gradescope", batch, "--out", out).exit_code == 1
    assert not out.exists()
    result = run("export", "gradescope", batch, "--out", out, "--apply", "--partial")
    assert result.exit_code == 0
    assert "held back: a person must decide on better_cifar" in result.stdout
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == ["setup.sh", "run_autograder", "results/17.json"]
        assert b'"score": 100.0' in archive.read("results/17.json")
