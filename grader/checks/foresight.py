"""What a collector's runs have learned of host objects, for the runs that come after them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from grader.bridge.foreseen import Asked, Foreseen


class Foresight:
    """What may be asked of host objects, by case (pytest's node id), under one grading seed."""

    def __init__(self) -> None:
        self._seed: int | None = None
        self._cases: defaultdict[str, Foreseen] = defaultdict(Foreseen)

    def under(self, seed: int) -> None:
        """Forget what was asked under another seed: other inputs have other answers."""
        if seed != self._seed:
            self._cases.clear()
            self._seed = seed

    def of(self, case: str) -> Foreseen:
        """Return what is known of a case."""
        return self._cases[case]

    def learn(self, learned: Mapping[str, Asked]) -> None:
        """Add what was asked in cases that passed."""
        for case, asked in learned.items():
            self.of(case).learn(asked)
