"""Grades the submissions of a batch in several processes; one bad submission stops no other."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Protocol

import msgspec

from grader.batch.cache import ResultCache
from grader.batch.content_key import content_key
from grader.batch.finish import finish_batch
from grader.batch.folder import BatchFolder, entry_of
from grader.batch.manifest import Manifest
from grader.batch.source import Handed
from grader.checks.kept_collector import keep_collector
from grader.errors import GraderError
from grader.model import Entry, Judged, Progress, Report, Submission
from grader.overrides import Override
from grader.pipeline import Plan, grade
from grader.sandbox.lifetime import end_with


class Settings(msgspec.Struct, frozen=True):
    """How a batch is run; nothing that a grade depends on.

    Attributes
    ----------
    jobs : int
        How many tasks run at once.
    retries : int
        How often a submission is graded again that the grader itself failed on.
    """

    jobs: int
    retries: int = 1


class Told(msgspec.Struct, frozen=True):
    """What is going on in one submission; `progress` is None at its end."""

    key: str
    progress: Progress | None


Tell = Callable[[Told], None]


class Watcher(Protocol):
    """Whoever looks on, in the batch's own process."""

    def tell(self, told: Told) -> None:
        """Hear what is going on in one submission."""

    def done(self, entry: Entry) -> None:
        """Hear that a submission is graded, or cannot be."""


class Nobody(Watcher):
    """Looks away."""

    def tell(self, told: Told) -> None:
        """Show nothing."""

    def done(self, entry: Entry) -> None:
        """Show nothing."""


class CachedItems:
    """The pipeline's store over a cache by content."""

    def __init__(self, cache: ResultCache, plan: Plan) -> None:
        self._cache = cache
        self._plan = plan

    def load(self, submission: Submission, item: str) -> Judged | None:
        """Return what was found before about the same content."""
        return self._cache.load(content_key(submission, self._plan, item))

    def save(self, submission: Submission, judged: Judged) -> None:
        """Keep what was found."""
        self._cache.save(content_key(submission, self._plan, judged.result.id), judged)


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
        How, as the manifest says; its `watch` is not used.
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
        One a submission, by key.

    Raises
    ------
    GraderError
        If the folder cannot be written, or its decisions not read. What goes wrong with one
        submission is in its entry.
    """
    overrides = folder.overrides()  # Before hours of work, rather than after.
    folder.begin(manifest)
    entries: list[Entry] = []
    waiting = list(manifest.handed)
    for attempt in range(1 + settings.retries):
        again: list[Handed] = []
        for one, entry in _round(waiting, plan, folder, cache, settings, watcher, overrides):
            if entry.needs_regrade and attempt < settings.retries:
                again.append(one)
            else:
                entries.append(entry)
                watcher.done(entry)
        waiting = again
    done = tuple(sorted(entries, key=lambda entry: entry.key))
    return finish_batch(folder, manifest, done, plan.project)


def _round(
    handed: Sequence[Handed],
    plan: Plan,
    folder: BatchFolder,
    cache: ResultCache,
    settings: Settings,
    watcher: Watcher,
    overrides: tuple[Override, ...],
) -> Iterator[tuple[Handed, Entry]]:
    if not handed:
        return
    context = multiprocessing.get_context("fork")
    words: SimpleQueue[Told] = context.SimpleQueue()
    pool = ProcessPoolExecutor(
        settings.jobs, context, initializer=_begin, initargs=(os.getpid(), words)
    )
    futures: dict[Future[tuple[Report | None, str]], Handed] = {
        pool.submit(_grade_one, one, plan, folder.folder, cache, overrides): one for one in handed
    }
    try:
        for future in as_completed_telling(futures, words, watcher.tell):
            one = futures[future]
            watcher.tell(Told(one.key, None))
            yield one, _entry(one, future, folder)
    finally:
        # Whoever stops the batch does not wait for what is running: it is not lost but for that.
        pool.shutdown(wait=False, cancel_futures=True)
        for process in list((pool._processes or {}).values()):
            process.kill()


def as_completed_telling(
    futures: dict[Future[tuple[Report | None, str]], Handed],
    words: SimpleQueue[Told],
    tell: Tell,
) -> Iterator[Future[tuple[Report | None, str]]]:
    """Yield futures as they are done, and tell meanwhile what the processes say."""
    left = set(futures)
    while left:
        with suppress(TimeoutError):
            for future in as_completed(left, timeout=PAUSE):
                left.discard(future)
                yield future
                break
        while not words.empty():
            tell(words.get())


PAUSE = 0.2
"""Seconds between two looks at what the processes say."""


def _entry(one: Handed, future: Future[tuple[Report | None, str]], folder: BatchFolder) -> Entry:
    try:
        report, problem = future.result()
    except BrokenProcessPool:
        report, problem = None, "The process that graded it was killed. Grade it again."
        folder.write_problem(one.key, problem)
    return entry_of(one, report, problem)


_words: SimpleQueue[Told] | None = None


def _begin(parent: int, words: SimpleQueue[Told]) -> None:
    """Make a pool's process ready: it ends with the batch, and leaves Ctrl-C to it."""
    global _words
    end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _words = words
    keep_collector()


def _grade_one(
    one: Handed,
    plan: Plan,
    folder: Path,
    cache: ResultCache,
    overrides: tuple[Override, ...],
) -> tuple[Report | None, str]:
    """Grade one submission and write its report; what goes wrong is said, never raised."""

    def watch(progress: Progress) -> None:
        if _words is not None:
            _words.put(Told(one.key, progress))

    own = msgspec.structs.replace(plan, watch=watch, student_seed=one.seed)
    place = BatchFolder(folder)
    try:
        graded = grade(one.path, own, CachedItems(cache, own), one.name, one.lms)
        return place.write(one.key, graded, overrides), ""
    except GraderError as error:
        problem = str(error)
    except Exception as error:
        # A mistake of ours that nobody foresaw must not take the others along.
        problem = f"The grader failed ({type(error).__name__}: {error}). Report this."
    # Where not even that can be written, as on a full disk, the batch says it in the end.
    with suppress(GraderError):
        place.write_problem(one.key, problem)
    return None, problem
