"""Turns what the checks found into points."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from grader.lab import Scoring
from grader.model import ItemResult, Outcome

# Outcomes in which nothing was judged, so that no number would be true.
UNJUDGED = frozenset({Outcome.NOT_RUN, Outcome.GRADER_ERROR, Outcome.NEEDS_REVIEW})


def score_item(item: ItemResult, scoring: Scoring) -> ItemResult:
    """Return the item with its points.

    Parameters
    ----------
    item : ItemResult
        As a check left it.
    scoring : Scoring
        `proportional`: points by the weight of the cases that passed. `all_or_nothing`: all
        points if every case passed, else none; structure stays proportional, since that rule is
        about tests.

    Returns
    -------
    ItemResult
        `points` is None where the outcome says that nothing was judged.
    """
    if item.outcome in UNJUDGED or not item.cases:
        return msgspec.structs.replace(item, points=None)
    passed = [case.weight for case in item.cases if case.outcome is Outcome.PASSED]
    share = math.fsum(passed) / math.fsum(case.weight for case in item.cases)
    if scoring.rule == "all_or_nothing" and item.id != "structure":
        share = float(len(passed) == len(item.cases))
    return msgspec.structs.replace(item, points=item.max_points * share)


def total(items: Sequence[ItemResult]) -> tuple[float | None, str | None]:
    """Add the items' points up.

    Parameters
    ----------
    items : sequence of ItemResult
        Scored.

    Returns
    -------
    score : float or None
        None where an item failed for a reason of the grader's, or waits for a person: a sum
        without it would be taken for a grade.
    note : str or None
        What the score leaves out, for people.
    """
    broken = [item.id for item in items if item.outcome is Outcome.GRADER_ERROR]
    if broken:
        return None, f"no score: {', '.join(broken)} could not be graded and needs a regrade"
    waiting = [item.id for item in items if item.outcome is Outcome.NEEDS_REVIEW]
    if waiting:
        return None, f"no score: {', '.join(waiting)} needs a person's decision"
    judged = [item.points for item in items if item.points is not None]
    left_out = [item for item in items if item.points is None]
    if not judged:
        return None, "no score: nothing was graded"
    note = None
    if left_out:
        possible = math.fsum(i.max_points for i in items if i.points is not None)
        note = (
            f"out of {possible:g} points: "
            + ", ".join(f"{item.id} ({item.max_points:g})" for item in left_out)
            + " not run"
        )
    return math.fsum(judged), note
