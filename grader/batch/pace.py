"""Estimates the time that a batch still takes, from what its own tasks have taken."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """Kinds of tasks; the times of one kind say nothing about another's."""

    SHORT = "short"
    TRAINING = "training"
    REFERENCE = "reference"
    DRAWING = "drawing"


class Left(msgspec.Struct, frozen=True):
    """What is left to do.

    Attributes
    ----------
    seconds : float or None
        Estimate of all whose kind was seen to take some time; None where none was seen yet.
    unknown : dict of Kind to int
        Tasks of kinds of which none has ended yet: nobody can say how long they take.
    """

    seconds: float | None
    unknown: dict[Kind, int]


class Pace:
    """Remembers how long tasks took."""

    def __init__(self) -> None:
        self._seconds: defaultdict[Kind, list[float]] = defaultdict(list)
        self._made: Counter[Kind] = Counter()
        self._read = 0

    def read(self) -> None:
        """Count a submission that was taken in."""
        self._read += 1

    def made(self, kind: Kind) -> None:
        """Count a task that was found to be needed."""
        self._made[kind] += 1

    def ended(self, kind: Kind, seconds: float) -> None:
        """Note how long a task took."""
        self._seconds[kind].append(seconds)

    def left(
        self,
        waiting: Mapping[Kind, int],
        running: Sequence[tuple[Kind, float]],
        unread: int,
        slots: int,
    ) -> Left:
        """Estimate what is left.

        Parameters
        ----------
        waiting : mapping of Kind to int
            Tasks that have not begun.
        running : sequence of (Kind, float)
            Those that have, with the seconds since.
        unread : int
            Submissions that were not taken in yet: as many tasks are expected of them as of the
            others so far.
        slots : int
            How many run at once.

        Returns
        -------
        Left
            The sum of the expected times by the slots, but no less than the longest one's.
        """
        total = longest = 0.0
        unknown: dict[Kind, int] = {}
        for kind in Kind:
            share = self._made[kind] / self._read if self._read else 0.0
            count = waiting.get(kind, 0) + unread * share
            ages = [age for other, age in running if other is kind]
            if not count and not ages:
                continue
            took = self._seconds[kind]
            if not took:
                unknown[kind] = round(count) + len(ages)
                continue
            mean = sum(took) / len(took)
            # One that takes longer than others did is taken to be at its middle.
            rest = [mean - age if age < mean else age for age in ages]
            total += count * mean + sum(rest)
            longest = max(longest, mean if count else 0.0, *rest, 0.0)
        known = any(self._seconds.values())
        return Left(max(total / max(slots, 1), longest) if known else None, unknown)
