"""Removes what graders that were killed have left on the machine, and nothing of living ones."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from grader import owner
from grader.errors import GraderError
from grader.sandbox.launch import Sandbox

PREFIX = "nn-lab-"
SHORT_PARENT = Path("/tmp")  # noqa: S108 - folders in it are made by mkdtemp


def temporary_parents() -> tuple[Path, ...]:
    """Return where temporary folders are made: the usual place first, then one for sockets.

    A socket's path is short, and the sandbox's user may have no way into the usual place.
    """
    return (Path(tempfile.gettempdir()), SHORT_PARENT)


def temporary_prefix(kind: str) -> str:
    """Return how the name of a temporary folder begins, so that its owner can be told."""
    return f"{PREFIX}{kind}-{owner.own_name()}-"


def owner_of(folder: Path) -> str:
    """Return the name of the process that a temporary folder is of; empty for another folder."""
    words = folder.name.removeprefix(PREFIX).split("-")
    return words[1] if folder.name.startswith(PREFIX) and len(words) > 2 else ""


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
    folders = {folder for parent in temporary_parents() for folder in parent.glob(f"{PREFIX}*")}
    for folder in sorted(folders):
        if owner.is_dead(owner_of(folder)) and folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder.name)
    return removed
