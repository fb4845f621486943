"""What a collector's runs have learned of host objects, for the runs that come after them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from grader.bridge.foreseen import Asked, Foreseen

MOST_BYTES = 8 << 20
"""How long the questions and answers of all cases may be, which go into every sandbox: right code's
take one or two of these MB, and hostile code could make them fifty."""


class Foresight:
    """What may be asked of host objects, by case (pytest's node id), under one grading seed."""

    def __init__(self) -> None:
        self._seed: int | None = None
        self._room = MOST_BYTES
        self._cases: defaultdict[str, Foreseen] = defaultdict(Foreseen)

    def under(self, seed: int) -> None:
        """Forget what was asked under another seed: other inputs have other answers."""
        if seed != self._seed:
            self._cases.clear()
            self._room = MOST_BYTES
            self._seed = seed

    def of(self, case: str) -> Foreseen:
        """Return what is known of a case."""
        return self._cases[case]

    def learn(self, learned: Mapping[str, Asked]) -> None:
        """Add what was asked in cases that passed."""
        for case, asked in learned.items():
            self._room -= self.of(case).learn(asked, self._room)
