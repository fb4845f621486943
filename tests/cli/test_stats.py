"""`grader stats`: the table fits a terminal, and nothing is left out silently."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from grader.batch.folder import BatchFolder
from grader.batch.manifest import Manifest
from grader.batch.source import Handed
from grader.model import (
    CaseResult,
    Graded,
    ItemResult,
    Outcome,
    Report,
    SubmissionStamp,
    Suite,
    SuiteStamp,
)

Run = Callable[..., Result]
LONG = "x/a-case-whose-name-is-so-long-that-no-terminal-could-show-it-whole[with-parameters]"


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """Make a batch of three, in which `x/0` was lost alone by the last one."""
    folder = BatchFolder(tmp_path / "graded")
    keys = ["ADA", "BEN", "CHO"]
    paths = [Handed(key, tmp_path / f"{key}.zip", f"{key}.zip") for key in keys]
    folder.begin(
        Manifest(source=tmp_path, sandbox="process", items=("x", "y"), seed=1, handed=tuple(paths))
    )
    for key, passed in zip(keys, [True, True, False], strict=True):
        how = Outcome.PASSED if passed else Outcome.FAILED
        cases = (
            CaseResult("x/0", Suite.HIDDEN, how, 1.0, 0.25),
            CaseResult(LONG, Suite.PUBLIC, Outcome.PASSED, 1.0),
        )
        item = ItemResult("x", "", 10.0, how, 10.0 if passed else 5.0, cases=cases)
        report = Report(
            submission=SubmissionStamp(f"{key}.zip", key, key, key),
            score=item.points,
            max_score=10.0,
            provisional=False,
            score_note=None,
            items=(item,),
            flags=(),
            suite=SuiteStamp("1", "0", 1, published=True),
            sandbox=None,
            timings={},
            graded_at="",
            grader_version="",
        )
        folder.write(key, Graded(report), ())
    return folder.folder


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
