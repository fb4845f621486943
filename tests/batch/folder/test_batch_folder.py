"""A batch's folder: what says the same as before is not written again."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
import pytest

from grader.batch.folder.batch_folder import BatchFolder, gradebook
from grader.lab import Project
from grader.model import Entry, Graded, ItemResult, Outcome
from tests.batch.batches import PICTURE, case, plots, relu, report_of

LEFT_OUT = ItemResult("better_cifar", "better_cifar", 10.0, Outcome.NOT_RUN)


def test_a_report_that_says_the_same_stays_as_it_is(tmp_path: Path) -> None:
    folder, report = BatchFolder(tmp_path), report_of("ada", plots())
    folder.write("ada", Graded(report, {"plots/student-1.png": PICTURE}), ())
    before = {path: path.stat().st_ino for path in tmp_path.rglob("*") if path.is_file()}
    later = msgspec.structs.replace(report, graded_at="2026-12-01T00:00:00+00:00", timings={"a": 1})
    assert folder.write("ada", Graded(later, {"plots/student-1.png": PICTURE}), ()) == report
    assert {path: path.stat().st_ino for path in before} == before


def test_a_report_or_picture_that_differs_is_written(tmp_path: Path) -> None:
    folder, report = BatchFolder(tmp_path), report_of("ada", plots())
    folder.write("ada", Graded(report, {"plots/student-1.png": PICTURE}), ())
    cases = (case("plots/one"),)
    changed = msgspec.structs.replace(
        report, items=(*report.items, msgspec.structs.replace(report.items[0], cases=cases))
    )
    folder.write("ada", Graded(changed, {"plots/student-1.png": PICTURE + b"."}), ())
    assert folder.read("ada") == changed
    assert (folder.artefacts_path("ada") / "plots/student-1.png").read_bytes() == PICTURE + b"."


def test_an_unreadable_report_is_written_anew(tmp_path: Path) -> None:
    folder, report = BatchFolder(tmp_path), report_of("ada", plots())
    folder.report_path("ada").parent.mkdir(parents=True)
    folder.report_path("ada").write_bytes(b"{")
    folder.write("ada", Graded(report), ())
    assert folder.read("ada") == report


@pytest.mark.parametrize(
    ("items", "score", "to_do"),
    [
        ((relu(),), "10", ""),
        ((relu(), LEFT_OUT), "", "not run: better_cifar"),
        ((relu(), plots(), LEFT_OUT), "", "decide on plots"),
        ((LEFT_OUT,), "", "not run: better_cifar"),
    ],
)
def test_the_gradebook_has_a_score_only_where_it_is_the_grade(
    project: Project, items: tuple[ItemResult, ...], score: str, to_do: str
) -> None:
    entry = Entry("ADA", "ADA_LAB3.zip", report_of("ADA", *items))
    (row,) = csv.DictReader(gradebook([entry], project.lab).decode().splitlines())
    assert (row["score"], row["to_do"]) == (score, to_do)
    assert row["better_cifar"] == ""
