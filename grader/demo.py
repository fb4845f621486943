"""Example submissions, made from the reference and the template: one right, several wrong."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from grader.lab import Project
from grader.suite.corpus import Edit, apply_edits
from grader.suite.implementations import right_solution, template_files

# The same bytes every time, so that the reports' digests are the same too.
_DATE = (2026, 1, 1, 0, 0, 0)


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
    """

    archive: str
    story: str
    folder: str | None
    edits: tuple[Edit, ...] = ()
    template: bool = False


EXAMPLES = (
    Example("ADA_RIGHT_LAB3.zip", "did everything right", "ADA_RIGHT_LAB3"),
    Example("TIM_TEMPLATE_LAB3.zip", "handed in the template", "TIM_TEMPLATE_LAB3", template=True),
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
            Edit("layers/full.py", old="self.b = self.b - lr * self.b_grad", new="pass"),
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
    for example in EXAMPLES:
        path = folder / example.archive
        path.write_bytes(zip_files(example_files(project, example), example.folder))
        written.append(path)
    return tuple(written)


def example_files(project: Project, example: Example) -> dict[str, bytes]:
    """Return an example's files by their path below the submission's root."""
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
