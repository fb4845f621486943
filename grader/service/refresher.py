"""Brings the gradebook and the class's page up to date beside the requests, as often as needed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock


class Refresher:
    """Does one piece of work again and again, but never more often than it takes.

    Parameters
    ----------
    work : callable
        What is to be done after each change; all that was changed before it began is in it.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._pool = ThreadPoolExecutor(1, "refresh")
        self._lock = Lock()
        self._latest: Future[object] | None = None

    def ask(self) -> None:
        """Have it done soon; where it waits to begin anyway, once will do."""
        with self._lock:
            latest = self._latest
            if latest is None or latest.running() or latest.done():
                self._latest = self._pool.submit(self._work)

    @property
    def problem(self) -> str:
        """What went wrong the last time; empty if nothing did, or it is not done yet."""
        latest = self._latest
        if latest is None or not latest.done():
            return ""
        return str(latest.exception() or "")

    def close(self) -> None:
        """Wait until all is done."""
        self._pool.shutdown(wait=True)
