"""The workers of a batch behind the interface of `concurrent.futures`, here or on a cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.queues import SimpleQueue
from typing import Protocol

from grader.batch.workers.perform import perform
from grader.batch.workers.tasks import Told
from grader.checks.kept_collector import keep_collector
from grader.pipeline import Plan
from grader.sandbox.lifetime import end_with


class Workers(Protocol):
    """Perform tasks, several at once."""

    @property
    def slots(self) -> int:
        """How many tasks they can perform at once; on a cluster it changes."""

    def submit(self, task: bytes) -> Future[bytes]:
        """Have a task performed (`tasks.Task`, encoded; so is its result).

        A `BrokenExecutor` as its exception says that the process that performed it, or perhaps
        one beside it, was killed.
        """

    def heard(self) -> Iterator[Told]:
        """Yield what was said since the last time."""

    def renew(self) -> None:
        """Begin anew after a `BrokenExecutor`; what was submitted is forgotten."""

    def close(self) -> None:
        """End at once, with whatever is running."""


class LocalWorkers:
    """A pool of processes, forked from this one.

    Parameters
    ----------
    jobs : int
        How many; each runs one thing at a time.
    plan : Plan
        How they grade.
    """

    def __init__(self, jobs: int, plan: Plan) -> None:
        self._plan = plan
        self.slots = jobs
        self._begin()

    def _begin(self) -> None:
        context = multiprocessing.get_context("fork")
        self._words: SimpleQueue[Told] = context.SimpleQueue()
        arguments = (os.getpid(), self._plan, self._words)
        self._pool = ProcessPoolExecutor(self.slots, context, _begin, arguments)

    def submit(self, task: bytes) -> Future[bytes]:
        """Have a task performed by one of the processes."""
        return self._pool.submit(_perform, task)

    def heard(self) -> Iterator[Told]:
        """Yield what the processes said since the last time."""
        while not self._words.empty():
            yield self._words.get()

    def renew(self) -> None:
        """Make new processes."""
        self.close()
        self._begin()

    def close(self) -> None:
        """Kill the processes: nothing is lost but what they were at."""
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()


_own: tuple[Plan, SimpleQueue[Told]] | None = None


def _begin(parent: int, plan: Plan, words: SimpleQueue[Told]) -> None:
    """Make a pool's process ready: it ends with the batch, and leaves Ctrl-C to it."""
    global _own
    end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _own = (plan, words)
    keep_collector()


def _perform(task: bytes) -> bytes:
    if _own is None:
        raise RuntimeError("this process was not made by LocalWorkers")
    plan, words = _own
    return perform(task, plan, words.put)
