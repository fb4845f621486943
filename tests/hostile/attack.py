"""What a hostile submission is: the reference solution, or the template, plus an attack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from grader.demo import EXAMPLES, example_files, zip_files
from grader.lab import Project
from grader.model import Outcome

CANARY = "CANARY"
"""What an attack prints once it has been carried out."""
GAIN = "GAINED"
"""What an attack prints if it got hold of, or did, what it must not."""
ARCHIVE = "EVE_HOSTILE_LAB3.zip"


@dataclass(frozen=True)
class Attack:
    """One hostile submission, and what must come of it.

    Attributes
    ----------
    name : str
        Short, for the test's id.
    tries : str
        What the attack is after, in a sentence.
    code : str
        Appended to `layers/<item>.py`.
    item : str
        The rubric item that is attacked.
    on : str
        What the code is appended to: the `right` module, which earns all points, or the
        `empty` one of the template, which earns none.
    outcome : Outcome
        How every case of the item must end, in every sandbox.
    neighbour : str
        An item with a right module, graded with the attacked one; all its cases must pass.
    files : mapping of str to str
        Further files in the archive.
    limits : mapping of str to float
        Limits other than the lab's.
    forms : tuple of str
        Names of the attack's forms, if it takes another one each time: all must be printed.
    harmless : bool
        Whether the attack may run on the host, in the plain process. What succeeds there
        because nothing isolates it is no less isolated elsewhere.
    """

    name: str
    tries: str
    code: str
    item: str = "softmax"
    on: Literal["right", "empty"] = "right"
    outcome: Outcome = Outcome.PASSED
    neighbour: str = "cross_entropy"
    files: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    forms: tuple[str, ...] = ()
    harmless: bool = False


def write_archive(attack: Attack, project: Project, folder: Path) -> Path:
    """Write the attack's zip and return its path."""
    right, template = example_files(project, EXAMPLES[0]), example_files(project, EXAMPLES[1])
    module = f"layers/{attack.item}.py"
    base = right if attack.on == "right" else template
    files = {
        **right,
        module: base[module] + b"\n\n" + attack.code.encode(),
        **{path: text.encode() for path, text in attack.files.items()},
    }
    return write_zip(files, folder)


def write_zip(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write files as a well-named archive and return its path."""
    archive = folder / ARCHIVE
    archive.write_bytes(zip_files(files, ARCHIVE.removesuffix(".zip")))
    return archive
