"""The small pictures for a batch's page, made once from the artefacts beside the reports."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from grader.atomic_file import write_atomically
from grader.batch.folder.batch_folder import BatchFolder
from grader.model import Entry
from grader.report.thumbnail import Thumbnail, make_thumbnail

FOLDER = "thumbnails"


def small_pictures(folder: BatchFolder, entry: Entry) -> dict[str, Thumbnail]:
    """Return a submission's small pictures by their artefacts' names.

    What is no picture, or not there any more, is left out. Each is kept in the batch's folder by
    its artefact's digest.
    """
    found = {}
    for item in entry.report.items if entry.report is not None else ():
        for name in item.artefacts:
            try:
                picture = (folder.artefacts_path(entry.key) / name).read_bytes()
            except OSError:
                continue
            small = _kept(folder.folder / FOLDER, picture)
            if small is not None:
                found[name] = small
    return found


def _kept(folder: Path, picture: bytes) -> Thumbnail | None:
    path = folder / f"{hashlib.sha256(picture).hexdigest()}.msgpack"
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=Thumbnail | None)
    except (OSError, msgspec.DecodeError):
        small = make_thumbnail(picture)
        write_atomically(path, msgspec.msgpack.encode(small))
        return small
