"""Grades a batch again beside itself, and makes the new results the batch's when told to."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from grader.atomic_file import write_atomically
from grader.batch.changes import SubmissionChange, by_case, compare, verdict
from grader.batch.finish import finish_batch
from grader.batch.folder.batch_folder import BatchFolder, entry_of
from grader.batch.folder.manifest import Manifest
from grader.batch.folder.switch import NEW, REGRADE, switch
from grader.batch.likeness import FILE as LIKENESS
from grader.batch.results.cache import NOT_KEPT, ResultCache
from grader.batch.runner import Settings, Watcher, grade_batch
from grader.batch.source.handed import Handed
from grader.errors import ConfigurationError
from grader.lab import Project
from grader.model import Audience, Entry, ItemResult, Outcome
from grader.overrides import apply_overrides, write_overrides
from grader.pipeline import Plan
from grader.report.json_report import to_json
from grader.report.page import render
from grader.scoring import total

SCHEMA = "grader-regrade/1"
_DIFFERENCE = "diff.json"
_PAGE = "diff.html"


class Kept(msgspec.Struct, frozen=True):
    """A result that stays as it is.

    Attributes
    ----------
    key : str
        The submission's.
    why : str
        For staff.
    failed : bool
        Whether it was to be graded again, and something of ours failed.
    """

    key: str
    why: str
    failed: bool


class Difference(msgspec.Struct, frozen=True):
    """What a regrade would change; `diff.json`.

    Attributes
    ----------
    basis : str
        Digest of the results that it was compared with.
    submissions : int
        How many the batch has.
    changes : tuple of SubmissionChange
        Those in which something differs, the largest losses first.
    kept : tuple of Kept
        What was not graded again, or could not be.
    schema : str
        The document's kind.
    """

    basis: str
    submissions: int
    changes: tuple[SubmissionChange, ...]
    kept: tuple[Kept, ...]
    schema: str = SCHEMA

    @property
    def verdicts(self) -> tuple[SubmissionChange, ...]:
        """Those in which more than wording differs."""
        return tuple(change for change in self.changes if change.items)


def prepare(
    folder: BatchFolder, plan: Plan, cache: ResultCache, settings: Settings, watcher: Watcher
) -> Difference:
    """Grade a batch again into its `regrade/`, and return what would change.

    What nothing has changed about comes from the cache. Where nothing differs, `regrade/` is left
    empty of it.

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
    old = {entry.key: entry for entry in folder.entries()}
    discard(folder)
    todo, kept = _to_grade(manifest, old)
    new = BatchFolder(folder.folder / REGRADE / NEW)
    write_overrides(new.overrides_path, folder.overrides())
    # The archives are the same: what is alike among them need not be looked for again.
    if (folder.folder / LIKENESS).exists():
        shutil.copy2(folder.folder / LIKENESS, new.folder / LIKENESS)
    graded: dict[str, Entry] = {}
    if todo:
        part = msgspec.structs.replace(manifest, handed=tuple(todo))
        graded = {e.key: e for e in grade_batch(part, plan, new, cache, settings, watcher)}
    merged = []
    for one in manifest.handed:
        entry, why = _merge(folder, new, one, old[one.key], graded.get(one.key))
        merged.append(entry)
        kept += [Kept(one.key, line, failed=True) for line in why]
    new.begin(manifest)
    after = finish_batch(new, manifest, merged, plan.project)
    found = [compare(old[entry.key], entry) for entry in after]
    changes = sorted((one for one in found if one is not None), key=lambda one: one.gain)
    difference = Difference(_basis(old.values()), len(after), tuple(changes), tuple(kept))
    if not changes:
        discard(folder)
        return difference
    write_atomically(folder.folder / REGRADE / _PAGE, page(difference))
    document = msgspec.json.format(msgspec.json.encode(difference), indent=2) + b"\n"
    # The last of all: what has it is whole.
    write_atomically(folder.folder / REGRADE / _DIFFERENCE, document)
    return difference


