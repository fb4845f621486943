"""What is noted of a training's loss: few points, true averages, nothing but numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.bridge.loss_log import MOST, LossLog


@given(
    st.lists(st.tuples(st.integers(1, 300), st.floats(0, 100)), max_size=600),
    st.sampled_from([0, 1, 100, 2000]),
)
def test_points_are_few_and_their_averages_are_those_of_all_rows(
    batches: list[tuple[int, float]], pass_rows: int
) -> None:
    log = LossLog()
    log.pass_rows = pass_rows
    for rows, loss in batches:
        log.note(rows, loss)
    points = log.points()
    assert len(points) <= MOST + 1
    ends = [0, *(end for end, _ in points)]
    assert ends == sorted(set(ends))
    assert ends[-1] == sum(rows for rows, _ in batches)
    widths = np.diff(ends)
    noted = math.fsum(w * loss for w, (_, loss) in zip(widths, points, strict=True))
    assert noted == pytest.approx(math.fsum(rows * loss for rows, loss in batches))


def test_a_long_training_has_its_averages_by_pass_and_a_short_one_finer_ones() -> None:
    log = LossLog()
    log.pass_rows = 52
    ends = []
    for _ in range(40):
        for rows in (16, 16, 16, 4):
            log.note(rows, float(rows))
        ends.append([end for end, _ in log.points()])
    assert ends[0] == [16, 32, 48, 52]
    assert ends[-1] == [52 * n for n in range(1, 41)]
    assert {loss for _, loss in log.points()} == {(3 * 16 * 16 + 4 * 4) / 52}


@pytest.mark.parametrize("value", [2.0, np.float32(2), np.array(2.0), np.array([[2.0]]), [2]])
def test_a_loss_may_come_in_any_form(value: object) -> None:
    log = LossLog()
    log.note(8, value)
    assert log.points() == [(8, 2.0)]


@pytest.mark.parametrize("value", [None, "much", [1.0, 2.0], object(), {}])
def test_what_is_no_number_is_passed_over(value: object) -> None:
    log = LossLog()
    log.note(8, value)
    log.note(0, 1.0)
    assert log.points() == []
