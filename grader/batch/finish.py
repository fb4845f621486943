"""What is made of a batch once every submission's entry is known."""

from __future__ import annotations

from collections.abc import Sequence

from grader.batch.folder import BatchFolder
from grader.batch.manifest import Manifest
from grader.model import Entry
from grader.pipeline import Plan


def finish_batch(
    folder: BatchFolder, manifest: Manifest, entries: Sequence[Entry], plan: Plan
) -> None:
    """Write what all submissions together come to.

    Parameters
    ----------
    folder : BatchFolder
        Where to.
    manifest : Manifest
        What the batch set out to do.
    entries : sequence of Entry
        All of them, by key.
    plan : Plan
        How they were graded.

    Raises
    ------
    GraderError
        If something cannot be written.
    """
    folder.finish(entries, manifest, plan.project.lab)
