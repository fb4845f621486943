"""Runs a batch: hands tasks to workers and keeps what comes back, the moment it does."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from contextlib import closing

import msgspec

from grader.batch.finish import finish_batch
from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.manifest import Manifest
from grader.batch.folder.outline import Outlines
from grader.batch.pace import Left, Pace
from grader.batch.queue import Piece, TaskQueue
from grader.batch.results.cache import ResultCache
from grader.batch.steps import Steps, why
from grader.batch.workers.cluster import ClusterWorkers
from grader.batch.workers.executors import LocalWorkers, Workers
from grader.batch.workers.tasks import KILLED, Failed, Result, Told, decode_result, encode
from grader.errors import GraderError
from grader.model import Entry
from grader.pipeline import Plan

PAUSE = 0.2
"""Seconds between two looks at what the workers say."""


class Settings(msgspec.Struct, frozen=True):
    """How a batch is run; nothing that a grade depends on.

    Attributes
    ----------
    jobs : int
        How many tasks run at once on this machine.
    retries : int
        How often something is tried again that the grader itself failed on.
    scheduler : str or None
        Address of a Dask cluster's scheduler; None for this machine.
    """

    jobs: int
    retries: int = 1
    scheduler: str | None = None


class Watcher:
    """Whoever looks on, in the batch's own process; this one looks away."""

    def tell(self, told: Told) -> None:
        """Hear what is going on in one submission."""

    def done(self, entry: Entry) -> None:
        """Hear that a submission is graded, or cannot be."""

    def left(self, left: Left) -> None:
        """Hear what is left to do."""

    def note(self, line: str) -> None:
        """Hear a sentence about the batch as a whole, such as that a worker was lost."""


def grade_batch(
    manifest: Manifest,
    plan: Plan,
    folder: BatchFolder,
    cache: ResultCache,
    settings: Settings,
    watcher: Watcher,
) -> tuple[Entry, ...]:
    """Grade all submissions of a batch into a folder.

    Parameters
    ----------
    manifest : Manifest
        What to grade; written into the folder first.
    plan : Plan
        How, as the manifest says; its `watch` is not used, nor its `student_seed`.
    folder : BatchFolder
        Gets the reports, each the moment it is known, and what they come to in the end. Decisions
        that it holds are applied.
    cache : ResultCache
        Saves what was judged before.
    settings : Settings
        How many at once, and how often again.
    watcher : Watcher
        Told what is going on.

    Returns
    -------
    tuple of Entry
        One a submission, by key; with outlines of the reports, which are in the folder.

    Raises
    ------
    GraderError
        If the folder cannot be written, or its decisions not read. What goes wrong with one
        submission is in its entry.
    """
    folder.overrides()  # Before hours of work, rather than after: it may not be readable.
    folder.begin(manifest)
    with closing(_workers(settings, plan, watcher)) as workers:
        batch = _Batch(manifest, plan, folder, cache, settings, watcher, workers)
        entries = sorted(batch.run(), key=lambda entry: entry.key)
    return finish_batch(folder, manifest, entries, plan.project)


def _workers(settings: Settings, plan: Plan, watcher: Watcher) -> Workers:
    if settings.scheduler is None:
        return LocalWorkers(settings.jobs, plan)
    return ClusterWorkers(settings.scheduler, plan, watcher.note)


class _Batch:
    def __init__(
        self,
        manifest: Manifest,
        plan: Plan,
        folder: BatchFolder,
        cache: ResultCache,
        settings: Settings,
        watcher: Watcher,
        workers: Workers,
    ) -> None:
        self._retries = settings.retries
        self._watcher = watcher
        self._workers = workers
        self._unread = deque((one, 0) for one in manifest.handed)
        self._pace = Pace()
        self._queue = TaskQueue(self._take_next)
        self._steps = Steps(
            plan, folder, cache, self._queue, self._pace, settings.retries, self._finished
        )
        self._running: dict[Future[bytes], tuple[Piece, float]] = {}
        self._entries: list[Entry] = []
        self._outlines = Outlines()

    def run(self) -> list[Entry]:
        """Perform all tasks; return an entry for each submission."""
        while True:
            self._fill()
            if not self._running and self._workers.slots:
                return self._entries
            ended = self._wait()
            for told in self._workers.heard():
                self._watcher.tell(told)
            for future in ended:
                if future in self._running:
                    self._collect(future)
            self._watcher.left(self._left())

    def _wait(self) -> Collection[Future[bytes]]:
        """Wait for something to end, but not for long."""
        if not self._running:  # A cluster that has lost all its workers.
            time.sleep(PAUSE)
            return ()
        return wait(self._running, timeout=PAUSE, return_when=FIRST_COMPLETED).done

    def _take_next(self) -> bool:
        """Take the next submission in; return False if there is none."""
        if not self._unread:
            return False
        one, failed = self._unread.popleft()
        if self._steps.take_in(one, again=failed < self._retries):
            self._pace.read()
        else:
            self._unread.append((one, failed + 1))
        return True

    def _finished(self, entry: Entry) -> None:
        entry = self._outlines.entry(entry)
        self._entries.append(entry)
        self._watcher.done(entry)

    def _fill(self) -> None:
        """Give every free slot something to do."""
        while len(self._running) < self._workers.slots:
            pieces = [piece for piece, _ in self._running.values()]
            piece = self._queue.next(pieces, self._workers.slots)
            if piece is None:
                return
            try:
                task = encode(piece.make())
            except GraderError as error:
                self._settle(piece, Failed(str(error)))
                continue
            self._running[self._workers.submit(task)] = (piece, time.monotonic())

    def _collect(self, future: Future[bytes]) -> None:
        piece, started = self._running.pop(future)
        try:
            result = decode_result(future.result())
        except BrokenExecutor:
            self._begin_anew(piece)
            return
        except CancelledError:  # The scheduler forgot it, or is gone, which is noticed elsewhere.
            self._queue.add(piece)
            return
        except Exception as error:
            result = Failed(why(error))
        self._end(piece)
        self._pace.ended(piece.kind, time.monotonic() - started)
        self._settle(piece, result)

    def _begin_anew(self, broken: Piece) -> None:
        """Go on after a process was killed. All tasks end with it, and whose fault it was is open.

        So each of them runs alone the next time.
        """
        caught = [broken, *(piece for piece, _ in self._running.values())]
        self._running.clear()
        self._workers.renew()
        for piece in caught:
            self._end(piece)
            if piece.suspect:
                self._settle(piece, Failed(KILLED))
            else:
                piece.suspect = True
                self._queue.add(piece)

    def _end(self, piece: Piece) -> None:
        if not any(other.key == piece.key for other, _ in self._running.values()):
            self._watcher.tell(Told(piece.key, None))

    def _settle(self, piece: Piece, result: Result) -> None:
        piece.suspect = False
        if isinstance(result, Failed) and piece.failed < self._retries:
            piece.failed += 1
            self._queue.add(piece)
        else:
            piece.then(result)

    def _left(self) -> Left:
        now = time.monotonic()
        running = [(piece.kind, now - since) for piece, since in self._running.values()]
        slots = self._workers.slots
        return self._pace.left(self._queue.waiting(), running, len(self._unread), slots)
