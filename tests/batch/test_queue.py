"""The order of a batch's tasks: no slot idles, and the end is not one long training alone."""

from __future__ import annotations

import pytest

from grader.batch.pace import Kind
from grader.batch.queue import Piece, TaskQueue
from grader.batch.workers.tasks import Task


def no_task() -> Task:
    raise AssertionError("the queue makes no task")


def piece(kind: Kind, key: str = "A", failed: int = 0, suspect: bool = False) -> Piece:
    return Piece(kind, key, no_task, lambda result: None, failed, suspect)


def nothing_more() -> bool:
    return False


def drain(queue: TaskQueue, slots: int) -> list[tuple[Kind, ...]]:
    """Run all pieces, each for one round; return the kinds that ran side by side."""
    rounds: list[tuple[Kind, ...]] = []
    while True:
        running: list[Piece] = []
        while len(running) < slots and (begun := queue.next(running, slots)):
            running.append(begun)
        if not running:
            return rounds
        rounds.append(tuple(sorted(one.kind for one in running)))


def submissions(count: int) -> TaskQueue:
    """Return a queue over submissions of a short piece and a training each."""
    left = list(range(count))

    def more() -> bool:
        if not left:
            return False
        key = str(left.pop())
        queue.add(piece(Kind.SHORT, key))
        queue.add(piece(Kind.TRAINING, key))
        return True

    queue = TaskQueue(more)
    return queue


def test_short_items_of_the_next_run_beside_a_training() -> None:
    rounds = drain(submissions(4), 2)
    assert rounds == [(Kind.SHORT, Kind.TRAINING)] * 4


@pytest.mark.parametrize("slots", [1, 2, 3, 5])
def test_no_slot_idles_while_anything_waits(slots: int) -> None:
    rounds = drain(submissions(7), slots)
    assert sum(len(one) for one in rounds) == 14
    assert all(len(one) == slots for one in rounds[:-1])


def test_a_run_that_a_finished_training_waits_for_comes_before_the_next_training() -> None:
    queue = TaskQueue(nothing_more)
    for one in (piece(Kind.TRAINING), piece(Kind.REFERENCE)):
        queue.add(one)
    urgent = piece(Kind.REFERENCE)
    queue.add(urgent, urgent=True)
    assert queue.next([], 1) is urgent


def test_the_last_trainings_begin_before_the_curves_which_fill_the_slots_beside_them() -> None:
    queue = TaskQueue(nothing_more)
    for kind in (Kind.REFERENCE, *[Kind.TRAINING] * 4):
        queue.add(piece(kind))
    begun = [queue.next([], 2) for _ in range(5)]
    kinds = [one.kind for one in begun if one]
    # Four trainings are more than the slots: the curve goes first. Of two left it would not.
    assert kinds == [Kind.REFERENCE, *[Kind.TRAINING] * 4]
    for kind in (Kind.REFERENCE, *[Kind.TRAINING] * 2):
        queue.add(piece(kind))
    begun = [queue.next([], 2) for _ in range(3)]
    kinds = [one.kind for one in begun if one]
    assert kinds == [Kind.TRAINING, Kind.TRAINING, Kind.REFERENCE]


def test_what_nothing_needs_yet_only_fills_slots_that_would_idle() -> None:
    queue = TaskQueue(nothing_more)
    ahead, again = piece(Kind.REFERENCE), piece(Kind.SHORT, failed=1)
    queue.add(ahead, ahead=True)
    queue.add(again)
    queue.add(piece(Kind.TRAINING))
    assert queue.waiting() == {Kind.TRAINING: 1, Kind.SHORT: 1}
    begun = [queue.next([], 1) for _ in range(3)]
    assert begun[1:] == [again, ahead]


def test_what_was_made_ahead_moves_forward_when_something_waits_for_it() -> None:
    queue = TaskQueue(nothing_more)
    ahead = piece(Kind.REFERENCE)
    queue.add(ahead, ahead=True)
    queue.add(piece(Kind.TRAINING))
    queue.promote(ahead, urgent=True)
    assert queue.next([], 1) is ahead


def test_a_suspect_runs_alone() -> None:
    queue = TaskQueue(nothing_more)
    suspects = [piece(Kind.SHORT, suspect=True), piece(Kind.SHORT, suspect=True)]
    for one in (*suspects, piece(Kind.SHORT)):
        queue.add(one)
    assert queue.next([piece(Kind.TRAINING)], 4) is None
    assert queue.next([], 4) is suspects[0]
    assert queue.next([suspects[0]], 4) is None
