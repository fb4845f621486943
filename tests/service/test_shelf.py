"""The review's view of a batch: outlines in memory, never older than what is on disk."""

from __future__ import annotations

from pathlib import Path

from grader.lab import Project
from grader.model import Outcome
from grader.service.shelf import Shelf
from tests.batch.batches import make_batch, relu, report_of


def test_what_changes_on_disk_is_seen_and_what_does_not_is_not_read_again(
    project: Project, tmp_path: Path
) -> None:
    reports = {key: report_of(key, relu()) for key in ("ADA", "BEN", "CHO")}
    batch = make_batch(tmp_path / "graded", project, reports)
    shelf = Shelf(batch.folder)
    before = shelf.outlines()
    assert before == batch.outlines()
    batch.rewrite("ADA", report_of("ADA", relu(Outcome.FAILED)))
    batch.write_problem("BEN", "It broke.")
    after = shelf.outlines()
    assert after == batch.outlines()
    assert after[0] != before[0]
    assert after[1].problem == "It broke."
    assert after[2] is before[2]


def test_of_each_report_only_an_outline_is_kept(project: Project, tmp_path: Path) -> None:
    batch = make_batch(tmp_path / "graded", project, {"ADA": report_of("ADA", relu())})
    (entry,) = Shelf(batch.folder).outlines()
    assert entry.report is not None
    assert not any(case.diagnostics for item in entry.report.items for case in item.cases)
