"""Example submissions, made from the reference and the template: one right, several wrong."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import msgspec
import numpy as np

from grader.baseline.measure import measure_curves
from grader.dataset.split import make_split
from grader.dataset.store import demo_dataset
from grader.lab import Project
from grader.picture import as_png
from grader.report.curves import accuracies_png, losses_png
from grader.suite.corpus import Edit, apply_edits
from grader.suite.implementations import right_solution, template_files

# The same bytes every time, so that the reports' digests are the same too.
_DATE = (2026, 1, 1, 0, 0, 0)
SEED = 1
"""The number in the reference's better_cifar.py."""


class Plots(StrEnum):
    """What an example holds in results/."""

    CURVES = "curves"
    BLANK = "blank"
    NONE = "none"


class Example(msgspec.Struct, frozen=True):
    """One example archive.

    Attributes
    ----------
    archive : str
        File name of the zip.
    story : str
        What its author did, in one clause.
    folder : str or None
        Top folder in the zip; None for a zip without one.
    edits : tuple of Edit
        What differs from the right solution.
    template : bool
        Whether the untouched template takes the right solution's place.
    plots : Plots
        What is in results/.
    """

    archive: str
    story: str
    folder: str | None
    edits: tuple[Edit, ...] = ()
    template: bool = False
    plots: Plots = Plots.CURVES


EXAMPLES = (
    Example("ADA_RIGHT_LAB3.zip", "did everything right", "ADA_RIGHT_LAB3"),
    Example(
        "TIM_TEMPLATE_LAB3.zip",
        "handed in the template",
        "TIM_TEMPLATE_LAB3",
        template=True,
        plots=Plots.NONE,
    ),
    Example(
        "SUE_SOFTMAX_LAB3.zip",
        "normalises softmax by column instead of by row",
        "SUE_SOFTMAX_LAB3",
        (
            Edit(
                "layers/softmax.py",
                old="np.sum(exponentials, axis=1, keepdims=True)",
                new="np.sum(exponentials, axis=0, keepdims=True)",
            ),
        ),
    ),
    Example(
        "FLO_FULL_LAB3.zip",
        "takes the gradient of the weights transposed and never updates the biases",
        "FLO_FULL_LAB3",
        (
            Edit("layers/full.py", old="y_grad.T @ self.x", new="(y_grad.T @ self.x).T"),
            Edit("layers/full.py", old="self.b -= lr * self.b_grad", new="pass"),
        ),
    ),
    Example(
        "CARL_SUM_LAB3.zip",
        "forgets to average the loss over the batch",
        "CARL_SUM_LAB3",
        (
            Edit(
                "layers/cross_entropy.py",
                old="float(-np.sum(self.t * np.log(self.x)) / len(self.x))",
                new="float(-np.sum(self.t * np.log(self.x)))",
            ),
        ),
    ),
    Example(
        "EVE_EXIT_LAB3.zip",
        "ends the process with exit code 0 when relu.py is imported",
        "EVE_EXIT_LAB3",
        (
            Edit(
                "layers/relu.py",
                old="class ReluLayer:",
                new="import os; os._exit(0)\nclass ReluLayer:",
            ),
        ),
    ),
    Example("lab3 final (2).zip", "did everything right but the names", None),
    Example(
        "GUS_GIVEN_LAB3.zip",
        "hands the given network in as the better one, and a blank plot",
        "GUS_GIVEN_LAB3",
        (
            Edit(
                "better_cifar.py",
                old="    better = train_better_network(x_train, y_train)",
                new="    better = train_given_network(x_train, y_train)",
            ),
        ),
        plots=Plots.BLANK,
    ),
)


def write_examples(project: Project, folder: Path) -> tuple[Path, ...]:
    """Write the example archives.

    Parameters
    ----------
    project : Project
        A full checkout, with reference and template.
    folder : Path
        Where to write; made if it is not there.

    Returns
    -------
    tuple of Path
        The archives, in the order of `EXAMPLES`.

    Raises
    ------
    ConfigurationError
        If the reference is not there, or has changed so that an edit no longer fits.
    GraderError
        If the archives cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    plots = {kind: _plots(project, kind) for kind in Plots}
    for example in EXAMPLES:
        path = folder / example.archive
        files = {**example_files(project, example), **plots[example.plots]}
        path.write_bytes(zip_files(files, example.folder))
        written.append(path)
    return tuple(written)


def _plots(project: Project, plots: Plots) -> dict[str, bytes]:
    """Draw what is in results/: the reference's curves on the demo's data, or nothing on white."""
    match plots:
        case Plots.NONE:
            return {}
        case Plots.BLANK:
            return {"results/plots.png": as_png(np.full((300, 400, 3), 255, np.uint8))}
    split = make_split(project.lab, demo_dataset(), SEED, project.lab.suite.seed)
    runs = measure_curves(project, split, lambda done, of: None)
    return {
        "results/loss.png": losses_png(runs, "Average training loss"),
        "results/accuracy.png": accuracies_png(runs, "Test accuracy"),
    }


def example_files(project: Project, example: Example) -> dict[str, bytes]:
    """Return an example's files, but for its plots, by their path below the root."""
    files = template_files(project)
    if not example.template:
        files.update(right_solution(project))
    return apply_edits(files, example.edits, f"The demo's {example.archive}")


def zip_files(files: Mapping[str, bytes], folder: str | None) -> bytes:
    """Zip files, below one top folder or none."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            name = f"{folder}/{path}" if folder else path
            archive.writestr(zipfile.ZipInfo(name, _DATE), files[path], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
