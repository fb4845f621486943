"""`grader stats`: the table fits a terminal, and nothing is left out silently."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from grader.lab import Project
from grader.model import CaseResult, ItemResult, Outcome, Suite
from tests.batch.batches import make_batch, report_of

Run = Callable[..., Result]
LONG = "x/a-case-whose-name-is-so-long-that-no-terminal-could-show-it-whole[with-parameters]"


@pytest.fixture
def batch(project: Project, tmp_path: Path) -> Path:
    """Make a batch of three, in which `x/0` was lost alone by the last one."""
    reports = {}
    for key, passed in zip(["ADA", "BEN", "CHO"], [True, True, False], strict=True):
        how = Outcome.PASSED if passed else Outcome.FAILED
        cases = (
            CaseResult("x/0", Suite.HIDDEN, how, 1.0, 0.25),
            CaseResult(LONG, Suite.PUBLIC, Outcome.PASSED, 1.0),
        )
        item = ItemResult("x", "", 10.0, how, 10.0 if passed else 5.0, cases=cases)
        reports[key] = report_of(key, item)
    return make_batch(tmp_path / "graded", project, reports).folder


def test_the_table_fits_a_terminal_of_100_columns(run: Run, batch: Path) -> None:
    result = run("stats", batch, "--all")
    assert result.exit_code == 0
    assert max(len(line) for line in result.stdout.splitlines()) <= 100
    assert "2/3" in result.stdout
    assert "x/0 alone was failed by CHO." in result.stdout
    assert "How to read it" in result.stdout


def test_what_everybody_passed_is_left_out_and_counted(run: Run, batch: Path) -> None:
    shown = run("stats", batch).stdout
    assert "so-long" not in shown
    assert "Left out, as everybody passed them: 1 cases (--all)." in shown


def test_the_document_holds_every_case(run: Run, batch: Path) -> None:
    document = json.loads(run("stats", batch, "--json").stdout)
    assert document["schema"] == "grader-stats/1"
    first, second = document["cases"]
    assert (first["id"], first["passed"], first["failed"], first["alone"]) == ("x/0", 2, 1, ["CHO"])
    assert first["pass_rate"] == pytest.approx(2 / 3)
    assert (second["id"], second["undefined"]) == (LONG, "all pass")


def test_a_folder_without_a_batch_is_a_configuration_error(run: Run, tmp_path: Path) -> None:
    result = run("stats", tmp_path)
    assert result.exit_code == 2
    assert "holds no batch" in result.stderr
