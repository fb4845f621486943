"""Batches for tests, made without grading anybody."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.manifest import Manifest
from grader.batch.source.handed import Handed
from grader.lab import Project
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
from grader.scoring import total

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0"
    "00000301010018dd8db00000000049454e44ae426082"
)
"""A PNG of one red pixel."""


def case(
    name: str, outcome: Outcome = Outcome.PASSED, suite: Suite = Suite.HIDDEN, weight: float = 1.0
) -> CaseResult:
    """Return a case's result, with diagnostics that name it."""
    return CaseResult(name, suite, outcome, weight, 0.25, diagnostics=(f"seen in {name}",))


def report_of(key: str, *items: ItemResult, sha256: str = "") -> Report:
    """Return a report of these items."""
    score = total(items)
    return Report(
        submission=SubmissionStamp(f"{key}_LAB3.zip", sha256 or sha_of(key), key, "DOE"),
        score=score.score,
        max_score=sum(item.max_points for item in items),
        provisional=score.provisional,
        score_note=score.note,
        items=items,
        flags=(),
        suite=SuiteStamp("1", "0", 1, published=True),
        sandbox=None,
        timings={},
        graded_at="2026-11-20T10:00:00+00:00",
        grader_version="",
    )


def sha_of(key: str) -> str:
    """Return the digest that a student's archive has here."""
    return key.encode().hex().ljust(64, "0")[:64]


def plots(outcome: Outcome = Outcome.NEEDS_REVIEW) -> ItemResult:
    """Return plots as the check leaves them, for a person to decide on."""
    points = 0.0 if outcome is Outcome.FAILED else None
    names = ("plots/student-1.png", "plots/reference.png")
    return ItemResult(
        "plots",
        "Plot of the loss",
        10.0,
        outcome,
        points,
        proposed=10.0 if points is None else None,
        feedback=("2 pictures",),
        artefacts=names if points is None else (),
    )


def relu(outcome: Outcome = Outcome.PASSED) -> ItemResult:
    """Return a layer's item with one case."""
    points = 10.0 if outcome is Outcome.PASSED else 0.0
    return ItemResult(
        "relu", "relu.py", 10.0, outcome, points, cases=(case("relu/forward", outcome),)
    )


def make_batch(place: Path, project: Project, reports: Mapping[str, Report]) -> BatchFolder:
    """Write a batch of these reports; its archives are not there unless somebody makes them."""
    folder = BatchFolder(place)
    handed = tuple(
        Handed(key, place.parent / f"{key}_LAB3.zip", f"{key}_LAB3.zip") for key in sorted(reports)
    )
    items = tuple(line.id for line in project.lab.rubric)
    folder.begin(
        Manifest(source=place.parent, sandbox="process", items=items, seed=1, handed=handed)
    )
    for key, report in reports.items():
        pictures = {name: PICTURE for item in report.items for name in item.artefacts}
        folder.write(key, Graded(report, pictures), ())
    return folder
