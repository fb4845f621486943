"""What is made of a batch once every submission's entry is known, and again after each decision."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from grader.batch.folder import BatchFolder
from grader.batch.manifest import Manifest
from grader.lab import Project
from grader.model import Entry
from grader.overrides import Override, apply_overrides


def finish_batch(
    folder: BatchFolder, manifest: Manifest, entries: Sequence[Entry], project: Project
) -> tuple[Entry, ...]:
    """Write what all submissions together come to, with people's decisions as they are now.

    Parameters
    ----------
    folder : BatchFolder
        Where to.
    manifest : Manifest
        What the batch set out to do.
    entries : sequence of Entry
        All of them, by key; people may have decided since.
    project : Project
        The lab.

    Returns
    -------
    tuple of Entry
        The same, with the decisions applied.

    Raises
    ------
    GraderError
        If something cannot be written.
    """
    with folder.changing():
        overrides = folder.overrides()
        decided = tuple(_decided(folder, entry, overrides) for entry in entries)
        folder.finish(decided, manifest, project.lab)
    return decided


def refresh(folder: BatchFolder, project: Project) -> tuple[Entry, ...]:
    """Bring all that is made of a batch up to date with its reports and people's decisions."""
    return finish_batch(folder, folder.manifest(), folder.entries(), project)


def _decided(folder: BatchFolder, entry: Entry, overrides: Sequence[Override]) -> Entry:
    if entry.report is None:
        return entry
    report = apply_overrides(entry.report, overrides, entry.key)
    if report == entry.report:
        return entry
    folder.rewrite(entry.key, report)
    return msgspec.structs.replace(entry, report=report)
