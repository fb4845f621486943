"""Tells whether a batch's page would say what it says already, so that it is not made again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import msgspec

from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.manifest import Manifest, encode
from grader.batch.results.content_key import PACKAGE, folder_digest
from grader.lab import Lab
from grader.model import Entry, Report
from grader.report.likeness_report import Likeness
from grader.report.page import TEMPLATES

HEAD = 2048
"""Bytes of a page, within which it says what it was made from."""


def made_from(
    folder: BatchFolder, manifest: Manifest, entries: Sequence[Entry], likeness: Likeness, lab: Lab
) -> str:
    """Return the digest of all that the page is made from, as hex.

    The reports count as they are on disk, and so do their pictures, by time and size.

    Raises
    ------
    GraderError
        If a report cannot be read.
    """
    digest = hashlib.sha256(_sources() + msgspec.json.encode((lab, likeness)) + encode(manifest))
    for entry in entries:
        digest.update(msgspec.json.encode((entry.key, entry.archive, entry.problem)))
        digest.update(msgspec.json.encode(entry.superseded))
        if entry.report is not None:
            digest.update(folder.document(entry.key))
            digest.update(
                msgspec.json.encode(list(_pictures(folder.artefacts_path(entry.key), entry.report)))
            )
    return digest.hexdigest()


def says_made_from(page: Path, digest: str) -> bool:
    """Tell whether a page says that it was made from just that."""
    try:
        with page.open("rb") as file:
            return f'<meta name="made-from" content="{digest}">'.encode() in file.read(HEAD)
    except OSError:
        return False


@cache
def _sources() -> bytes:
    """Return the digest of what makes pages."""
    digest = hashlib.sha256(folder_digest(PACKAGE).encode())
    for path in sorted(TEMPLATES.iterdir()):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.digest()


def _pictures(place: Path, report: Report) -> Iterator[tuple[str, int, int]]:
    """Yield what tells of each picture that is there whether it is the same."""
    for item in report.items:
        for name in item.artefacts:
            with suppress(OSError):
                found = (place / name).stat()
                yield name, found.st_size, found.st_mtime_ns
