"""The reference's runs: each is asked for once, whoever wants it."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.baseline.measure import Job, Run
from grader.batch.pace import Pace
from grader.batch.queue import Piece, TaskQueue
from grader.batch.references import References
from grader.batch.results.cache import ResultCache
from grader.batch.workers.tasks import Failed, Measured, Reference
from grader.lab import Project
from grader.pipeline import Plan

JOBS = tuple(Job(500, lr, 15, 128, 1) for lr in (0.1, 0.01))
Got = list[tuple[Run, ...] | Failed]


class Bench:
    def __init__(self, project: Project, cache: Path) -> None:
        self.queue = TaskQueue(lambda: False)
        plan = Plan(project, None, 7, ())
        self.references = References(plan, ResultCache(cache), self.queue, Pace())

    def pieces(self) -> list[Piece]:
        found = []
        while piece := self.queue.next([], 1):
            found.append(piece)
        return found


@pytest.fixture
def bench(project: Project, tmp_path: Path) -> Bench:
    return Bench(project, tmp_path)


def perform(piece: Piece) -> None:
    task = piece.make()
    assert isinstance(task, Reference)
    # A loss that is no number is a result as well.
    piece.then(Measured(Run(task.job, (1.0, float("inf")), f"{task.seed % 2}01")))


def test_two_who_want_the_same_at_the_same_moment_have_it_trained_once(bench: Bench) -> None:
    got: Got = []
    for _ in range(2):
        bench.references.want(3, JOBS, got.append, urgent=False)
    pieces = bench.pieces()
    assert len(pieces) == len(JOBS)
    for piece in pieces:
        assert got == []
        perform(piece)
    assert len(got) == 2
    assert got[0] == got[1]


def test_other_numbers_have_other_classes(bench: Bench) -> None:
    got: Got = []
    bench.references.want(3, JOBS, got.append, urgent=False)
    bench.references.want(4, JOBS[:1], got.append, urgent=True)
    assert len(bench.pieces()) == 3


def test_what_was_trained_is_kept_for_the_next_batch(
    bench: Bench, project: Project, tmp_path: Path
) -> None:
    first: Got = []
    bench.references.want(3, JOBS, first.append, urgent=False)
    for piece in bench.pieces():
        perform(piece)
    again = Bench(project, tmp_path)
    second: Got = []
    again.references.want(3, JOBS, second.append, urgent=False)
    assert again.pieces() == []
    assert second == first


def test_what_was_begun_ahead_is_not_begun_again(bench: Bench) -> None:
    got: Got = []
    bench.references.expect(3, JOBS)
    (running, _) = bench.pieces()
    bench.references.want(3, JOBS[:1], got.append, urgent=True)
    assert bench.pieces() == []
    perform(running)
    assert len(got) == 1


def test_all_who_wait_are_told_when_it_cannot_be_trained(bench: Bench) -> None:
    got: Got = []
    for _ in range(2):
        bench.references.want(3, JOBS, got.append, urgent=False)
    for piece in bench.pieces():
        piece.then(Failed("no"))
    assert got == [Failed("no"), Failed("no")]
