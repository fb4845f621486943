"""Grades one submission: intake, structure, layer tests, scoring, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from grader import __version__
from grader.baseline.measure import Baseline, Job, Run, curve_jobs, run_jobs
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

REFUSED = "archive-refused"
"""Id of the flag of an archive from which nothing could be read."""


def _nobody(_progress: Progress) -> None:
    """Watch nothing."""


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
    archive: Path, plan: Plan, name: str | None = None, lms: dict[str, str] | None = None
) -> Graded:
    """Grade one archive.

    Parameters
    ----------
    archive : Path
        The zip.
    plan : Plan
        What to grade, where and with which seed.
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
    found: list[Judged] = []
    if not isinstance(taken_in, Rejection):
        for check in short_checks(plan):
            began = time.monotonic()
            found += check.run(taken_in)
            timings[check.name] = time.monotonic() - began
        if better_cifar.ITEM in plan.items and plan.dataset is not None:
            began = time.monotonic()
            found.append(_better_cifar(taken_in, plan))
            timings[better_cifar.ITEM] = time.monotonic() - began
    known = {judged.result.id: judged.result for judged in found}
    timings["total"] = time.monotonic() - started
    report = make_report(taken_in, plan, known, flags_of(taken_in), timings, lms)
    return Graded(report, {name: png for one in found for name, png in one.artefacts.items()})


def flags_of(taken_in: Submission | Rejection) -> tuple[Flag, ...]:
    """Return what a person should know of a submission beside its items."""
    if isinstance(taken_in, Rejection):
        return (Flag(REFUSED, taken_in.reason),)
    return flag_libraries(taken_in)


def make_report(
    taken_in: Submission | Rejection,
    plan: Plan,
    known: Mapping[str, ItemResult],
    flags: tuple[Flag, ...],
    timings: dict[str, float],
    lms: dict[str, str] | None = None,
    pending: Collection[str] = (),
) -> Report:
    """Sum up what is known of a submission.

    Parameters
    ----------
    taken_in : Submission or Rejection
        Whose report; its files are not looked at.
    plan : Plan
        How it was graded.
    known : mapping of str to ItemResult
        What the checks found, by item; not scored yet.
    flags : tuple of Flag
        What a person should know.
    timings : dict of str to float
        Seconds by check.
    lms : dict of str to str or None
        The LMS's own numbers.
    pending : collection of str
        Items that are asked for and not judged yet: the report is provisional until they are.
    """
    project = plan.project
    if isinstance(taken_in, Rejection):
        items = _rejected_items(taken_in, plan)
    else:
        found = (
            known.get(line.id) or _not_run(line.id, plan, pending) for line in project.lab.rubric
        )
        items = tuple(score_item(item, project.lab.scoring) for item in found)
    sum_of_points, suite_digest = total(items), project.suite_digest()
    return Report(
        submission=_stamp(taken_in, lms),
        score=sum_of_points.score,
        max_score=sum(line.points for line in project.lab.rubric),
        provisional=sum_of_points.provisional,
        score_note=sum_of_points.note,
        items=items,
        flags=flags,
        suite=SuiteStamp(
            project.lab.suite.version,
            suite_digest,
            plan.seed,
            is_published(project, suite_digest),
        ),
        sandbox=_sandbox_stamp(plan),
        timings=timings,
        graded_at=datetime.now(UTC).isoformat(timespec="seconds"),
        grader_version=__version__,
    )


def _stamp(taken_in: Submission | Rejection, lms: dict[str, str] | None) -> SubmissionStamp:
    who = taken_in.identity
    return SubmissionStamp(taken_in.archive, taken_in.sha256, who.first_name, who.last_name, lms)


class Check(msgspec.Struct, frozen=True):
    """One check, with those of the rubric items that it judges that are asked for."""

    name: str
    items: tuple[str, ...]
    run: Callable[[Submission], tuple[Judged, ...]]


