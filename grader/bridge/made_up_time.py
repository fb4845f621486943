"""Makes up for the time in which a machine gave its processors to others.

The time of a case is wall time, so that code that waits for ever is found out. Where the machine is
busy, most of it may have passed before the student's code came to run at all.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

from grader.bridge.run_delay import LEAST_SECONDS, own_delay_seconds

MOST_TIMES = 4
"""How many times as long as what it has itself an item, or a script, may be given in all."""


class _Stops:
    """How often this process was stopped and went on."""

    number = 0


def note_stops() -> None:
    """Have this process, and its forks, notice that they were stopped, as by Ctrl-Z.

    A sandbox goes on meanwhile, and what it said lies ready; but all deadlines have passed.
    """

    def go_on(_number: int, _frame: FrameType | None) -> None:
        _Stops.number += 1

    signal.signal(signal.SIGCONT, go_on)


class MadeUpTime:
    """What the student's code has lost, and how much of it was made up for.

    Lost is what either side of the bridge has waited for a processor, as they work in turn. Where
    this side was stopped, nobody knows how long: all time is given anew.

    Parameters
    ----------
    delay_seconds : callable
        Asks the sandbox how long the present process has waited for a processor.
    whole : float
        Seconds that the code has for all it does.
    """

    def __init__(self, delay_seconds: Callable[[], float], whole: float) -> None:
        self._delay_seconds = delay_seconds
        self._whole = whole
        self._left = MOST_TIMES * whole
        self._lost = 0.0
        self._stops = _Stops.number

    def begin(self) -> None:
        """Begin with a process that was started just now."""
        self._lost = own_delay_seconds()

    def owed(self) -> float:
        """Return the seconds that are to be made up for now, and count them as made up for."""
        if self._stops != _Stops.number:
            self._stops = _Stops.number
            return self._whole
        lost = own_delay_seconds() + self._delay_seconds()
        owed = min(lost - self._lost, self._left)
        if owed < LEAST_SECONDS:
            return 0.0
        self._lost = lost
        self._left -= owed
        return owed
