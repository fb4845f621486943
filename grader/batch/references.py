"""The reference's runs in a batch: each is trained once, whoever wants it and however many do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from grader.baseline.measure import Job, Run
from grader.batch.pace import Kind, Pace
from grader.batch.queue import Piece, TaskQueue
from grader.batch.results.cache import ResultCache
from grader.batch.results.content_key import part_key, reference_key
from grader.batch.workers.tasks import Failed, Measured, Reference, Result
from grader.pipeline import Plan

Then = Callable[[tuple[Run, ...] | Failed], None]
"""Takes the runs that were wanted, or why they cannot be had."""

_Name = tuple[int, Job]


class _Want(msgspec.Struct, eq=False):
    names: tuple[_Name, ...]
    then: Then


class References:
    """Has the reference trained, and shares what comes of it.

    Parameters
    ----------
    plan : Plan
        Data and seed.
    cache : ResultCache
        Keeps each run.
    queue : TaskQueue
        Gets the trainings.
    pace : Pace
        Counts them.
    """

    def __init__(self, plan: Plan, cache: ResultCache, queue: TaskQueue, pace: Pace) -> None:
        self._cache = cache
        self._queue = queue
        self._pace = pace
        self._key = reference_key(plan)
        self._runs: dict[_Name, Run] = {}
        self._pieces: dict[_Name, Piece] = {}
        self._wants: list[_Want] = []

    def want(self, seed: int, jobs: Sequence[Job], then: Then, *, urgent: bool) -> None:
        """Hand runs on as soon as all are there, perhaps at once.

        Parameters
        ----------
        seed : int
            The student's number, which decides on the classes.
        jobs : sequence of Job
            The trainings.
        then : callable
            Takes the runs, or why they cannot be had.
        urgent : bool
            Whether a finished training waits for them.
        """
        want = _Want(tuple((seed, job) for job in jobs), then)
        for name in want.names:
            if self._known(name) is None:
                self._order(name, urgent)
        self._wants.append(want)
        self._serve()

    def expect(self, seed: int, jobs: Sequence[Job]) -> None:
        """Have runs made that will probably be wanted, where a slot would idle."""
        for job in jobs:
            name = (seed, job)
            if name not in self._pieces and self._known(name) is None:
                piece = self._piece(name)
                self._queue.add(piece, ahead=True)

    def _order(self, name: _Name, urgent: bool) -> None:
        if name not in self._pieces:
            self._pace.made(Kind.REFERENCE)
            self._queue.add(self._piece(name), urgent=urgent)
        else:
            self._queue.promote(self._pieces[name], urgent=urgent)

    def _piece(self, name: _Name) -> Piece:
        seed, job = name
        key = f"number {seed}"
        piece = Piece(
            Kind.REFERENCE,
            key,
            lambda: Reference(key, seed, job),
            lambda result: self._take(name, result),
        )
        self._pieces[name] = piece
        return piece

    def _take(self, name: _Name, result: Result) -> None:
        del self._pieces[name]
        if isinstance(result, Measured):
            self._runs[name] = result.run
            self._serve()
            self._cache.save_part(self._part(name), msgspec.msgpack.encode(result.run))
            return
        why = (
            result if isinstance(result, Failed) else Failed("A run came to nothing. Report this.")
        )
        refused = [want for want in self._wants if name in want.names]
        self._wants = [want for want in self._wants if name not in want.names]
        for want in refused:
            want.then(why)

    def _serve(self) -> None:
        ready = [w for w in self._wants if all(name in self._runs for name in w.names)]
        self._wants = [want for want in self._wants if want not in ready]
        for want in ready:
            want.then(tuple(self._runs[name] for name in want.names))

    def _known(self, name: _Name) -> Run | None:
        if name not in self._runs:
            kept = self._cache.load_part(self._part(name))
            try:
                if kept is not None:
                    self._runs[name] = msgspec.msgpack.decode(kept, type=Run)
            except msgspec.DecodeError:
                return None
        return self._runs.get(name)

    def _part(self, name: _Name) -> str:
        return part_key(self._key, name)
