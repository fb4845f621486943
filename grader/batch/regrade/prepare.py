"""Grades a batch again beside itself, and finds out what would change."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import msgspec

from grader.batch.finish import finish_batch
from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.outline import Outlines
from grader.batch.folder.switch import NEW, REGRADE
from grader.batch.likeness import FILE as LIKENESS
from grader.batch.regrade.changes import compare
from grader.batch.regrade.difference import (
    DIFFERENCE,
    Difference,
    Kept,
    write_difference,
)
from grader.batch.regrade.merge import merge, survey
from grader.batch.regrade.spool import Spool
from grader.batch.results.cache import ResultCache
from grader.batch.runner import Settings, Watcher, grade_batch
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
    standing = survey(folder, manifest)
    discard(folder)
    new = BatchFolder(folder.folder / REGRADE / NEW)
    overrides = folder.overrides()
    write_overrides(new.overrides_path, overrides)
    # The archives are the same: what is alike among them need not be looked for again.
    if (folder.folder / LIKENESS).exists():
        shutil.copy2(folder.folder / LIKENESS, new.folder / LIKENESS)
    graded: dict[str, Entry] = {}
    if standing.todo:
        part = msgspec.structs.replace(manifest, handed=standing.todo)
        graded = {e.key: e for e in grade_batch(part, plan, new, cache, settings, watcher)}
    outlines, merged, kept = Outlines(), [], list(standing.kept)
    with Spool(new.folder) as spool:
        for one in manifest.handed:
            before = folder.entry(one)
            after, why = merge(folder, new, one, before, graded.get(one.key))
            merged.append(outlines.entry(after))
            kept += [Kept(one.key, line, failed=True) for line in why]
            change = compare(_decided(before, overrides), _decided(after, overrides))
            if change is not None:
                spool.keep(change)
        new.begin(manifest)
        finish_batch(new, manifest, merged, plan.project)
        difference = Difference(standing.basis, len(merged), spool.changes(), tuple(kept))
        if difference.changes:
            write_difference(folder, difference, spool.whole)
    if not difference.changes:
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


def _decided(entry: Entry, overrides: Sequence[Override]) -> Entry:
    """Return a result with the decisions of when the regrade began: later ones are none of its."""
    if entry.report is None:
        return entry
    report = apply_overrides(entry.report, overrides, entry.key)
    return msgspec.structs.replace(entry, report=report)