def short_checks(plan: Plan, curves: bool = True) -> tuple[Check, ...]:
    """Return the checks that take seconds, in the order they run.

    Parameters
    ----------
    plan : Plan
        What to grade; items that it does not name are left out.
    curves : bool
        Whether the reference is trained for its curves beside the plots. A batch does that apart.
    """

    def structure(submission: Submission) -> tuple[Judged, ...]:
        plan.watch(Progress("structure", "running"))
        return (Judged(check_structure(submission, plan.project.lab)),)

    def layers(submission: Submission) -> tuple[Judged, ...]:
        plan.watch(Progress("layer_tests", "running"))
        suites = (Suite.PUBLIC, Suite.HIDDEN)
        project, sandbox = plan.project, _sandbox(plan)
        results = run_layer_tests(submission, project, sandbox, tested, suites, plan.seed)
        return tuple(Judged(result) for result in results)

    def pictures(submission: Submission) -> tuple[Judged, ...]:
        plan.watch(Progress(plots.ITEM, "running"))
        judged = plots.check_plots(submission, plan.project, _sandbox(plan))
        number = number_of(submission, plan) if curves else None
        if number is None or not shows_curves(judged.result, number, plan):
            return (judged,)
        return (with_curves(judged, _measured_curves(plan, number)),)

    tested = tuple(item for item in plan.project.lab.test_items if item in plan.items)
    every = (
        Check("structure", ("structure",), structure),
        Check("layer_tests", tested, layers),
        Check(plots.ITEM, (plots.ITEM,), pictures),
    )
    return tuple(check for check in every if check.items and set(check.items) <= set(plan.items))


def number_of(submission: Submission, plan: Plan) -> int | None:
    """Return the student's number, by the class list or by what better_cifar.py says."""
    return plan.student_seed if plan.student_seed is not None else student_seed(submission)


def shows_curves(found: ItemResult, number: int | None, plan: Plan) -> bool:
    """Tell whether the reference's curves are to be laid beside a submission's plots."""
    return plan.dataset is not None and number is not None and bool(found.artefacts)


def draw_curves(runs: Sequence[Run], seed: int) -> bytes:
    """Draw the reference's curves; returns a PNG file."""
    return curves_png(runs, f"The reference on the classes of number {seed}")


def with_curves(judged: Judged, picture: bytes) -> Judged:
    """Lay the reference's curves beside a submission's plots."""
    name = f"{plots.ITEM}/reference.png"
    result = msgspec.structs.replace(judged.result, artefacts=(*judged.result.artefacts, name))
    return Judged(result, {**judged.artefacts, name: picture})


def _measured_curves(plan: Plan, seed: int) -> bytes:
    plan.watch(Progress(plots.ITEM, "the reference's curves"))
    runs = run_reference(plan, seed, curve_jobs(plan.project.lab.baseline))
    return draw_curves(runs, seed)


def run_reference(plan: Plan, seed: int, jobs: Sequence[Job]) -> tuple[Run, ...]:
    """Train the reference on a student's classes, or return what was measured before."""
    split = make_split(plan.project.lab, _exam(plan).dataset, seed, plan.seed)
    return run_jobs(plan.project, split, jobs, lambda done, of: None)


def train(submission: Submission, plan: Plan) -> better_cifar.Training | None:
    """Run better_cifar.py; None if there is none."""
    return better_cifar.train_better_cifar(
        submission, plan.project, _sandbox(plan), _exam(plan), _watch_training(plan)
    )


def judge_training(
    submission: Submission,
    plan: Plan,
    training: better_cifar.Training | None,
    baseline: Baseline | None,
) -> Judged:
    """Judge what better_cifar.py trained, beside the baseline on `training.best`'s classes."""
    return better_cifar.judge_training(submission, plan.project, _exam(plan), training, baseline)


def _better_cifar(submission: Submission, plan: Plan) -> Judged:
    return better_cifar.check_better_cifar(
        submission, plan.project, _sandbox(plan), _exam(plan), _watch_training(plan)
    )


def _watch_training(plan: Plan) -> Callable[[str], None]:
    return lambda text: plan.watch(Progress(better_cifar.ITEM, text))


def _exam(plan: Plan) -> better_cifar.Exam:
    if plan.dataset is None:
        raise GraderError(
            "A training was asked for without data.", "Get them with `grader data fetch`."
        )
    return better_cifar.Exam(plan.dataset, plan.seed, plan.student_seed)


def _sandbox(plan: Plan) -> Sandbox:
    if plan.sandbox is None:
        raise GraderError(
            "Items that run student code were asked for without a sandbox to run it in.",
            "Choose one with --sandbox.",
        )
    return plan.sandbox


def _not_run(item: str, plan: Plan, pending: Collection[str]) -> ItemResult:
    line = plan.project.lab.line(item)
    if item in pending:
        why = "the batch has not come to it yet; run it again if it was interrupted"
    elif item not in plan.items:
        why = "it was not asked for"
    else:
        why = "the CIFAR-100 data are not on this machine (staff: `grader data fetch`)"
    return ItemResult(
        item,
        line.description,
        line.points,
        Outcome.NOT_RUN,
        feedback=(f"Not run: {why}.",),
        pending=item in pending,
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
