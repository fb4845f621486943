"""Judges better_cifar.py: one training, at most two, and a comparison with the baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import msgspec

from grader.baseline.measure import Baseline, baseline_widths, measure_baseline
from grader.checks.better_cifar import sentences
from grader.checks.better_cifar.desk import Desk, TestImages
from grader.checks.better_cifar.suspicion import large_files, training_files
from grader.checks.better_cifar.training import Ending, Measured, Training, train
from grader.checks.better_cifar.verdict import Comparison, Standing, compare
from grader.dataset.files import Dataset
from grader.dataset.split import Split, make_split
from grader.lab import Project
from grader.model import CaseResult, ItemResult, Judged, Outcome, Submission, Suite
from grader.picture import Pixels, as_png
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
    if SCRIPT not in submission.files:
        return _judged(project, _Finding(Outcome.FAILED, (sentences.NO_SCRIPT,)), (), {})
    return _Check(submission, project, sandbox, exam, watch).judge()


class _Check:
    def __init__(
        self,
        submission: Submission,
        project: Project,
        sandbox: Sandbox,
        exam: Exam,
        watch: Watch,
    ) -> None:
        self._submission = submission
        self._project = project
        self._lab = project.lab
        self._sandbox = sandbox
        self._exam = exam
        self._watch = watch
        self._split = lru_cache(maxsize=None)(self._make_split)

    def judge(self) -> Judged:
        """Train, again with the test images if need be, and judge."""
        training = self._train(TestImages.SLICE)
        shown = TestImages.SLICE
        if training.transformed:
            self._watch("trained on transformed images; once more, with the test images")
            shown = TestImages.REAL
            training = self._train(shown)
        finding, comparison, baseline = self._finding(training)
        remarks = sentences.remarks(training, shown, self._exam.dataset.digest)
        finding = msgspec.structs.replace(finding, feedback=finding.feedback + remarks)
        staff = sentences.for_staff(training, baseline, comparison)
        pictures = {
            f"{ITEM}/figure-{n}.png": picture for n, picture in enumerate(training.figures, 1)
        }
        return _judged(self._project, finding, staff, pictures, training.output)

    def _make_split(self, seed: int) -> Split:
        return make_split(self._lab, self._exam.dataset, seed, self._exam.grading_seed)

    def _train(self, shown: TestImages) -> Training:
        desk = Desk(self._split, self._lab.dataset, shown, self._tell)
        files = training_files(self._submission, self._lab.better_cifar)
        self._watch("training")
        with Cell(self._sandbox, self._lab, files, self._lab.training_limits) as cell:
            return train(cell, self._lab, desk, shown)

    def _tell(self, fit: int, done: float, epochs: float) -> None:
        of = f" of {epochs:g}" if epochs else ""
        self._watch(f"fit {fit}, epoch {done:.0f}{of}")

    def _finding(self, training: Training) -> tuple[_Finding, Comparison | None, Baseline | None]:
        known = [network for network in training.networks if network.accuracy is not None]
        if not known:
            return self._without_networks(training), None, None
        own = [network for network in known if not self._is_given(network)]
        best = max(own or known, key=lambda network: network.accuracy or 0.0)
        split = self._split(best.seed)
        baseline = measure_baseline(self._project, split, self._tell_baseline)
        comparison = compare(best.hits, [run.hits for run in baseline.runs])
        return self._compared(training, best, comparison, bool(own)), comparison, baseline

    def _tell_baseline(self, done: int, of: int) -> None:
        self._watch(f"baseline, {done} of {of} runs")

    def _is_given(self, network: Measured) -> bool:
        """Tell whether a network has the given network's own shape."""
        widths = baseline_widths(self._split(network.seed), self._lab.baseline)
        names = [name for name, _ in network.described.layers]
        return network.described.widths == widths and len(names) <= len(GIVEN_LAYERS)

    def _without_networks(self, training: Training) -> _Finding:
        """Say why nothing could be measured."""
        if training.networks:
            return _Finding(Outcome.NEEDS_REVIEW, (sentences.NO_ANSWER,), 0.0)
        if training.ending is Ending.FINISHED:
            why = sentences.NO_NETWORK if training.seeds else sentences.NO_DATA
            return _Finding(Outcome.FAILED, (why,))
        return _Finding(training.outcome, (sentences.ended(training),))

    def _compared(
        self, training: Training, best: Measured, comparison: Comparison, own: bool
    ) -> _Finding:
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
            return _Finding(Outcome.NEEDS_REVIEW, (*said, *doubts), points)
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


GIVEN_LAYERS = ("FullLayer", "ReluLayer", "FullLayer", "SoftMaxLayer")


def _judged(
    project: Project,
    finding: _Finding,
    staff: Sequence[str],
    pictures: dict[str, Pixels],
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
    return Judged(result, {name: as_png(picture) for name, picture in pictures.items()})
