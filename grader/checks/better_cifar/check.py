"""Judges better_cifar.py: one training, at most two, and a comparison with the baseline."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache

import msgspec

from grader.baseline.measure import Baseline, measure_baseline
from grader.checks.better_cifar import sentences
from grader.checks.better_cifar.desk import Desk, TestImages
from grader.checks.better_cifar.loss_curves import loss_curves
from grader.checks.better_cifar.suspicion import large_files, training_files
from grader.checks.better_cifar.training import Ending, Measured, Training, train
from grader.checks.better_cifar.verdict import Comparison, Standing, compare
from grader.checks.libraries import network_libraries
from grader.dataset.files import Dataset
from grader.dataset.split import make_split
from grader.errors import GraderError
from grader.lab import Lab, Project
from grader.model import CaseResult, ItemResult, Judged, Outcome, Submission, Suite
from grader.plain_text import printable
from grader.sandbox.cell import Cell
from grader.sandbox.launch import Sandbox

ITEM = "better_cifar"
SCRIPT = "better_cifar.py"

Watch = Callable[[str], None]
"""Told in a few words what is going on, for the person who waits."""


class Exam(msgspec.Struct, frozen=True):
    """What trainings are judged with.

    Attributes
    ----------
    dataset : Dataset
        CIFAR-100, or a data set of its format.
    grading_seed : int
        Decides on slices and permutations.
    student_seed : int or None
        The one seed that this student may use; None where nobody said.
    """

    dataset: Dataset
    grading_seed: int
    student_seed: int | None = None


class _Finding(msgspec.Struct, frozen=True):
    """How the item ends, and why."""

    outcome: Outcome
    feedback: tuple[str, ...]
    proposed: float | None = None


def check_better_cifar(
    submission: Submission, project: Project, sandbox: Sandbox, exam: Exam, watch: Watch
) -> Judged:
    """Train better_cifar.py in a sandbox of its own and compare its networks with the baseline.

    Parameters
    ----------
    submission : Submission
        Whose script to run.
    project : Project
        The lab, and the reference for the baseline.
    sandbox : Sandbox
        Where the script runs.
    exam : Exam
        Data and seeds.
    watch : callable
        Told what is going on.

    Returns
    -------
    Judged
        With the script's figures as artefacts.

    Raises
    ------
    GraderError
        If sandbox, data or reference fail.
    """
    training = train_better_cifar(submission, project, sandbox, exam, watch)
    baseline = None
    if training is not None and training.best is not None:
        split = make_split(project.lab, exam.dataset, training.best.seed, exam.grading_seed)
        baseline = measure_baseline(
            project, split, lambda done, of: watch(f"baseline, {done} of {of} runs")
        )
    return judge_training(submission, project, exam, training, baseline)


def train_better_cifar(
    submission: Submission, project: Project, sandbox: Sandbox, exam: Exam, watch: Watch
) -> Training | None:
    """Train, again with the test images if need be; the parameters are `check_better_cifar`'s.

    Returns
    -------
    Training or None
        The training that counts; None if there is no script.
    """
    if SCRIPT not in submission.files:
        return None
    files = training_files(submission, project.lab.better_cifar)
    split_of = cache(lambda seed: make_split(project.lab, exam.dataset, seed, exam.grading_seed))

    started = time.monotonic()
    limit = project.lab.training.cpu_seconds

    def tell(fit: int, done: float, epochs: float) -> None:
        of = f" of {epochs:g}" if epochs else ""
        spent = time.monotonic() - started
        watch(f"fit {fit}, epoch {done:.0f}{of}; {spent:.0f} s of training, limit {limit:g} s")

    def run(shown: TestImages) -> Training:
        desk = Desk(split_of, project.lab.dataset, shown, tell)
        with Cell(sandbox, project.lab, files, project.lab.training_limits) as cell:
            return train(cell, project.lab, desk, shown)

    watch(f"training, limit {limit:g} s")
    training = run(TestImages.SLICE)
    if training.transformed:
        watch("trained on transformed images; once more, with the test images")
        training = run(TestImages.REAL)
    return training


def judge_training(
    submission: Submission,
    project: Project,
    exam: Exam,
    training: Training | None,
    baseline: Baseline | None,
) -> Judged:
    """Judge what was trained.

    Parameters
    ----------
    submission : Submission
        Whose script it was.
    project : Project
        The lab.
    exam : Exam
        Data and seeds.
    training : Training or None
        None if there was no script.
    baseline : Baseline or None
        The given network on the classes of `training.best`; None if there is none to compare.
    """
    if training is None:
        return _judged(project, _Finding(Outcome.FAILED, (sentences.NO_SCRIPT,)), (), {})
    judge = _Judge(submission, project.lab, exam)
    comparison = None
    if training.best is None:
        finding = judge.without_networks(training)
    elif baseline is None:
        raise GraderError("A network was to be judged without a baseline.", "Report this.")
    else:
        comparison = compare(training.best.hits, [run.hits for run in baseline.runs])
        finding = judge.compared(training, training.best, comparison)
    remarks = sentences.remarks(training, exam.dataset.digest)
    finding = msgspec.structs.replace(finding, feedback=finding.feedback + remarks)
    staff = sentences.for_staff(training, baseline, comparison)
    pictures = {f"{ITEM}/figure-{n}.png": png for n, png in enumerate(training.figures, 1)}
    judged = _judged(project, finding, staff, pictures, training.output)
    curves = loss_curves(training, baseline)
    return msgspec.structs.replace(
        judged, result=msgspec.structs.replace(judged.result, curves=curves)
    )


class _Judge:
    def __init__(self, submission: Submission, lab: Lab, exam: Exam) -> None:
        self._submission = submission
        self._lab = lab
        self._exam = exam

    def without_networks(self, training: Training) -> _Finding:
        """Say why nothing could be measured."""
        if training.networks:
            return _Finding(Outcome.NEEDS_REVIEW, (sentences.NO_ANSWER,), 0.0)
        libraries = network_libraries(self._submission.files[SCRIPT])
        if libraries and training.ending in (Ending.FINISHED, Ending.RAISED):
            ended = (sentences.ended(training),) if training.ending is Ending.RAISED else ()
            return _Finding(Outcome.FAILED, (sentences.other_library(libraries), *ended))
        if training.ending is Ending.FINISHED:
            why = sentences.NO_NETWORK if training.seeds else sentences.NO_DATA
            return _Finding(Outcome.FAILED, (why,))
        return _Finding(training.outcome, (sentences.ended(training),))

    def compared(self, training: Training, best: Measured, comparison: Comparison) -> _Finding:
        """Say what the comparison comes to."""
        own = not best.given
        points = self._lab.line(ITEM).points
        # The given network, trained as given, must not get the points by a lucky start.
        policy = self._lab.better_cifar.policy if own else "strict"
        standing = comparison.standing(policy)
        said = [sentences.compared(best, comparison)]
        if training.ending is not Ending.FINISHED:
            said.append(sentences.ended(training))
        if standing is Standing.NOT_BETTER:
            shape = () if own else (sentences.GIVEN_SHAPE_FAILED,)
            return _Finding(Outcome.FAILED, (*said, sentences.not_better(comparison), *shape))
        doubts = self._doubts(training, own)
        if standing is Standing.CLOSE:
            doubts.insert(0, sentences.TOO_CLOSE)
        if doubts:
            # On these images it may well be the worse one; nobody should wave that through.
            proposed = points if comparison.difference > 0 else 0.0
            return _Finding(Outcome.NEEDS_REVIEW, (*said, *doubts), proposed)
        return _Finding(Outcome.PASSED, tuple(said))

    def _doubts(self, training: Training, own: bool) -> list[str]:
        """Return what a person must look at before the points are given."""
        doubts = []
        if not own:
            doubts.append(sentences.GIVEN_SHAPE)
        wanted = self._exam.student_seed
        if wanted is not None and set(training.seeds) != {wanted}:
            doubts.append(sentences.other_seed(training.seeds, wanted))
        large = large_files(self._submission, self._lab.better_cifar)
        if large:
            doubts.append(sentences.large_files(large))
        return doubts


def _judged(
    project: Project,
    finding: _Finding,
    staff: Sequence[str],
    pictures: dict[str, bytes],
    output: str = "",
) -> Judged:
    line = project.lab.line(ITEM)
    case = CaseResult(
        id=f"{ITEM}/accuracy",
        suite=Suite.MEASURED,
        outcome=finding.outcome,
        weight=1.0,
        about="Your network gets more of the test images right than the given one.",
        feedback=finding.feedback,
        diagnostics=tuple(staff),
    )
    result = ItemResult(
        id=line.id,
        description=line.description,
        max_points=line.points,
        outcome=finding.outcome,
        proposed=finding.proposed,
        feedback=finding.feedback,
        cases=(case,),
        output=printable(output, len(output) * 10, "\n\t"),
        artefacts=tuple(pictures),
    )
    return Judged(result, pictures)
