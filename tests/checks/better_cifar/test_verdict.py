"""The comparison with the baseline: paired, with an interval, and what each policy makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from grader.checks.better_cifar.measuring import classes_of
from grader.checks.better_cifar.verdict import Comparison, Standing, compare


def hits(right: int, of: int = 400) -> np.ndarray:
    return (np.arange(of) < right).astype(np.float64)


def test_the_difference_is_taken_image_by_image() -> None:
    # 40 more images right and none wrong: far surer than the two accuracies alone would say.
    found = compare(hits(260), [hits(220)] * 3)
    assert found.difference == pytest.approx(0.1)
    unpaired = 1.96 * np.sqrt(0.65 * 0.35 / 400 + 0.55 * 0.45 / 400)
    assert found.high - found.difference < unpaired / 2
    assert found.clear is Standing.BETTER


def test_the_interval_widens_with_the_spread_of_the_baseline_s_runs() -> None:
    even, uneven = compare(hits(260), [hits(240)] * 2), compare(hits(260), [hits(200), hits(280)])
    assert even.difference == pytest.approx(uneven.difference)
    assert uneven.high - uneven.low > even.high - even.low
    assert uneven.clear is Standing.CLOSE


def test_the_interval_covers_the_truth_about_95_times_in_100() -> None:
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(2000):
        hard = generator.random(300)
        network = (generator.random(300) < 0.2 + 0.6 * hard).astype(float)
        runs = [(generator.random(300) < 0.15 + 0.6 * hard).astype(float) for _ in range(5)]
        found = compare(network, runs)
        covered += found.low <= 0.05 <= found.high
    assert 0.93 < covered / 2000 < 0.98


@pytest.mark.parametrize(
    ("low", "high", "lenient", "strict", "review"),
    [
        (0.01, 0.2, Standing.BETTER, Standing.BETTER, Standing.BETTER),
        (-0.01, 0.2, Standing.BETTER, Standing.NOT_BETTER, Standing.CLOSE),
        (-0.2, 0.01, Standing.NOT_BETTER, Standing.NOT_BETTER, Standing.CLOSE),
        (-0.2, -0.01, Standing.NOT_BETTER, Standing.NOT_BETTER, Standing.NOT_BETTER),
        (0.0, 0.0, Standing.NOT_BETTER, Standing.NOT_BETTER, Standing.NOT_BETTER),
    ],
)
def test_each_policy_has_its_own_standing(
    low: float, high: float, lenient: Standing, strict: Standing, review: Standing
) -> None:
    comparison = Comparison(0.6, 0.5, (low + high) / 2, low, high)
    assert comparison.standing("lenient") is lenient
    assert comparison.standing("strict") is strict
    assert comparison.standing("review") is review


@pytest.mark.parametrize(
    "answer",
    [
        np.array([0, 2, 1]),
        np.array([[0], [2], [1]]),
        np.array([0.0, 2.0, 1.0]),
        np.array([[0.9, 0.1, 0], [0, 0.2, 0.8], [0, 1, 0]]),
        np.array([0, 2, 1], dtype=np.uint8),
    ],
)
def test_every_form_of_prediction_is_read(answer: np.ndarray) -> None:
    found = classes_of(answer, 3)
    assert found is not None
    assert found.tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    "answer", [None, "0", [0, 1], np.zeros((2, 2, 2)), np.zeros((3, 5)), np.array([1j])]
)
def test_what_is_no_prediction_is_none(answer: object) -> None:
    assert classes_of(answer, 3) is None


def test_a_prediction_that_is_no_number_is_wrong_and_nothing_more() -> None:
    found = classes_of(np.array([np.nan, 1.0, np.inf]), 3)
    assert found is not None
    assert found.tolist() == [-1, 1, -1]
