"""A batch's folder: what says the same as before is not written again."""

from __future__ import annotations

from pathlib import Path

import msgspec

from grader.batch.folder.batch_folder import BatchFolder
from grader.model import Graded
from tests.batch.batches import PICTURE, case, plots, report_of


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
