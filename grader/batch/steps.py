"""The way of one submission through a batch: which task follows from what is known."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import msgspec

from grader.baseline.measure import Baseline, Job, Run, baseline_jobs, curve_jobs
from grader.batch.folder.batch_folder import BatchFolder, entry_of
from grader.batch.pace import Kind, Pace
from grader.batch.queue import Piece, TaskQueue
from grader.batch.references import References, Then
from grader.batch.results.cache import ResultCache
from grader.batch.results.content_key import part_key
from grader.batch.source.handed import Handed
from grader.batch.work import Work
from grader.batch.workers.perform import failed_item
from grader.batch.workers.tasks import (
    Drawing,
    Drawn,
    Failed,
    JudgedItems,
    Result,
    Short,
    Task,
    Train,
    Trained,
)
from grader.checks import better_cifar, plots
from grader.errors import GraderError
from grader.model import Entry, Judged, Outcome
from grader.pipeline import Plan, judge_training, shows_curves, with_curves


class Steps:
    """Makes pieces for the queue, and takes what comes of them.

    Parameters
    ----------
    plan : Plan
        How to grade.
    folder : BatchFolder
        Gets the reports.
    cache : ResultCache
        Keeps what was found.
    queue : TaskQueue
        Gets the pieces.
    pace : Pace
        Counts them.
    retries : int
        How often an item is judged again that the grader failed on.
    finished : callable
        Takes each submission's entry, once.
    """

    def __init__(
        self,
        plan: Plan,
        folder: BatchFolder,
        cache: ResultCache,
        queue: TaskQueue,
        pace: Pace,
        retries: int,
        finished: Callable[[Entry], None],
    ) -> None:
        self._plan = plan
        self._lab = plan.project.lab
        self._folder = folder
        self._cache = cache
        self._overrides = folder.overrides()
        self._queue = queue
        self._pace = pace
        self._retries = retries
        self._finished = finished
        self._references = References(plan, cache, queue, pace)

    def take_in(self, one: Handed, *, again: bool) -> bool:
        """Take a submission in and ask for what its items need.

        Parameters
        ----------
        one : Handed
            The archive.
        again : bool
            Whether it can be tried once more, if it fails.

        Returns
        -------
        bool
            False if it failed and is to be tried once more.
        """
        try:
            work = Work(one, self._plan, self._folder, self._cache, self._overrides)
        except Exception as error:
            if again:
                return False
            self._give_up(one, why(error))
            return True
        self._keep(work, lambda: self._begin(work))
        return True

    def _begin(self, work: Work) -> None:
        short = work.open - {better_cifar.ITEM}
        if short:
            self._judge(work, tuple(item for item in self._plan.items if item in short), 0)
        if better_cifar.ITEM in work.open:
            self._train(work)

    def _judge(self, work: Work, items: tuple[str, ...], failed: int) -> None:
        """Ask for items that take seconds."""
        key, name = work.one.key, work.one.name
        self._add(
            Kind.SHORT,
            work,
            lambda: Short(key, work.archive(), name, items),
            lambda result: self._judged(work, items, failed, result),
            failed,
        )

    def _judged(self, work: Work, items: tuple[str, ...], failed: int, result: Result) -> None:
        if not isinstance(result, JudgedItems):
            work.learn([self._broken(item, result) for item in items])
            return
        work.seconds.update(result.seconds)
        broken = [j for j in result.judged if j.result.outcome is Outcome.GRADER_ERROR]
        again = failed < self._retries
        if broken and again:
            self._judge(work, tuple(j.result.id for j in broken), failed + 1)
        found = [j for j in result.judged if not (again and j in broken)]
        beside = [j for j in found if j.result.id == plots.ITEM and self._shows_curves(work, j)]
        work.learn([judged for judged in found if judged not in beside])
        for judged in beside:
            work.learn([judged], for_now=True)
            self._lay_curves(work, judged)

    def _shows_curves(self, work: Work, judged: Judged) -> bool:
        return shows_curves(judged.result, work.number, self._plan)

    def _lay_curves(self, work: Work, judged: Judged) -> None:
        """Ask for the reference's curves beside a submission's plots."""
        key, number = work.one.key, work.number or 0

        def measured(runs: tuple[Run, ...] | Failed) -> None:
            if isinstance(runs, Failed):
                work.learn([self._broken(plots.ITEM, runs)])
            else:
                self._add(Kind.DRAWING, work, lambda: Drawing(key, number, runs), drawn)

        def drawn(result: Result) -> None:
            if isinstance(result, Drawn):
                work.learn([with_curves(judged, result.picture)])
            else:
                work.learn([self._broken(plots.ITEM, result)])

        jobs = curve_jobs(self._lab.baseline)
        self._want(work, number, jobs, measured, urgent=False)

    def _train(self, work: Work) -> None:
        """Ask for a training, unless one was run before and waits for its baseline."""
        key, name = work.one.key, work.one.name
        kept = self._cache.load_part(_training_part(work))
        with suppress(msgspec.DecodeError):
            if kept is not None:
                self._trained(work, msgspec.msgpack.decode(kept, type=Trained))
                return
        self._add(
            Kind.TRAINING,
            work,
            lambda: Train(key, work.archive(), name),
            lambda result: self._trained(work, result),
        )
        if work.number is not None:
            self._references.expect(work.number, baseline_jobs(self._lab.baseline))

    def _trained(self, work: Work, result: Result) -> None:
        if not isinstance(result, Trained):
            work.learn([self._broken(better_cifar.ITEM, result)])
            return
        training = result.training
        self._cache.save_part(_training_part(work), msgspec.msgpack.encode(result))
        if training is None or training.best is None:
            work.learn([judge_training(work.submission(), work.plan, training, None)])
            return

        def measured(runs: tuple[Run, ...] | Failed) -> None:
            if isinstance(runs, Failed):
                work.learn([self._broken(better_cifar.ITEM, runs)])
                return
            submission = work.submission()
            work.learn([judge_training(submission, work.plan, training, Baseline(runs))])

        jobs = baseline_jobs(self._lab.baseline)
        self._want(work, training.best.seed, jobs, measured, urgent=True)

    def _want(
        self, work: Work, number: int, jobs: tuple[Job, ...], then: Then, *, urgent: bool
    ) -> None:
        self._references.want(
            number, jobs, lambda runs: self._keep(work, lambda: then(runs)), urgent=urgent
        )

    def _add(
        self,
        kind: Kind,
        work: Work,
        make: Callable[[], Task],
        then: Callable[[Result], None],
        failed: int = 0,
    ) -> None:
        if not failed:
            self._pace.made(kind)
        key = work.one.key
        self._queue.add(
            Piece(kind, key, make, lambda result: self._keep(work, lambda: then(result)), failed)
        )

    def _keep(self, work: Work, action: Callable[[], None]) -> None:
        """Act, then hand the submission's entry on if its last item is known or it is given up."""
        if work.over:
            return
        try:
            action()
        except Exception as error:
            work.over = True
            self._give_up(work.one, why(error))
            return
        if not work.open and not work.over:
            work.over = True
            self._finished(work.entry())

    def _give_up(self, one: Handed, problem: str) -> None:
        # Where not even that can be written, as on a full disk, the batch says it in the end.
        with suppress(GraderError):
            self._folder.write_problem(one.key, problem)
        self._finished(entry_of(one, None, problem))

    def _broken(self, item: str, result: Result) -> Judged:
        said = result.why if isinstance(result, Failed) else "A task came to something else."
        return Judged(failed_item(item, self._lab, said))


def why(error: Exception) -> str:
    """Say what went wrong: a mistake of ours that nobody foresaw must not stop the batch."""
    if isinstance(error, GraderError):
        return str(error)
    return f"The grader failed ({type(error).__name__}: {error}). Report this."


def _training_part(work: Work) -> str:
    return part_key(work.key_of(better_cifar.ITEM), "training")
