"""Scripts of better_cifar.py, run in a sandbox on the small synthetic data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from grader.checks.better_cifar import Exam, check_better_cifar
from grader.dataset.files import Dataset
from grader.dataset.store import demo_dataset
from grader.demo import EXAMPLES, example_files
from grader.lab import Project
from grader.model import Identity, Judged, Submission
from grader.sandbox.launch import Sandbox

SEED = 20260901

Judge = Callable[..., Judged]


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return demo_dataset()


@pytest.fixture
def judge(project: Project, process_sandbox: Sandbox, dataset: Dataset) -> Judge:
    """Judge a script in a plain process; `files` come on top of the right submission's.

    None for the script is a submission without one. `other` changes the check's settings, `subset`
    those of `cifar100`, other keywords the training's limits; `watch` is told what is going on.
    """

    def run(
        script: str | None,
        files: dict[str, str | bytes] | None = None,
        sandbox: Sandbox = process_sandbox,
        student_seed: int | None = None,
        other: dict[str, Any] | None = None,
        subset: dict[str, Any] | None = None,
        watch: Callable[[str], None] = lambda text: None,
        **limits: float,
    ) -> Judged:
        contents = example_files(project, EXAMPLES[0])
        del contents["better_cifar.py"]
        if script is not None:
            contents["better_cifar.py"] = script.encode()
        for path, text in (files or {}).items():
            contents[path] = text.encode() if isinstance(text, str) else text
        submission = Submission("A_B_LAB3.zip", "0" * 64, Identity("A", "B"), contents)
        lab = project.lab
        training = msgspec.structs.replace(lab.training, **limits)
        settings = msgspec.structs.replace(lab.better_cifar, **(other or {}))
        drawn = msgspec.structs.replace(lab.dataset, **(subset or {}))
        changed = msgspec.structs.replace(
            lab, training=training, better_cifar=settings, dataset=drawn
        )
        exam = Exam(dataset, SEED, student_seed)
        return check_better_cifar(
            submission,
            msgspec.structs.replace(project, lab=changed),
            sandbox,
            exam,
            watch,
        )

    return run
