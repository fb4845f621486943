"""Grades one submission: intake, structure, layer tests, scoring, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec

from grader import __version__
from grader.baseline.measure import measure_curves
from grader.checks import better_cifar, plots
from grader.checks.layer_tests import run_layer_tests
from grader.checks.libraries import flag_libraries
from grader.checks.structure import check_structure
from grader.checks.student_seed import student_seed
from grader.dataset.files import Dataset
from grader.dataset.split import make_split
from grader.errors import GraderError
from grader.intake import Rejection, read_archive
from grader.lab import Project
from grader.model import (
    Flag,
    Graded,
    ItemResult,
    Judged,
    Outcome,
    Progress,
    Report,
    SandboxStamp,
    Submission,
    SubmissionStamp,
    Suite,
    SuiteStamp,
)
from grader.publication import is_published
from grader.report.curves import curves_png
from grader.sandbox.launch import Sandbox
from grader.scoring import score_item, total


def _nobody(_progress: Progress) -> None:
    """Watch nothing."""


class ItemStore(Protocol):
    """Where results are kept from one run to the next."""

    def load(self, submission: Submission, item: str) -> Judged | None:
        """Return what was found before, if nothing that it depends on has changed."""

    def save(self, submission: Submission, judged: Judged) -> None:
        """Keep what was found."""


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
    dataset : Dataset or None
        What better_cifar.py trains on; None where this machine has no data.
    student_seed : int or None
        The one number that the student may hand to `cifar100`; None where no class list says.
    watch : callable
        Told what is going on, for the person who waits.
    """

    project: Project
    sandbox: Sandbox | None
    seed: int
    items: Collection[str]
    dataset: Dataset | None = None
    student_seed: int | None = None
    watch: Callable[[Progress], None] = _nobody


