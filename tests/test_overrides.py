"""People's decisions: they take a check's place, say who, when and why, and survive regrades."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grader.errors import ConfigurationError
from grader.model import ItemResult, Outcome, Report, SubmissionStamp, SuiteStamp
from grader.overrides import (
    Override,
    apply_overrides,
    read_overrides,
    with_override,
    write_overrides,
)
from grader.scoring import total

SHA = "a" * 64
DECISION = Override(SHA, "plots", 8.0, "Ada", "2026-11-24T10:00:00+01:00", "axes not labelled")


def report(plots: Outcome = Outcome.NEEDS_REVIEW) -> Report:
    points = 10.0 if plots is Outcome.PASSED else None
    items = (
        ItemResult("relu", "", 90.0, Outcome.PASSED, points=90.0),
        ItemResult("plots", "", 10.0, plots, points=points, proposed=10.0),
    )
    return Report(
        submission=SubmissionStamp("A_B_LAB3.zip", SHA, "A", "B"),
        score=total(items).score,
        max_score=100.0,
        provisional=plots is Outcome.NEEDS_REVIEW,
        score_note=total(items).note,
        items=items,
        flags=(),
        suite=SuiteStamp("1", "0", 1, published=True),
        sandbox=None,
        timings={},
        graded_at="",
        grader_version="",
    )


def test_a_decision_gives_the_points_and_says_whose_it_is() -> None:
    decided = apply_overrides(report(), [DECISION])
    plots = decided.items[1]
    assert (plots.points, plots.outcome) == (8.0, Outcome.PARTIAL)
    assert plots.decision is not None
    assert (plots.decision.who, plots.decision.before) == ("Ada", Outcome.NEEDS_REVIEW)
    assert (decided.score, decided.provisional, decided.score_note) == (98.0, False, None)


@pytest.mark.parametrize(
    ("points", "outcome"), [(0, Outcome.FAILED), (10, Outcome.PASSED), (3.5, Outcome.PARTIAL)]
)
def test_the_outcome_follows_the_points(points: float, outcome: Outcome) -> None:
    decided = apply_overrides(report(), [msgspec.structs.replace(DECISION, points=points)])
    assert decided.items[1].outcome is outcome


def test_applying_twice_changes_nothing() -> None:
    once = apply_overrides(report(), [DECISION])
    assert apply_overrides(once, [DECISION]) == once


def test_a_decision_about_another_archive_does_nothing() -> None:
    other = msgspec.structs.replace(DECISION, sha256="b" * 64)
    assert apply_overrides(report(), [other]) == report()


def test_a_decision_that_was_taken_back_leaves_what_the_check_had_found() -> None:
    for found in (report(), report(Outcome.PASSED)):
        decided = apply_overrides(found, [DECISION])
        assert decided.items[1].points == 8.0
        assert apply_overrides(decided, []) == found
    partial = msgspec.structs.replace(report().items[1], outcome=Outcome.PARTIAL, points=2.5)
    found = msgspec.structs.replace(
        report(), items=(report().items[0], partial), score=92.5, provisional=False, score_note=None
    )
    twice = apply_overrides(apply_overrides(found, [DECISION]), [DECISION])
    assert apply_overrides(twice, []) == found


def test_a_decision_about_an_earlier_archive_of_the_same_student_is_said_and_not_applied() -> None:
    earlier = msgspec.structs.replace(DECISION, sha256="b" * 64, key="canvas-7")
    (flag,) = (found := apply_overrides(report(), [earlier], "canvas-7")).flags
    assert flag.id == "earlier-decision"
    assert "A decision about an earlier archive exists (plots)" in flag.message
    assert "Ada" not in flag.message
    assert found.items == report().items
    assert apply_overrides(found, [earlier], "canvas-7") == found
    assert apply_overrides(report(), [earlier], "canvas-8") == report()
    assert apply_overrides(found, [], "canvas-7") == report()


def test_the_later_decision_about_an_item_counts() -> None:
    later = msgspec.structs.replace(DECISION, points=1.0)
    assert with_override([DECISION], later) == (later,)
    assert apply_overrides(report(), [DECISION, later]).items[1].points == 1.0


@pytest.mark.parametrize(
    ("change", "said"),
    [({"item": "essay"}, "which the rubric lacks"), ({"points": 11.0}, "which has 10")],
)
def test_a_decision_that_does_not_fit_the_rubric_is_refused(
    change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        apply_overrides(report(), [msgspec.structs.replace(DECISION, **change)])


def test_decisions_are_written_and_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "overrides.json"
    write_overrides(path, [DECISION])
    assert read_overrides(path) == (DECISION,)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"who": " "}, "who"),
        ({"why": ""}, "why"),
        ({"when": "yesterday"}, "ISO 8601"),
        ({"when": "2026-11-24T10:00:00"}, "time zone"),
        ({"points": -1}, "gives -1 points"),
        ({"points": "8"}, "not a file of decisions"),
        ({"extra": 1}, "not a file of decisions"),
    ],
)
def test_a_decision_that_lacks_something_is_named(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    path = tmp_path / "overrides.json"
    write_overrides(path, [DECISION])
    document = json.loads(path.read_bytes())
    document["overrides"][0].update(change)
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigurationError, match=said):
        read_overrides(path)


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"schema": "x", "overrides": []}'])
def test_what_is_no_file_of_decisions_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "overrides.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError):
        read_overrides(path)
