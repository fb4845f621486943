"""What two machines must have in common, so that one grades as the other would."""

from __future__ import annotations

import hashlib
import platform

import msgspec
import numpy as np

from grader.batch.results.content_key import PACKAGE, folder_digest
from grader.pipeline import Plan

_NAMES = {
    "grader": "the grader's own sources",
    "lab": "lab.toml",
    "suite": "the suite",
    "reference": "the reference",
    "sandbox": "the sandbox's kind",
    "runtime": "the sandbox's image or runtime",
    "dataset": "the data set",
    "python": "Python",
    "numpy": "numpy",
}


class Stamp(msgspec.Struct, frozen=True):
    """Digests and versions; an empty string where a plan has no use for the thing.

    Attributes
    ----------
    grader, lab, suite, reference : str
        What judges.
    sandbox, runtime : str
        Where student code runs.
    dataset : str
        What trainings get.
    python, numpy : str
        Versions on the trusted side.
    """

    grader: str
    lab: str
    suite: str
    reference: str
    sandbox: str
    runtime: str
    dataset: str
    python: str
    numpy: str


def stamp_of(plan: Plan) -> Stamp:
    """Return what a plan's results depend on, beside submission and seed."""
    sandbox, dataset = plan.sandbox, plan.dataset
    return Stamp(
        grader=folder_digest(PACKAGE),
        lab=hashlib.sha256((plan.project.root / "lab.toml").read_bytes()).hexdigest(),
        suite=plan.project.suite_digest(),
        reference=folder_digest(plan.project.root / "reference"),
        sandbox=sandbox.kind if sandbox is not None else "",
        runtime=(sandbox.runtime_digest() if sandbox is not None else None) or "",
        dataset=dataset.digest if dataset is not None else "",
        python=platform.python_version(),
        numpy=np.__version__,
    )


def difference(here: Stamp, there: Stamp) -> str:
    """Name what differs, such as `the suite (1f0c… here, 77ab… there)`; empty if nothing does."""
    found = []
    for field, name in _NAMES.items():
        ours, theirs = getattr(here, field), getattr(there, field)
        if ours != theirs:
            found.append(f"{name} ({_short(ours)} here, {_short(theirs)} there)")
    return ", ".join(found)


def _short(value: str) -> str:
    return value.removeprefix("sha256:")[:12] or "none"
