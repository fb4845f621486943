"""`grader regrade` as its user runs it, with real runs behind it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.demo import EXAMPLES, example_files, zip_files
from grader.lab import Project

Grader = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def grader(tmp_path: Path) -> Grader:
    """Run a command with a cache of its own."""

    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        start = "from grader.cli.main import main; main()"
        return subprocess.run(
            [sys.executable, "-c", start, *(str(word) for word in words)],
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def graded(project: Project, tmp_path: Path, grader: Grader) -> Path:
    """Grade two right solutions, one of which an older suite had found fault with."""
    source, out = tmp_path / "handed in", tmp_path / "graded"
    source.mkdir()
    for name in ("ADA_RIGHT_LAB3", "BEN_RIGHT_LAB3"):
        files = example_files(project, EXAMPLES[0])
        (source / f"{name}.zip").write_bytes(zip_files(files, name))
    words = ("--sandbox", "process", "--only", "structure,relu", "--jobs", "1")
    done = grader("batch", source, "--out", out, *words)
    assert done.returncode == 0, done.stderr
    path = out / "submissions" / "BEN_RIGHT" / "report.json"
    report = json.loads(path.read_bytes())
    relu = next(item for item in report["items"] if item["id"] == "relu")
    relu["cases"][-1]["outcome"] = "FAILED"
    relu["cases"][-1]["diagnostics"] = ["expected 2, found 1"]
    relu.update(outcome="PARTIAL", points=9.0)
    report["score"] -= 1.0
    path.write_text(json.dumps(report))
    return out


def test_a_regrade_is_shown_applied_and_then_there_is_nothing_left(
    graded: Path, grader: Grader
) -> None:
    shown = grader("regrade", graded)
    assert shown.returncode == 0, shown.stderr
    assert "0 lose points, 1 gain points" in shown.stdout
    assert "9 → 10" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 100
    page = (graded / "regrade" / "diff.html").read_text()
    assert "expected 2, found 1" in page
    applied = grader("regrade", graded, "--apply")
    assert applied.returncode == 0, applied.stderr
    (history,) = (graded / "history").iterdir()
    assert str(history) in applied.stdout
    again = grader("regrade", graded)
    assert (again.returncode, again.stdout.startswith("Nothing to regrade: 2 submissions")) == (
        0,
        True,
    )
    assert grader("regrade", graded, "--discard").stdout == "There was no regrade.\n"
    nothing = grader("regrade", graded, "--apply")
    assert nothing.returncode == 2
    assert "holds no finished regrade. Run `grader regrade` first" in nothing.stderr


def test_who_neither_gains_nor_loses_is_counted_and_not_listed(
    graded: Path, grader: Grader
) -> None:
    path = graded / "submissions" / "ADA_RIGHT" / "report.json"
    report = json.loads(path.read_bytes())
    relu = next(item for item in report["items"] if item["id"] == "relu")
    del relu["cases"][-1]
    path.write_text(json.dumps(report))
    shown = grader("regrade", graded)
    assert "0 lose points, 1 gain points, 1 change without either" in shown.stdout
    assert "BEN_RIGHT" in shown.stdout
    assert "ADA_RIGHT" not in shown.stdout
    assert "ADA_RIGHT_LAB3.zip" in (graded / "regrade" / "diff.html").read_text()


def test_apply_and_discard_exclude_each_other(tmp_path: Path, grader: Grader) -> None:
    done = grader("regrade", tmp_path, "--apply", "--discard")
    assert done.returncode == 2
    assert "exclude each other" in done.stderr
