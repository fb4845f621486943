"""The time left: by kind of task, and silent about kinds that nobody has seen."""

from __future__ import annotations

import pytest

from grader.batch.pace import Kind, Left, Pace
from grader.cli.batch_progress import left_text


def test_nothing_is_said_before_anything_has_ended() -> None:
    pace = Pace()
    assert pace.left({Kind.SHORT: 3}, [], 0, 2) == Left(None, {Kind.SHORT: 3})


def test_trainings_are_not_estimated_from_short_items() -> None:
    pace = Pace()
    pace.ended(Kind.SHORT, 2.0)
    left = pace.left({Kind.SHORT: 10, Kind.TRAINING: 4}, [], 0, 2)
    assert left == Left(10.0, {Kind.TRAINING: 4})
    assert left_text(left) == "about 10 s left, and 4 trainings, of which none has ended yet"


def test_the_end_is_no_sooner_than_the_longest_task() -> None:
    pace = Pace()
    pace.ended(Kind.TRAINING, 100.0)
    pace.ended(Kind.SHORT, 1.0)
    assert pace.left({Kind.SHORT: 4}, [(Kind.TRAINING, 10.0)], 0, 8).seconds == 90.0


def test_a_training_that_takes_longer_than_others_did_is_not_said_to_end_at_once() -> None:
    pace = Pace()
    pace.ended(Kind.TRAINING, 10.0)
    assert pace.left({}, [(Kind.TRAINING, 60.0)], 0, 1).seconds == 60.0


def test_submissions_that_were_not_taken_in_are_expected_to_be_like_the_others() -> None:
    pace = Pace()
    for _ in range(2):
        pace.read()
        pace.made(Kind.SHORT)
    pace.made(Kind.TRAINING)
    pace.ended(Kind.SHORT, 1.0)
    pace.ended(Kind.TRAINING, 30.0)
    assert pace.left({}, [], 10, 1).seconds == pytest.approx(10 * 1.0 + 5 * 30.0)
