"""Grades a batch again beside itself, and finds out what would change."""

from __future__ import annotations

import shutil

import msgspec

from grader.batch.finish import finish_batch
from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.manifest import Manifest
from grader.batch.folder.outline import Outlines
from grader.batch.folder.switch import NEW, REGRADE
from grader.batch.likeness import FILE as LIKENESS
from grader.batch.regrade.changes import ChangeOutlines, SubmissionChange, compare
from grader.batch.regrade.difference import (
    DIFFERENCE,
    Difference,
    Kept,
    basis_of,
    write_difference,
)
from grader.batch.regrade.merge import merge, to_grade
from grader.batch.results.cache import ResultCache
from grader.batch.runner import Settings, Watcher, grade_batch
from grader.batch.source.handed import Handed
from grader.model import Entry
from grader.overrides import Override, apply_overrides, write_overrides
from grader.pipeline import Plan


def prepare(
    folder: BatchFolder, plan: Plan, cache: ResultCache, settings: Settings, watcher: Watcher
) -> Difference:
    """Grade a batch again into its `regrade/`, and return what would change.

    What nothing has changed about comes from the cache. Where nothing differs, `regrade/` is left
    empty of it. However many submissions there are, only outlines of their reports are in memory.

    Parameters
    ----------
    folder : BatchFolder
        Of the batch; its reports are not touched.
    plan, cache, settings, watcher
        As for `grade_batch`.

    Raises
    ------
    GraderError
        If there is no batch, or something cannot be read or written.
    """
    manifest = folder.manifest()
    basis = basis_of(folder.one_by_one())
    discard(folder)
    todo, kept = to_grade(folder, manifest)
    new = BatchFolder(folder.folder / REGRADE / NEW)
    overrides = folder.overrides()
    write_overrides(new.overrides_path, overrides)
    # The archives are the same: what is alike among them need not be looked for again.
    if (folder.folder / LIKENESS).exists():
        shutil.copy2(folder.folder / LIKENESS, new.folder / LIKENESS)
    graded: dict[str, Entry] = {}
    if todo:
        part = msgspec.structs.replace(manifest, handed=tuple(todo))
        graded = {e.key: e for e in grade_batch(part, plan, new, cache, settings, watcher)}
    outlines, merged = Outlines(), []
    for one in manifest.handed:
        entry, why = merge(folder, new, one, graded.get(one.key))
        merged.append(outlines.entry(entry))
        kept += [Kept(one.key, line, failed=True) for line in why]
    new.begin(manifest)
    finish_batch(new, manifest, merged, plan.project)
    comparison = _Comparison(folder, new, manifest, overrides)
    difference = Difference(basis, len(merged), comparison.changes(), tuple(kept))
    if difference.changes:
        write_difference(folder, difference, comparison.whole)
    else:
        discard(folder)
    return difference


def discard(folder: BatchFolder) -> bool:
    """Remove a regrade that was not applied; return whether there was one."""
    place = folder.folder / REGRADE
    there = (place / DIFFERENCE).exists()
    # First what makes it count, lest half of it be applied.
    (place / DIFFERENCE).unlink(missing_ok=True)
    if place.exists():
        shutil.rmtree(place)
    return there


class _Comparison:
    """Reads two results of one submission at a time, and says what differs.

    Parameters
    ----------
    folder, new : BatchFolder
        What is, and what would be.
    manifest : Manifest
        The batch's.
    overrides : sequence of Override
        People's decisions when the regrade began: what they decide meanwhile is no change of its.
    """

    def __init__(
        self,
        folder: BatchFolder,
        new: BatchFolder,
        manifest: Manifest,
        overrides: tuple[Override, ...],
    ) -> None:
        self._folder = folder
        self._new = new
        self._handed = {one.key: one for one in manifest.handed}
        self._overrides = overrides

    def changes(self) -> tuple[SubmissionChange, ...]:
        """Return what differs, without diagnostics, the largest losses first."""
        outlines = ChangeOutlines()
        found = (self._change(one) for one in self._handed.values())
        changes = (outlines.outline(one) for one in found if one is not None)
        return tuple(sorted(changes, key=lambda one: one.gain))

    def whole(self, change: SubmissionChange) -> SubmissionChange:
        """Return a change with its diagnostics."""
        return self._change(self._handed[change.key]) or change

    def _change(self, one: Handed) -> SubmissionChange | None:
        before = self._folder.entry(one)
        if before.report is not None:
            report = apply_overrides(before.report, self._overrides, one.key)
            before = msgspec.structs.replace(before, report=report)
        return compare(before, self._new.entry(one))
