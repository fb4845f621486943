"""The key of an item's result: a digest of exactly what the result depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import msgspec
import numpy as np

from grader.checks import better_cifar, plots
from grader.lab import Project
from grader.model import Submission
from grader.pipeline import Plan

PACKAGE = Path(__file__).resolve().parents[1]
# What shows, stores or hands over results, and does not make them.
SHOWING = frozenset(
    {"autograder", "batch", "cli", "overrides.py", "report", "roster", "service", "suite"}
)
RESULTS = "results/"


def content_key(submission: Submission, plan: Plan, item: str) -> str:
    """Return the SHA-256, as hex, of all that an item's result depends on.

    A changed softmax test changes the key of softmax alone; a changed plot, that of the plots.

    Parameters
    ----------
    submission : Submission
        The files that matter to the item.
    plan : Plan
        Lab, tests, sandbox, seed and data.
    item : str
        A rubric item.
    """
    digest = hashlib.sha256()
    for part in _parts(submission, plan, item):
        data = part if isinstance(part, bytes) else part.encode()
        digest.update(len(data).to_bytes(8) + data)
    return digest.hexdigest()


def part_key(of: str, what: object) -> str:
    """Return the key of a part on the way to a result: of what is to be judged, and which part."""
    return hashlib.sha256(f"{of}\0{what}".encode()).hexdigest()


def reference_key(plan: Plan) -> str:
    """Return the digest of what the reference's runs depend on, but for number and job."""
    lab = plan.project.lab
    dataset = plan.dataset.digest if plan.dataset is not None else ""
    parts = (dataset, plan.seed, lab.dataset, folder_digest(plan.project.root / "reference"))
    return hashlib.sha256(f"{parts}\0{np.__version__}\0{_grader_digest()}".encode()).hexdigest()


def _parts(submission: Submission, plan: Plan, item: str) -> Iterable[str | bytes]:
    lab = plan.project.lab
    yield item
    yield _grader_digest()
    yield msgspec.json.encode(lab.line(item))
    if item == "structure":
        yield submission.sha256
        yield submission.archive
        yield msgspec.json.encode((lab.lab, lab.modules, lab.spellings, lab.intake))
        return
    yield plan.sandbox.kind if plan.sandbox is not None else ""
    yield (plan.sandbox.runtime_digest() if plan.sandbox is not None else None) or ""
    yield msgspec.json.encode(lab.limits)
    yield str(plan.seed)
    if item == plots.ITEM:
        yield from _files(submission, lambda path: not path.startswith("layers/"))
        yield from _data(plan)
    elif item == better_cifar.ITEM:
        yield from _files(submission, lambda path: not path.startswith(RESULTS))
        yield msgspec.json.encode((lab.training, lab.better_cifar))
        yield from _data(plan)
    else:
        yield from _files(submission, lambda path: not path.startswith(RESULTS))
        yield msgspec.json.encode((lab.modules, lab.spellings, lab.tolerances, lab.suite.version))
        yield _tests_digest(plan.project, item)


def _files(submission: Submission, matters: Callable[[str], bool]) -> Iterable[str | bytes]:
    for path, data in sorted(submission.files.items()):
        if matters(path):
            yield path
            yield hashlib.sha256(data).digest()


def _data(plan: Plan) -> Iterable[str | bytes]:
    lab = plan.project.lab
    yield str(plan.student_seed)
    yield plan.dataset.digest if plan.dataset is not None else ""
    yield msgspec.json.encode((lab.dataset, lab.baseline))
    yield folder_digest(plan.project.root / "reference")


@cache
def _grader_digest() -> str:
    """Return the digest of the grader's own sources that judge."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        if relative.parts[0] not in SHOWING:
            digest.update(str(relative).encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _tests_digest(project: Project, item: str) -> str:
    """Return the digest of an item's tests, and of the files that all tests share."""
    digest = hashlib.sha256()
    for folder in (project.public_tests, project.hidden_tests):
        for path in sorted(folder.glob("*.py")):
            if not path.name.startswith("test_") or path.name == f"test_{item}.py":
                digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@cache
def folder_digest(folder: Path) -> str:
    """Return the digest of the Python sources below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
