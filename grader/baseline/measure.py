"""Measures the baseline and the reference's learning curves for one split, once, and keeps them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from grader import owner
from grader.atomic_file import write_atomically
from grader.dataset.split import Split
from grader.dataset.store import cache_folder
from grader.errors import GraderError
from grader.lab import BaselineSettings, Project
from grader.one_thread import ONE_THREAD
from grader.sandbox.lifetime import end_with

CURVE_RATES = (0.1, 0.01, 10.0)
"""The learning rates of the assignment's plots."""

Progress = Callable[[int, int], None]
"""Told how many trainings of how many are done."""


class Job(msgspec.Struct, frozen=True):
    """One training of a network with one hidden layer."""

    hidden: int
    lr: float
    epochs: int
    batch_size: int
    seed: int


class Run(msgspec.Struct, frozen=True):
    """What came of one training.

    Attributes
    ----------
    job : Job
        The training.
    losses : tuple of float
        Average training loss by epoch; not finite from the epoch on in which it diverged.
    correct : str
        One character a test image, `1` where the network is right.
    """

    job: Job
    losses: tuple[float, ...]
    correct: str

    @property
    def hits(self) -> npt.NDArray[np.float64]:
        """The test images, 1.0 where the network is right."""
        characters = np.frombuffer(self.correct.encode(), np.uint8)
        hits: npt.NDArray[np.float64] = (characters == ord("1")).astype(np.float64)
        return hits

    @property
    def accuracy(self) -> float:
        """Fraction of the test images that it gets right."""
        return float(self.hits.mean())


class Baseline(msgspec.Struct, frozen=True):
    """The given network, trained several times from other first weights."""

    runs: tuple[Run, ...]

    @property
    def mean(self) -> float:
        """Mean accuracy of the runs."""
        return float(np.mean([run.accuracy for run in self.runs]))

    @property
    def spread(self) -> float:
        """Standard deviation of the runs' accuracies; 0 for a single run."""
        if len(self.runs) < 2:
            return 0.0
        return float(np.std([run.accuracy for run in self.runs], ddof=1))


class _Line(msgspec.Struct, frozen=True):
    losses: tuple[float | str, ...]
    correct: str


def baseline_widths(split: Split, settings: BaselineSettings) -> tuple[int, ...]:
    """Return the given network's widths, from its inputs to its outputs."""
    return (split.train_x.shape[1], settings.hidden, split.classes)


def measure_baseline(project: Project, split: Split, progress: Progress) -> Baseline:
    """Return the baseline for a split, from the cache if it was measured before.

    Parameters
    ----------
    project : Project
        A full checkout, with the reference.
    split : Split
        What the student's script gets, and the test images.
    progress : callable
        Told after each training.

    Raises
    ------
    GraderError
        If the reference cannot be trained.
    """
    return Baseline(run_jobs(project, split, baseline_jobs(project.lab.baseline), progress))


def baseline_jobs(settings: BaselineSettings) -> tuple[Job, ...]:
    """Return the trainings that a baseline is the mean of."""
    return tuple(
        Job(settings.hidden, settings.lr, settings.epochs, settings.batch_size, seed)
        for seed in range(1, settings.runs + 1)
    )


def measure_curves(project: Project, split: Split, progress: Progress) -> tuple[Run, ...]:
    """Return the given network's runs with the assignment's learning rates."""
    return run_jobs(project, split, curve_jobs(project.lab.baseline), progress)


def curve_jobs(settings: BaselineSettings) -> tuple[Job, ...]:
    """Return the trainings that the plots' curves are drawn from."""
    return tuple(
        Job(settings.hidden, lr, settings.epochs, settings.batch_size, 1) for lr in CURVE_RATES
    )


def run_jobs(
    project: Project, split: Split, jobs: Sequence[Job], progress: Progress
) -> tuple[Run, ...]:
    """Train networks by the reference; each result is kept the moment it is known.

    Two graders that want the same training have it run once: the second waits for the first.

    Raises
    ------
    GraderError
        If the reference cannot be trained.
    """
    reference = _reference_digest(project)
    runs: list[Run] = []
    for job in jobs:
        progress(len(runs), len(jobs))
        place = _place(split, job, reference)
        run = _read(place, job)
        if run is None:
            with _alone(place):
                run = _read(place, job) or _trained(project, split, job)
                write_atomically(place, msgspec.json.encode(_as_line(run)))
        runs.append(run)
    progress(len(runs), len(jobs))
    return tuple(runs)


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Hold a lock that the kernel lets go of when its process ends, however that ends."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = place.with_suffix(".lock").open("wb")
    except OSError as error:
        raise GraderError(
            f"{place.parent} could not be written ({error.strerror}).",
            "Check that the folder may be written to, and make room.",
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _trained(project: Project, split: Split, job: Job) -> Run:
    with tempfile.TemporaryDirectory(prefix=f"nn-lab-baseline-{owner.own_name()}-") as name:
        folder = Path(name)
        np.savez(
            folder / "split.npz",
            train_x=split.train_x,
            train_y=split.train_y,
            test_x=split.test_x,
            test_y=split.test_y,
            classes=split.classes,
        )
        (folder / "jobs.json").write_text(json.dumps([msgspec.to_builtins(job)]))
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(project.root / "reference"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **ONE_THREAD,
        }
        own = os.getpid()
        done = subprocess.run(  # noqa: S603 - our own script
            [sys.executable, "-s", str(_script(project)), str(folder)],
            env=environment,
            capture_output=True,
            check=False,
            # It does not train on for nobody when the grader is killed.
            preexec_fn=lambda: end_with(own),
        )
    try:
        return _as_run(job, done.stdout)
    except (msgspec.DecodeError, ValueError) as error:
        said = done.stderr.decode(errors="replace").strip()[-600:]
        raise GraderError(
            f"The baseline could not be trained with the reference: {said or done.returncode}.",
            f"Mend {project.root / 'reference'}, then grade again.",
        ) from error


def _as_run(job: Job, line: bytes) -> Run:
    read = msgspec.json.decode(line, type=_Line)
    return Run(job, tuple(float(loss) for loss in read.losses), read.correct)


def _as_line(run: Run) -> _Line:
    losses = (loss if np.isfinite(loss) else str(loss) for loss in run.losses)
    return _Line(tuple(losses), run.correct)


def _read(place: Path, job: Job) -> Run | None:
    try:
        return _as_run(job, place.read_bytes())
    except (OSError, msgspec.DecodeError, ValueError):
        return None


def _place(split: Split, job: Job, reference: str) -> Path:
    """Return where a run is kept, named by all that it depends on."""
    key = f"{split.digest}\0{job}\0{reference}\0{np.__version__}"
    return cache_folder() / "baseline" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def _reference_digest(project: Project) -> str:
    digest = hashlib.sha256()
    sources = sorted((project.root / "reference" / "layers").glob("*.py"))
    for path in (_script(project), *sources):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _script(project: Project) -> Path:
    return project.root / "reference" / "train_given.py"
