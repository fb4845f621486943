"""The clock of a script that trains: what it waits for is not its own time."""

from __future__ import annotations

import time

import pytest

from grader.bridge import training_run
from grader.bridge.training_run import TrainingEnded, _Clock


def test_a_wait_for_an_answer_is_no_part_of_the_wall_time() -> None:
    clock = _Clock()
    answers = []

    def wait_and_go_on() -> None:
        with clock.held():
            time.sleep(0.5)
        answers.append("an answer")
        time.sleep(60)

    with pytest.raises(TrainingEnded, match="wall"), clock.running(60, 0.2):
        wait_and_go_on()
    assert answers


def test_a_wait_for_a_processor_is_no_part_of_the_wall_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited = iter([5.0, 5.4, 5.4])
    monkeypatch.setattr(training_run, "delay_seconds", lambda pid, neighbours: next(waited))
    clock = _Clock()
    with pytest.raises(TrainingEnded, match="wall"), clock.running(60, 0.1):
        time.sleep(60)
    assert list(waited) == [], "the end was not put off"