def discard(folder: BatchFolder) -> bool:
    """Remove a regrade that was not applied; return whether there was one."""
    place = folder.folder / REGRADE
    there = (place / _DIFFERENCE).exists()
    # First what makes it count, lest half of it be applied.
    (place / _DIFFERENCE).unlink(missing_ok=True)
    if place.exists():
        shutil.rmtree(place)
    return there


def apply(folder: BatchFolder, project: Project) -> Path:
    """Make the prepared results the batch's; return where the old ones are.

    Raises
    ------
    ConfigurationError
        If nothing is prepared, or the batch was graded again since.
    GraderError
        If something cannot be read or written; the batch is as it was then.
    """
    manifest = folder.manifest()
    difference = read_difference(folder)
    new = BatchFolder(folder.folder / REGRADE / NEW)
    with folder.finishing(), folder.changing():
        if _basis(folder.entries()) != difference.basis:
            raise ConfigurationError(
                f"{folder.folder} was graded again since the regrade.",
                "Run `grader regrade` again, and look at what it changes now.",
            )
        # People may have decided since.
        write_overrides(new.overrides_path, folder.overrides())
        finish_batch(new, manifest, new.entries(), project)
        name = _history_name(folder.folder / "history")
        switch(folder.folder, name)
    return folder.folder / "history" / name


def read_difference(folder: BatchFolder) -> Difference:
    """Return what a prepared regrade would change.

    Raises
    ------
    ConfigurationError
        If none is prepared.
    """
    path = folder.folder / REGRADE / _DIFFERENCE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Difference)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(
            f"{folder.folder} holds no finished regrade.",
            "Run `grader regrade` first, and look at what it changes.",
        ) from error


def page(difference: Difference) -> bytes:
    """Return a page that shows all that would change."""
    return render("regrade.html", difference=difference, cases=by_case(difference.changes))


def _to_grade(manifest: Manifest, old: dict[str, Entry]) -> tuple[list[Handed], list[Kept]]:
    """Return the archives that are as they were, and what is wrong with the others."""
    todo, kept = [], []
    for one in manifest.handed:
        report = old[one.key].report
        try:
            digest = hashlib.sha256(one.path.read_bytes()).hexdigest()
        except OSError:
            why = f"{one.path} is gone: its result stays as it is."
            kept.append(Kept(one.key, why, failed=False))
            continue
        if report is not None and digest != report.submission.sha256:
            why = f"{one.path} is another archive now: grade it with `grader batch` first."
            kept.append(Kept(one.key, why, failed=False))
        else:
            todo.append(one)
    return todo, kept


def _merge(
    folder: BatchFolder, new: BatchFolder, one: Handed, old: Entry, graded: Entry | None
) -> tuple[Entry, list[str]]:
    """Keep what the regrade has no better result for; return the entry, and what is kept why."""
    if graded is None or graded.report is None:
        place = new.folder / "submissions" / one.key
        if place.exists():
            shutil.rmtree(place)
        source = folder.folder / "submissions" / one.key
        if source.exists():
            shutil.copytree(source, place)
        failed = graded is not None and old.report is not None
        return old, [f"could not be graded: {graded.problem}"] if failed and graded else []
    report = new.read(one.key)
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
            source = folder.artefacts_path(one.key) / name
            if source.exists():
                write_atomically(new.artefacts_path(one.key) / name, source.read_bytes())
    items = tuple(stays.get(item.id, item) for item in found.items)
    score = total(items)
    mixed = msgspec.structs.replace(
        found,
        items=items,
        score=score.score,
        provisional=score.provisional,
        score_note=score.note,
    )
    mixed = apply_overrides(mixed, new.overrides(), one.key)
    new.rewrite(one.key, mixed)
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


def _basis(entries: Iterable[Entry]) -> str:
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(entry.key.encode() + b"\0")
        if entry.report is not None:
            digest.update(to_json(verdict(entry.report), Audience.STAFF))
    return digest.hexdigest()


def _history_name(place: Path) -> str:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    number = 1
    while (place / (name := now if number == 1 else f"{now}-{number}")).exists():
        number += 1
    return name