def grade(
    archive: Path,
    plan: Plan,
    store: ItemStore | None = None,
    name: str | None = None,
    lms: dict[str, str] | None = None,
) -> Graded:
    """Grade one archive.

    Parameters
    ----------
    archive : Path
        The zip.
    plan : Plan
        What to grade, where and with which seed.
    store : ItemStore or None
        Keeps each item's result the moment it is known, and saves judging it again.
    name : str or None
        The file name that the student gave it, where an LMS gave it another one.
    lms : dict of str to str or None
        The LMS's own numbers, for the report.

    Raises
    ------
    GraderError
        If the archive cannot be read at all, so that there is nothing to report on.
    """
    started = time.monotonic()
    taken_in = read_archive(archive, plan.project.lab, name)
    timings = {"intake": time.monotonic() - started}
    artefacts: dict[str, bytes] = {}
    if isinstance(taken_in, Rejection):
        items = _rejected_items(taken_in, plan)
        flags: tuple[Flag, ...] = (Flag("archive-refused", taken_in.reason),)
    else:
        items, artefacts = _graded_items(taken_in, plan, store, timings)
        flags = flag_libraries(taken_in)
    sum_of_points = total(items)
    timings["total"] = time.monotonic() - started
    project = plan.project
    report = Report(
        submission=_stamp(taken_in, lms),
        score=sum_of_points.score,
        max_score=sum(line.points for line in project.lab.rubric),
        provisional=sum_of_points.provisional,
        score_note=sum_of_points.note,
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
    return Graded(report, artefacts)


def _stamp(taken_in: Submission | Rejection, lms: dict[str, str] | None) -> SubmissionStamp:
    who = taken_in.identity
    return SubmissionStamp(taken_in.archive, taken_in.sha256, who.first_name, who.last_name, lms)


class _Check(msgspec.Struct, frozen=True):
    """One check, with the rubric items that it judges."""

    name: str
    items: tuple[str, ...]
    run: Callable[[Submission, Plan, tuple[str, ...]], tuple[Judged, ...]]


def _checks(project: Project) -> tuple[_Check, ...]:
    """Return the checks in the order they run: the quick ones first."""
    return (
        _Check("structure", ("structure",), _structure),
        _Check("layer_tests", project.lab.test_items, _layer_tests),
        _Check("plots", (plots.ITEM,), _plots),
        _Check("better_cifar", (better_cifar.ITEM,), _better_cifar),
    )


def _graded_items(
    submission: Submission, plan: Plan, store: ItemStore | None, timings: dict[str, float]
) -> tuple[tuple[ItemResult, ...], dict[str, bytes]]:
    results: dict[str, ItemResult] = {}
    artefacts: dict[str, bytes] = {}
    lab = plan.project.lab
    for check in _checks(plan.project):
        asked = [item for item in check.items if item in plan.items]
        known = [store.load(submission, item) for item in asked] if store is not None else []
        found = [judged for judged in known if judged is not None]
        missing = tuple(set(asked) - {judged.result.id for judged in found})
        started = time.monotonic()
        if missing:
            plan.watch(Progress(check.name, "running"))
            for judged in check.run(submission, plan, tuple(i for i in asked if i in missing)):
                found.append(judged)
                if store is not None:
                    store.save(submission, judged)
            timings[check.name] = time.monotonic() - started
        for judged in found:
            results[judged.result.id] = judged.result
            artefacts.update(judged.artefacts)
    items = (results.get(line.id) or _not_run(line.id, plan) for line in lab.rubric)
    return tuple(score_item(item, lab.scoring) for item in items), artefacts


def _structure(submission: Submission, plan: Plan, _items: tuple[str, ...]) -> tuple[Judged, ...]:
    return (Judged(check_structure(submission, plan.project.lab)),)


def _layer_tests(submission: Submission, plan: Plan, items: tuple[str, ...]) -> tuple[Judged, ...]:
    suites = (Suite.PUBLIC, Suite.HIDDEN)
    results = run_layer_tests(submission, plan.project, _sandbox(plan), items, suites, plan.seed)
    return tuple(Judged(result) for result in results)


def _plots(submission: Submission, plan: Plan, _items: tuple[str, ...]) -> tuple[Judged, ...]:
    judged = plots.check_plots(submission, plan.project, _sandbox(plan))
    seed = plan.student_seed if plan.student_seed is not None else student_seed(submission)
    if plan.dataset is None or seed is None or not judged.artefacts:
        return (judged,)
    plan.watch(Progress(plots.ITEM, "the reference's curves"))
    split = make_split(plan.project.lab, plan.dataset, seed, plan.seed)
    runs = measure_curves(plan.project, split, lambda done, of: None)
    picture = curves_png(runs, f"The reference on the classes of number {seed}")
    name = f"{plots.ITEM}/reference.png"
    result = msgspec.structs.replace(judged.result, artefacts=(*judged.result.artefacts, name))
    return (Judged(result, {**judged.artefacts, name: picture}),)


def _better_cifar(
    submission: Submission, plan: Plan, _items: tuple[str, ...]
) -> tuple[Judged, ...]:
    if plan.dataset is None:
        return ()
    exam = better_cifar.Exam(plan.dataset, plan.seed, plan.student_seed)
    return (
        better_cifar.check_better_cifar(
            submission,
            plan.project,
            _sandbox(plan),
            exam,
            lambda text: plan.watch(Progress(better_cifar.ITEM, text)),
        ),
    )


def _sandbox(plan: Plan) -> Sandbox:
    if plan.sandbox is None:
        raise GraderError(
            "Items that run student code were asked for without a sandbox to run it in.",
            "Choose one with --sandbox.",
        )
    return plan.sandbox


def _not_run(item: str, plan: Plan) -> ItemResult:
    line = plan.project.lab.line(item)
    if item not in plan.items:
        why = "it was not asked for"
    elif item == better_cifar.ITEM and plan.dataset is None:
        why = "the CIFAR-100 data are not on this machine (staff: `grader data fetch`)"
    else:
        why = "this version of the grader does not judge it yet"
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
