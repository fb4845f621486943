"""Looks for likeness in a batch, and keeps what it finds: nothing is compared twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import msgspec

from grader.atomic_file import write_atomically
from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.manifest import Manifest
from grader.batch.likeness.code import LEAST_CODE, THRESHOLD, alike_pairs
from grader.batch.likeness.fingerprint import (
    LARGEST_FILE,
    MOST_CODE,
    Fingerprint,
    ShortHashes,
    Work,
    fingerprint,
    template_hashes,
    work_of,
)
from grader.batch.likeness.plots import plot_groups
from grader.batch.likeness.shared import compare
from grader.batch.source.handed import Handed
from grader.errors import GraderError
from grader.intake import Rejection, read_archive
from grader.lab import Lab, Project
from grader.model import Entry, Submission
from grader.report.likeness_report import LIKENESS_SCHEMA, CodePair, LeftOut, Likeness

FILE = "likeness.json"
MOST_PAIRS = 100
"""More are counted and not shown."""
MOST_AT_ONCE = 16
"""Submissions whose code is in memory whole, to show where two share it."""
MOST_CONTENTS = 256
"""Files' contents that are remembered cut into tokens, which takes about three times their size: a
class has some that many hand in, and what is alike is looked at once more."""


def find_likeness(
    folder: BatchFolder, manifest: Manifest, entries: Sequence[Entry], project: Project
) -> Likeness:
    """Return what is alike among the submissions of a batch, and write it to `likeness.json`.

    Parameters
    ----------
    folder : BatchFolder
        Where it is kept.
    manifest : Manifest
        Where the archives are.
    entries : sequence of Entry
        Those without a report are left out.
    project : Project
        The lab, whose template is everybody's.

    Raises
    ------
    GraderError
        If it cannot be written.
    """
    template = _template(project)
    made_from = _digest(entries, template)
    path = folder.folder / FILE
    kept = _read(path)
    if kept is not None and kept.made_from == made_from:
        return kept
    found = _compare_all(manifest, entries, project.lab, template, made_from)
    document = msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"
    write_atomically(path, document)
    return found


def _compare_all(
    manifest: Manifest,
    entries: Sequence[Entry],
    lab: Lab,
    template: dict[str, bytes],
    made_from: str,
) -> Likeness:
    handed = {one.key: one for one in manifest.handed}
    known = template_hashes(template)
    given = frozenset(hashlib.sha256(data).digest() for data in template.values())
    cut = lru_cache(MOST_CONTENTS)(lambda data: fingerprint("", data, known))
    compared: list[Entry] = []
    own: list[ShortHashes] = []
    left_out: list[LeftOut] = []
    for entry in entries:
        submission = _read_again(entry, handed.get(entry.key), lab)
        if isinstance(submission, str):
            left_out.append(LeftOut(entry.key, "", submission))
            continue
        work, too_large = _work(entry.key, submission, cut, given)
        left_out += too_large
        if len(work.own) < LEAST_CODE:
            why = "it holds too little code that is not the template's"
            left_out.append(LeftOut(entry.key, "", why))
        compared.append(entry)
        own.append(work.short)
    found = alike_pairs(own, MOST_PAIRS)

    @lru_cache(MOST_AT_ONCE)
    def again(place: int) -> Work | None:
        entry = compared[place]
        submission = _read_again(entry, handed.get(entry.key), lab)
        return None if isinstance(submission, str) else _work(entry.key, submission, cut, given)[0]

    return Likeness(
        made_from=made_from,
        threshold=THRESHOLD,
        compared=sum(len(one) >= LEAST_CODE for one in own),
        code=tuple(_side_by_side(found.pairs, again)),
        code_pairs=found.number,
        pictures=plot_groups(entries),
        archives=_same_archives(entries),
        left_out=tuple(left_out),
    )


def _side_by_side(
    pairs: Iterable[tuple[float, int, int]], work: Callable[[int], Work | None]
) -> Iterator[CodePair]:
    """Show where pairs share code; an archive that was changed meanwhile is in none."""
    for share, i, j in pairs:
        one, other = work(i), work(j)
        if one is not None and other is not None:
            yield compare(one, other, share)


def _read_again(entry: Entry, handed: Handed | None, lab: Lab) -> Submission | str:
    """Return what was graded, or why it cannot be had."""
    if entry.report is None or handed is None:
        return "it has not been graded"
    try:
        taken_in = read_archive(handed.path, lab, handed.name)
    except GraderError as error:
        return error.what
    if isinstance(taken_in, Rejection):
        return "the archive was refused"
    if taken_in.sha256 != entry.report.submission.sha256:
        return "the archive is not the one that was graded"
    return taken_in


def _work(
    key: str,
    submission: Submission,
    cut: Callable[[bytes], Fingerprint],
    given: frozenset[bytes],
) -> tuple[Work, list[LeftOut]]:
    """Return a submission's code, and the files that are too large to be code of the lab."""
    files: list[Fingerprint] = []
    left_out = []
    room = MOST_CODE
    for path, data in sorted(submission.files.items()):
        if PurePosixPath(path).suffix != ".py" or hashlib.sha256(data).digest() in given:
            continue
        if len(data) > min(LARGEST_FILE, room):
            why = f"it has {len(data) >> 10} KiB, or there is too much code beside it"
            left_out.append(LeftOut(key, path, why))
            continue
        room -= len(data)
        try:
            found = msgspec.structs.replace(cut(data), path=path)
        except Exception as error:
            # A lexer's mistake about some student's file must not cost the class its gradebook.
            why = f"it could not be cut into tokens ({type(error).__name__})"
            left_out.append(LeftOut(key, path, why))
            continue
        files.append(found)
    return work_of(key, files), left_out


def _same_archives(entries: Sequence[Entry]) -> tuple[tuple[str, ...], ...]:
    owners: dict[str, list[str]] = {}
    for entry in entries:
        if entry.report is not None:
            owners.setdefault(entry.report.submission.sha256, []).append(entry.key)
    return tuple(tuple(keys) for keys in owners.values() if len(keys) > 1)


def _template(project: Project) -> dict[str, bytes]:
    return {
        path.relative_to(project.template).as_posix(): path.read_bytes()
        for path in sorted(project.template.rglob("*.py"))
    }


def _digest(entries: Sequence[Entry], template: dict[str, bytes]) -> str:
    """Return the digest of all that the result depends on."""
    digest = hashlib.sha256(version("copydetect").encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for name, data in template.items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
    for entry in entries:
        report = entry.report
        plots = [item.pictures for item in report.items] if report is not None else []
        sha256 = report.submission.sha256 if report is not None else None
        digest.update(msgspec.json.encode((entry.key, sha256, plots)))
    return digest.hexdigest()


def _read(path: Path) -> Likeness | None:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Likeness)
    except (OSError, msgspec.DecodeError):
        return None
    return kept if kept.schema == LIKENESS_SCHEMA else None
