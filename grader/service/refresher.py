"""Brings the gradebook and the class's page up to date beside the requests, as often as needed."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock

REST = 4.0
"""How many times as long as the work takes it is left alone, for the pages to be quick."""


class Refresher:
    """Does one piece of work again and again, but never more than a fifth of the time.

    Parameters
    ----------
    work : callable
        What is to be done after each change; all that was changed before it began is in it.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._pool = ThreadPoolExecutor(1, "refresh")
        self._lock = Lock()
        self._closing = Event()
        self._rest = 0.0
        self._waiting = False
        self._latest: Future[None] | None = None

    def ask(self) -> None:
        """Have it done soon; where it waits to begin anyway, once will do."""
        with self._lock:
            if not self._waiting:
                self._waiting = True
                self._latest = self._pool.submit(self._round)

    def _round(self) -> None:
        self._closing.wait(self._rest)
        with self._lock:
            self._waiting = False
        began = time.monotonic()
        try:
            self._work()
        finally:
            self._rest = REST * (time.monotonic() - began)

    @property
    def problem(self) -> str:
        """What went wrong the last time; empty if nothing did, or it is not done yet."""
        latest = self._latest
        if latest is None or not latest.done():
            return ""
        return str(latest.exception() or "")

    def close(self) -> None:
        """Have done what was asked for, without a rest, and wait for it."""
        self._closing.set()
        self._pool.shutdown(wait=True)
