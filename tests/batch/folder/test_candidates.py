"""What of a batch's submissions is handed back, and that it is what was shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.batch.folder.candidates import candidates_of, graded_reports
from grader.errors import GraderError
from grader.lab import Project
from grader.model import Outcome
from tests.batch.batches import make_batch, plots, relu, report_of


def test_a_submission_that_waits_has_no_grade(project: Project, tmp_path: Path) -> None:
    reports = {"ADA": report_of("ADA", relu()), "BEN": report_of("BEN", relu(), plots())}
    batch = make_batch(tmp_path / "graded", project, reports)
    ada, ben = (one.grade for one in candidates_of(batch, "LAB3"))
    assert (ada.score, ada.why, ada.comment) == (10.0, "", "10 of 10 points: relu 10/10.")
    assert (ben.score, ben.why) == (None, "a person must decide on plots")


def test_what_changed_after_it_was_shown_is_not_handed_out(
    project: Project, tmp_path: Path
) -> None:
    reports = {"ADA": report_of("ADA", relu()), "BEN": report_of("BEN", relu())}
    batch = make_batch(tmp_path / "graded", project, reports)
    candidates = candidates_of(batch, "LAB3")
    assert [of for _, of in graded_reports(batch, candidates)] == list(reports.values())
    batch.rewrite("BEN", report_of("BEN", relu(Outcome.FAILED)))
    with pytest.raises(GraderError, match="BEN changed meanwhile"):
        list(graded_reports(batch, candidates))
