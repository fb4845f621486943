"""Which results a regrade makes anew, and which stay as they were."""

from __future__ import annotations

import hashlib
import shutil

import msgspec

from grader.atomic_file import write_atomically
from grader.batch.folder.batch_folder import BatchFolder, entry_of
from grader.batch.folder.manifest import Manifest
from grader.batch.regrade.changes import verdict
from grader.batch.regrade.difference import Kept, found_in
from grader.batch.results.cache import NOT_KEPT
from grader.batch.source.handed import Handed
from grader.model import Entry, ItemResult, Outcome
from grader.overrides import apply_overrides
from grader.scoring import total


class Standing(msgspec.Struct, frozen=True):
    """What a batch has come to before it is graded again.

    Attributes
    ----------
    basis : str
        As `basis_of` says it.
    todo : tuple of Handed
        The archives that are as they were.
    kept : tuple of Kept
        What is wrong with the others.
    """

    basis: str
    todo: tuple[Handed, ...]
    kept: tuple[Kept, ...]


def survey(folder: BatchFolder, manifest: Manifest) -> Standing:
    """Look at every result and every archive once."""
    basis, todo, kept = hashlib.sha256(), [], []
    for one in manifest.handed:
        entry = folder.entry(one)
        basis.update(found_in(entry))
        why = _stays(one, entry)
        if why:
            kept.append(Kept(one.key, why, failed=False))
        else:
            todo.append(one)
    return Standing(basis.hexdigest(), tuple(todo), tuple(kept))


def _stays(one: Handed, entry: Entry) -> str:
    """Return why a submission cannot be graded again; empty if it can."""
    try:
        with one.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return f"{one.path} is gone: its result stays as it is."
    if entry.report is not None and digest != entry.report.submission.sha256:
        return f"{one.path} is another archive now: grade it with `grader batch` first."
    return ""


def merge(
    folder: BatchFolder, new: BatchFolder, one: Handed, old: Entry, graded: Entry | None
) -> tuple[Entry, list[str]]:
    """Keep what the regrade has no better result for; return the entry, and what is kept why."""
    key = one.key
    if graded is None or graded.report is None:
        place = new.folder / "submissions" / key
        if place.exists():
            shutil.rmtree(place)
        source = folder.folder / "submissions" / key
        if source.exists():
            shutil.copytree(source, place)
        failed = graded is not None and old.report is not None
        return old, [f"could not be graded: {graded.problem}"] if failed and graded else []
    report = new.read(key)
    if old.report is None:
        return entry_of(one, report), []
    before = {item.id: item for item in verdict(old.report).items}
    found = verdict(report)
    stays = {
        item.id: before[item.id]
        for item in found.items
        if item.id in before and _says_less(item, before[item.id])
    }
    if not stays:
        return entry_of(one, report), []
    for item in stays.values():
        for name in item.artefacts:
            source = folder.artefacts_path(key) / name
            if source.exists():
                write_atomically(new.artefacts_path(key) / name, source.read_bytes())
    items = tuple(stays.get(item.id, item) for item in found.items)
    score = total(items)
    mixed = msgspec.structs.replace(
        found,
        items=items,
        score=score.score,
        provisional=score.provisional,
        score_note=score.note,
    )
    mixed = apply_overrides(mixed, new.overrides(), key)
    new.rewrite(key, mixed)
    new_items = {item.id: item for item in found.items}
    why = [
        f"{id_} stays as it is, for now it is {new_items[id_].outcome}: "
        f"{' '.join(new_items[id_].feedback)}"
        for id_ in stays
    ]
    return entry_of(one, mixed), why


def _says_less(new: ItemResult, old: ItemResult) -> bool:
    """Whether a result says nothing about the submission, and the old one does."""
    if new.outcome is Outcome.GRADER_ERROR:
        return old.outcome is not Outcome.GRADER_ERROR
    return new.outcome in NOT_KEPT and old.outcome not in NOT_KEPT
