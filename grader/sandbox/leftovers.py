"""Removes what graders that were killed have left on the machine, and nothing of living ones."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from grader import owner
from grader.errors import GraderError
from grader.sandbox.launch import Sandbox

PREFIX = "nn-lab-"


def temporary_prefix(kind: str) -> str:
    """Return how the name of a temporary folder begins, so that its owner can be told."""
    return f"{PREFIX}{kind}-{owner.own_name()}-"


def remove_leftovers(sandbox: Sandbox) -> list[str]:
    """Remove the containers, control groups and temporary folders of graders that have died.

    Parameters
    ----------
    sandbox : Sandbox
        The kind that is going to be used.

    Returns
    -------
    list of str
        Names of what was removed.
    """
    try:
        removed = sandbox.remove_leftovers()
    except GraderError:
        # What is in the way of cleaning is in the way of grading too, and is told there.
        removed = []
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*-*"):
        name = folder.name.removeprefix(PREFIX).split("-")[1]
        if owner.is_dead(name) and folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder.name)
    return removed
