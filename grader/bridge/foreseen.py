"""What students' code asks of a case's host objects, foreseen from what others' right code asked.

The cases of a network call back thousands of times, and code that is right asks the same of the
same objects: under one seed the answers are known. They go into the sandbox ahead, sealed
(`grader.bridge.sealing`), so that code that asks as foreseen need not wait for each. What it has
asked is then done on the host objects as if it had come one by one, before anything else is.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import msgspec

from grader.bridge import protocol
from grader.bridge.sealing import FIRST_LINK, linked, sealed

MOST_WAYS = 3
"""How many ways of asking are kept for a case: code that is right may differ in its order."""
MOST_BYTES = 1 << 18
"""How long the questions and answers of one way may be; most are a tenth of it."""

Asked: TypeAlias = list[tuple[bytes, bytes]]
"""Questions and answers of a case from its beginning, as they were on the wire."""


class Step(NamedTuple):
    """One question with its answer, both as they were on the wire, and the link before it."""

    before: bytes
    on_wire: bytes
    question: protocol.Ask
    answer: bytes


class Foreseen:
    """A case's questions and answers under one seed.

    Attributes
    ----------
    on_wire : msgspec.Raw
        The sealed answers by tag, encoded.
    """

    def __init__(self) -> None:
        self._steps: dict[bytes, Step] = {}
        self._sealed: dict[bytes, bytes] = {}
        self._ways = 0
        self.on_wire = protocol.NOTHING_SEALED

    def learn(self, asked: Asked, room: int = MOST_BYTES) -> int:
        """Foresee, from now on, what code has asked that passed the case.

        Returns
        -------
        int
            How many bytes that takes: 0 if there are more than `room`, or ways enough.
        """
        size = sum(len(question) + len(answer) for question, answer in asked)
        if self._ways >= MOST_WAYS or size > min(room, MOST_BYTES):
            return 0
        self._ways += 1
        link = FIRST_LINK
        for question, answer in asked:
            before, (link, tag, key) = link, linked(link, question)
            if link not in self._steps:
                self._steps[link] = Step(
                    before, question, protocol.decode(question, protocol.asks), answer
                )
                self._sealed[tag] = sealed(key, answer)
        # In an order that says nothing.
        self.on_wire = msgspec.Raw(msgspec.msgpack.encode(dict(sorted(self._sealed.items()))))
        return size

    def steps(self, since: bytes, until: bytes, count: int) -> list[Step] | None:
        """Return the questions that lead from one link to another; None if these do not."""
        steps = []
        link = until
        for _ in range(count):
            step = self._steps.get(link)
            if step is None:
                return None
            steps.append(step)
            link = step.before
        return steps[::-1] if link == since else None
