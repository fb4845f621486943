"""Answers of host objects that came before they were asked for, as the item process holds them."""

from __future__ import annotations

import msgspec

from grader.bridge import protocol
from grader.bridge.sealing import FIRST_LINK, linked, sealed

_decoder = msgspec.msgpack.Decoder(dict[bytes, bytes])


class ForeseenAnswers:
    """Opens the sealed answers of a case, as long as every question is one that was foreseen."""

    def __init__(self) -> None:
        self.begin(protocol.NOTHING_SEALED)

    def begin(self, answers: msgspec.Raw) -> None:
        """Hold the answers of a new case."""
        self._sealed = _decoder.decode(answers)
        self._link = FIRST_LINK
        self._opened = 0

    def open(self, question: bytes) -> protocol.HostReturned | None:
        """Return a question's answer; None from the first question on that was not foreseen.

        Parameters
        ----------
        question : bytes
            The message that would go to the grader.
        """
        if not self._sealed:
            return None
        link, tag, key = linked(self._link, question)
        answer = self._sealed.get(tag)
        if answer is None:
            self._sealed = {}
            return None
        self._link = link
        self._opened += 1
        opened: protocol.HostReturned = protocol.decode(sealed(key, answer), protocol.requests)
        return opened

    def news(self) -> protocol.Foresaw | None:
        """Return what the grader is to hear before the next message, if anything was opened."""
        if not self._opened:
            return None
        news = protocol.Foresaw(self._opened, self._link)
        self._opened = 0
        return news
