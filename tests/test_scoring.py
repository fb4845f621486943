"""Points: by the weight of what passed, exact, and never a number where nothing was judged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.lab import Scoring
from grader.model import CaseResult, ItemResult, Outcome, Suite
from grader.scoring import Total, score_item, total

PROPORTIONAL = Scoring("proportional")
ALL_OR_NOTHING = Scoring("all_or_nothing")


def item(
    *cases: tuple[str, float],
    outcome: Outcome = Outcome.PARTIAL,
    id: str = "full",  # noqa: A002 - the field's name
    points: float | None = None,
    max_points: float = 15.0,
) -> ItemResult:
    results = tuple(
        CaseResult(f"{id}/{n}", Suite.HIDDEN, Outcome(how), weight)
        for n, (how, weight) in enumerate(cases)
    )
    return ItemResult(id, "", max_points, outcome, points=points, cases=results)


def test_points_are_proportional_to_the_weight_that_passed() -> None:
    scored = score_item(item(("PASSED", 3), ("FAILED", 1), ("TIMEOUT", 1)), PROPORTIONAL)
    assert scored.points == 9.0


def test_points_are_never_rounded() -> None:
    scored = score_item(item(("PASSED", 1), ("PASSED", 1), ("FAILED", 1)), PROPORTIONAL)
    assert scored.points == 15 * (2 / 3)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=30))
def test_full_marks_are_exact_whatever_the_weights(weights: list[float]) -> None:
    scored = score_item(item(*(("PASSED", weight) for weight in weights)), PROPORTIONAL)
    assert scored.points == 15.0


@pytest.mark.parametrize("how", ["FAILED", "TIMEOUT", "MEMORY", "CRASHED"])
def test_nothing_passed_is_zero_and_not_nothing(how: str) -> None:
    scored = score_item(item((how, 1), outcome=Outcome(how)), PROPORTIONAL)
    assert scored.points == 0.0


def test_all_or_nothing_gives_points_only_when_every_case_passed() -> None:
    assert score_item(item(("PASSED", 9), ("FAILED", 1)), ALL_OR_NOTHING).points == 0.0
    assert score_item(item(("PASSED", 9), ("PASSED", 1)), ALL_OR_NOTHING).points == 15.0


def test_structure_stays_proportional_under_all_or_nothing() -> None:
    scored = score_item(item(("PASSED", 1), ("FAILED", 1), id="structure"), ALL_OR_NOTHING)
    assert scored.points == 7.5


@pytest.mark.parametrize("outcome", ["NOT_RUN", "GRADER_ERROR", "NEEDS_REVIEW"])
def test_what_was_not_judged_has_no_points_even_if_cases_passed(outcome: str) -> None:
    scored = score_item(item(("PASSED", 1), outcome=Outcome(outcome), points=3.0), PROPORTIONAL)
    assert scored.points is None


def test_an_item_without_cases_has_no_points() -> None:
    assert score_item(item(outcome=Outcome.FAILED), PROPORTIONAL).points is None


def test_the_total_is_the_exact_sum() -> None:
    items = [item(points=0.1, max_points=1) for _ in range(10)]
    assert total(items) == Total(1.0, provisional=False, note=None)


def test_the_note_says_which_items_the_score_leaves_out() -> None:
    items = [
        item(points=12.0),
        item(id="plots", outcome=Outcome.NOT_RUN, max_points=10),
        item(id="better_cifar", outcome=Outcome.NOT_RUN, max_points=10),
    ]
    assert total(items) == Total(
        12.0,
        provisional=False,
        note="out of 15 points; plots (10), better_cifar (10) not run",
    )


def test_an_item_that_the_grader_could_not_grade_leaves_no_score() -> None:
    items = [item(points=12.0), item(id="relu", outcome=Outcome.GRADER_ERROR)]
    assert total(items) == Total(
        None, provisional=False, note="no score: relu could not be graded and needs a regrade"
    )


def test_a_score_is_provisional_while_an_item_waits_for_a_person() -> None:
    items = [item(points=12.0), item(id="plots", outcome=Outcome.NEEDS_REVIEW, max_points=10)]
    assert total(items) == Total(
        12.0,
        provisional=True,
        note="out of 15 points; provisional, plots (10) needs a person's decision",
    )


def test_there_is_no_score_where_a_person_must_decide_on_all_that_was_run() -> None:
    items = [
        item(id="structure", outcome=Outcome.NEEDS_REVIEW),
        item(id="relu", outcome=Outcome.NOT_RUN),
    ]
    assert total(items) == Total(
        None, provisional=True, note="no score: structure (15) needs a person's decision"
    )


def test_the_graders_error_is_named_before_a_persons_decision() -> None:
    items = [item(outcome=Outcome.NEEDS_REVIEW), item(id="relu", outcome=Outcome.GRADER_ERROR)]
    assert "relu could not be graded" in str(total(items).note)


def test_nothing_graded_is_no_score_and_not_zero() -> None:
    assert total([item(outcome=Outcome.NOT_RUN)]) == Total(
        None, provisional=False, note="no score: nothing was graded"
    )
