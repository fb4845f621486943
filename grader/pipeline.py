"""Grades one submission: intake, structure, layer tests, scoring, report."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from grader import __version__
from grader.checks.layer_tests import run_layer_tests
from grader.checks.libraries import flag_libraries
from grader.checks.structure import check_structure
from grader.errors import GraderError
from grader.intake import Rejection, read_archive
from grader.lab import Project
from grader.model import (
    Flag,
    ItemResult,
    Outcome,
    Report,
    SandboxStamp,
    Submission,
    SubmissionStamp,
    Suite,
    SuiteStamp,
)
from grader.publication import is_published
from grader.sandbox.launch import Sandbox
from grader.scoring import score_item, total


class Plan(msgspec.Struct, frozen=True):
    """What to grade, where and with which seed.

    Attributes
    ----------
    project : Project
        The lab and its tests.
    sandbox : Sandbox or None
        None where no item that is asked for runs student code.
    seed : int
        The grading seed.
    items : collection of str
        Rubric items to grade; the others are NOT_RUN.
    """

    project: Project
    sandbox: Sandbox | None
    seed: int
    items: Collection[str]


def grade(archive: Path, plan: Plan) -> Report:
    """Grade one archive.

    Raises
    ------
    GraderError
        If the archive cannot be read at all, so that there is nothing to report on.
    """
    started = time.monotonic()
    taken_in = read_archive(archive, plan.project.lab)
    timings = {"intake": time.monotonic() - started}
    if isinstance(taken_in, Rejection):
        items = _rejected_items(taken_in, plan)
        flags: tuple[Flag, ...] = (Flag("archive-refused", taken_in.reason),)
    else:
        items = _graded_items(taken_in, plan, timings)
        flags = flag_libraries(taken_in)
    score, note = total(items)
    timings["total"] = time.monotonic() - started
    project = plan.project
    return Report(
        submission=_stamp(taken_in),
        score=score,
        max_score=sum(line.points for line in project.lab.rubric),
        score_note=note,
        items=items,
        flags=flags,
        suite=SuiteStamp(
            project.lab.suite.version,
            project.suite_digest(),
            plan.seed,
            is_published(project),
        ),
        sandbox=_sandbox_stamp(plan),
        timings=timings,
        graded_at=datetime.now(UTC).isoformat(timespec="seconds"),
        grader_version=__version__,
    )


def _stamp(taken_in: Submission | Rejection) -> SubmissionStamp:
    who = taken_in.identity
    return SubmissionStamp(taken_in.archive, taken_in.sha256, who.first_name, who.last_name)


def _graded_items(
    submission: Submission, plan: Plan, timings: dict[str, float]
) -> tuple[ItemResult, ...]:
    results: dict[str, ItemResult] = {}
    lab = plan.project.lab
    if "structure" in plan.items:
        results["structure"] = check_structure(submission, lab)
    tested = [item for item in lab.test_items if item in plan.items]
    if tested:
        started = time.monotonic()
        for result in _layer_tests(submission, plan, tested):
            results[result.id] = result
        timings["layer_tests"] = time.monotonic() - started
    return tuple(
        score_item(results.get(line.id) or _not_run(line.id, plan), lab.scoring)
        for line in lab.rubric
    )


def _layer_tests(submission: Submission, plan: Plan, items: list[str]) -> tuple[ItemResult, ...]:
    if plan.sandbox is None:
        raise GraderError(
            "The layer tests were asked for without a sandbox to run them in.",
            "Choose one with --sandbox.",
        )
    return run_layer_tests(
        submission, plan.project, plan.sandbox, items, (Suite.PUBLIC, Suite.HIDDEN), plan.seed
    )


def _not_run(item: str, plan: Plan) -> ItemResult:
    line = plan.project.lab.line(item)
    why = (
        "this version of the grader does not judge it yet"
        if item in plan.items
        else "it was not asked for"
    )
    return ItemResult(
        item, line.description, line.points, Outcome.NOT_RUN, feedback=(f"Not run: {why}.",)
    )


def _rejected_items(rejection: Rejection, plan: Plan) -> tuple[ItemResult, ...]:
    """Return items for an archive that nothing could be read from: a person must decide.

    It may be the student's doing or a broken download, and a machine cannot tell which.
    """
    items = []
    for line in plan.project.lab.rubric:
        judged = line.id == "structure"
        items.append(
            ItemResult(
                line.id,
                line.description,
                line.points,
                Outcome.NEEDS_REVIEW if judged else Outcome.NOT_RUN,
                feedback=(rejection.reason if judged else "Not run: the archive was refused.",),
            )
        )
    return tuple(items)


def _sandbox_stamp(plan: Plan) -> SandboxStamp | None:
    sandbox = plan.sandbox
    if sandbox is None:
        return None
    limits = {
        name: float(value) for name, value in msgspec.to_builtins(plan.project.lab.limits).items()
    }
    return SandboxStamp(
        sandbox.kind, sandbox.runtime_digest(), sandbox.isolated, limits, dict(sandbox.mechanisms)
    )
