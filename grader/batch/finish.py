"""What is made of a batch once every submission's entry is known, and again after each decision."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec

from grader.atomic_file import write_pieces
from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.made_from import made_from, says_made_from
from grader.batch.folder.manifest import Manifest
from grader.batch.folder.pictures import small_pictures
from grader.batch.likeness import find_likeness
from grader.lab import Lab, Project
from grader.model import Entry
from grader.overrides import Override, apply_overrides
from grader.report.class_page import ClassFacts, class_page
from grader.report.likeness_report import Likeness

PAGE = "report.html"


def finish_batch(
    folder: BatchFolder, manifest: Manifest, entries: Sequence[Entry], project: Project
) -> tuple[Entry, ...]:
    """Write what all submissions together come to, with people's decisions as they are now.

    That is `gradebook.csv`, `summary.json`, `likeness.json` and `report.html`.

    Parameters
    ----------
    folder : BatchFolder
        Where to.
    manifest : Manifest
        What the batch set out to do.
    entries : sequence of Entry
        All of them, by key; outlines of the reports will do. People may have decided since.
    project : Project
        The lab.

    Returns
    -------
    tuple of Entry
        The same, with the decisions applied; of what was an outline, an outline.

    Raises
    ------
    GraderError
        If something cannot be written.
    """
    with folder.finishing():
        return _finish(folder, manifest, entries, project)


def refresh(folder: BatchFolder, project: Project) -> tuple[Entry, ...]:
    """Bring all that is made of a batch up to date with its reports and people's decisions."""
    with folder.finishing():
        return _finish(folder, folder.manifest(), folder.outlines(), project)


def _finish(
    folder: BatchFolder, manifest: Manifest, entries: Sequence[Entry], project: Project
) -> tuple[Entry, ...]:
    # Who decides meanwhile waits for the first part alone, and has the rest done once more.
    with folder.changing():
        overrides = folder.overrides()
        decided = tuple(_decided(folder, entry, overrides) for entry in entries)
    likeness = find_likeness(folder, manifest, decided, project)
    folder.finish(decided, manifest, project.lab, likeness)
    facts = _facts(folder, manifest, decided, likeness, project.lab)
    path = folder.folder / PAGE
    if not says_made_from(path, facts.made_from):
        write_pieces(path, class_page(facts))
    return decided


def _facts(
    folder: BatchFolder,
    manifest: Manifest,
    entries: tuple[Entry, ...],
    likeness: Likeness,
    lab: Lab,
) -> ClassFacts:
    return ClassFacts(
        lab=lab,
        source=str(manifest.source),
        seed=manifest.seed,
        entries=entries,
        remarks={
            "Passed over": manifest.passed_over,
            "Not in the class list": manifest.unknown,
            "Without a submission": manifest.missing,
        },
        likeness=likeness,
        pictures=partial(small_pictures, folder),
        whole=lambda entry: folder.read(entry.key),
        made_from=made_from(folder, manifest, entries, likeness, lab),
    )


def _decided(folder: BatchFolder, entry: Entry, overrides: Sequence[Override]) -> Entry:
    if entry.report is None:
        return entry
    report = apply_overrides(entry.report, overrides, entry.key)
    if report == entry.report:
        return entry
    # What is at hand may be an outline, and stays one.
    folder.rewrite(entry.key, folder.decided(entry.key, overrides))
    return msgspec.structs.replace(entry, report=report)
