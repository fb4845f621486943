"""Lost time is made up for once, if it is worth asking for, and not without end."""

from __future__ import annotations

import os
import signal

import pytest

from grader.bridge import made_up_time
from grader.bridge.made_up_time import MOST_TIMES, MadeUpTime, note_stops
from grader.bridge.run_delay import LEAST_SECONDS


class Machine:
    """What a machine has taken from either side of the bridge, in seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ours = 100.0
        self.theirs = 0.0
        monkeypatch.setattr(made_up_time, "own_delay_seconds", lambda: self.ours)

    def delay_seconds(self) -> float:
        return self.theirs


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_what_either_side_has_lost_is_made_up_for_once(machine: Machine) -> None:
    made_up = MadeUpTime(machine.delay_seconds, whole=100)
    made_up.begin()
    assert made_up.owed() == 0
    machine.ours += 2
    machine.theirs += 5
    assert made_up.owed() == 7
    assert made_up.owed() == 0
    machine.theirs += LEAST_SECONDS / 2
    assert made_up.owed() == 0
    machine.theirs += LEAST_SECONDS
    assert made_up.owed() == pytest.approx(1.5 * LEAST_SECONDS)


def test_a_new_process_begins_anew_with_what_is_left(machine: Machine) -> None:
    made_up = MadeUpTime(machine.delay_seconds, whole=10 / MOST_TIMES)
    made_up.begin()
    machine.theirs = 8
    assert made_up.owed() == 8
    machine.theirs = 0
    machine.ours += 50
    made_up.begin()
    assert made_up.owed() == 0
    machine.theirs = 8
    assert made_up.owed() == 2
    machine.theirs = 80
    assert made_up.owed() == 0


def test_after_a_stop_all_time_is_given_anew_once(machine: Machine) -> None:
    made_up = MadeUpTime(machine.delay_seconds, whole=100)
    made_up.begin()
    before = signal.getsignal(signal.SIGCONT)
    try:
        note_stops()
        os.kill(os.getpid(), signal.SIGCONT)
        assert made_up.owed() == 100
        assert made_up.owed() == 0
    finally:
        signal.signal(signal.SIGCONT, before)
