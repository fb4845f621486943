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


class Total(msgspec.Struct, frozen=True):
    """The sum of a submission's points.

    Attributes
    ----------
    score : float or None
        None where an item failed for a reason of the grader's, or nothing was graded: a sum
        without it would be taken for a grade.
    provisional : bool
        Whether an item waits for a person, or for its check, so that the score may still rise.
    note : str or None
        What the score leaves out, for people.
    """

    score: float | None
    provisional: bool
    note: str | None


def total(items: Sequence[ItemResult]) -> Total:
    """Add the items' points up.

    Parameters
    ----------
    items : sequence of ItemResult
        Scored.
    """
    waiting = [item for item in items if item.outcome is Outcome.NEEDS_REVIEW]
    pending = [item for item in items if item.outcome is Outcome.NOT_RUN and item.pending]
    provisional = bool(waiting or pending)
    broken = [item.id for item in items if item.outcome is Outcome.GRADER_ERROR]
    if broken:
        note = f"no score: {', '.join(broken)} could not be graded and needs a regrade"
        return Total(None, provisional, note)
    judged = [item for item in items if item.points is not None]
    if not judged:
        why = f"{_named(waiting)} needs a person's decision" if waiting else "nothing was graded"
        return Total(None, provisional, f"no score: {why}")
    left_out = [item for item in items if item.is_left_out]
    notes = []
    if provisional or left_out:
        notes.append(f"out of {math.fsum(item.max_points for item in judged):g} points")
    if waiting:
        notes.append(f"provisional, {_named(waiting)} needs a person's decision")
    if pending:
        notes.append(f"provisional, {_named(pending)} not judged yet")
    if left_out:
        notes.append(f"{_named(left_out)} not run")
    score = math.fsum(item.points for item in judged if item.points is not None)
    return Total(score, provisional, "; ".join(notes) or None)


def _named(items: Sequence[ItemResult]) -> str:
    return ", ".join(f"{item.id} ({item.max_points:g})" for item in items)
