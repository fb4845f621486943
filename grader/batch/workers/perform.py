"""Performs one task of a batch, in a worker's process; what goes wrong is said, never raised."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from grader.batch.workers.tasks import (
    Drawing,
    Drawn,
    Failed,
    JudgedItems,
    Measured,
    Reference,
    Result,
    Short,
    Task,
    Told,
    Train,
    Trained,
    decode_task,
    encode,
)
from grader.errors import GraderError
from grader.intake import Rejection, read_archive_bytes
from grader.lab import Lab
from grader.model import ItemResult, Judged, Outcome, Progress, Submission
from grader.pipeline import Plan, draw_curves, run_reference, short_checks, train


def perform(data: bytes, plan: Plan, tell: Callable[[Told], None]) -> bytes:
    """Perform a task.

    Parameters
    ----------
    data : bytes
        An encoded `Task`.
    plan : Plan
        Where and with which seed.
    tell : callable
        Told what is going on.

    Returns
    -------
    bytes
        An encoded `Result`; `Failed` where the grader failed.
    """
    task = decode_task(data)
    own = msgspec.structs.replace(plan, watch=lambda progress: tell(Told(task.key, progress)))
    try:
        result = _perform(task, own)
    except GraderError as error:
        result = Failed(str(error))
    except Exception as error:
        # A mistake of ours that nobody foresaw must not take the others along.
        result = Failed(f"The grader failed ({type(error).__name__}: {error}). Report this.")
    return encode(result)


def _perform(task: Task, plan: Plan) -> Result:
    match task:
        case Short():
            return _short(_submission(task, plan.project.lab), plan, task.items)
        case Train():
            return Trained(train(_submission(task, plan.project.lab), plan))
        case Reference():
            plan.watch(Progress("reference", f"learning rate {task.job.lr:g}"))
            return Measured(run_reference(plan, task.seed, (task.job,))[0])
        case Drawing():
            return Drawn(draw_curves(task.runs, task.seed))


def _submission(task: Short | Train, lab: Lab) -> Submission:
    taken_in = read_archive_bytes(task.name, task.archive, lab)
    if isinstance(taken_in, Rejection):
        raise GraderError(
            f"The archive of {task.key} was taken in once, and then refused.", "Report this."
        )
    return taken_in


def _short(submission: Submission, plan: Plan, items: tuple[str, ...]) -> JudgedItems:
    """Run the checks one by one: where one fails, the others' results are kept."""
    judged: list[Judged] = []
    seconds = {}
    for check in short_checks(msgspec.structs.replace(plan, items=items), curves=False):
        started = time.monotonic()
        try:
            judged += check.run(submission)
        except GraderError as error:
            judged += (
                Judged(failed_item(item, plan.project.lab, str(error))) for item in check.items
            )
        seconds[check.name] = time.monotonic() - started
    return JudgedItems(tuple(judged), seconds)


def failed_item(item: str, lab: Lab, why: str) -> ItemResult:
    """Return the result of an item that the grader failed on."""
    line = lab.line(item)
    return ItemResult(item, line.description, line.points, Outcome.GRADER_ERROR, feedback=(why,))
