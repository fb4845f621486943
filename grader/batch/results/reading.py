"""What a batch must know of an archive at every run, kept so that it is unpacked but once."""

from __future__ import annotations

import hashlib
from contextlib import suppress

import msgspec

from grader.batch.results.cache import ResultCache
from grader.batch.results.content_key import reading_key
from grader.batch.source.handed import Handed
from grader.checks.student_seed import student_seed
from grader.intake import Rejection, archive_digest, read_archive
from grader.lab import Lab
from grader.model import Flag, Identity, Submission
from grader.pipeline import flags_of


class Reading(msgspec.Struct, frozen=True):
    """An archive without its files' content.

    Attributes
    ----------
    archive : str
        The file name that the student gave it.
    sha256 : str
        Hex digest of its bytes.
    identity : Identity
        The student.
    refused : str or None
        Why nothing of it can be graded; None if it can.
    flags : tuple of Flag
        What a person should know of it.
    number : int or None
        The student's number, by what better_cifar.py says.
    files : dict of str to bytes
        SHA-256 of each file, by its path below the root.
    folders : tuple of str
        All folders below the root, in order.
    """

    archive: str
    sha256: str
    identity: Identity
    refused: str | None
    flags: tuple[Flag, ...]
    number: int | None = None
    files: dict[str, bytes] = {}
    folders: tuple[str, ...] = ()

    @property
    def head(self) -> Submission | Rejection:
        """What a report is made from: the submission without its files, or the rejection."""
        if self.refused is not None:
            return Rejection(self.archive, self.sha256, self.identity, self.refused)
        return Submission(self.archive, self.sha256, self.identity)


def reading_of(taken_in: Submission | Rejection) -> Reading:
    """Return what stays of an archive that was taken in."""
    who, flags = taken_in.identity, flags_of(taken_in)
    if isinstance(taken_in, Rejection):
        return Reading(taken_in.archive, taken_in.sha256, who, taken_in.reason, flags)
    files = {path: hashlib.sha256(data).digest() for path, data in taken_in.files.items()}
    number = student_seed(taken_in)
    folders = tuple(sorted(taken_in.folders))
    return Reading(taken_in.archive, taken_in.sha256, who, None, flags, number, files, folders)


def read(one: Handed, lab: Lab, cache: ResultCache) -> Reading:
    """Return what is known of an archive, after taking it in if it was never seen before.

    Raises
    ------
    GraderError
        If it cannot be read, or the cache not be written.
    """
    kept = cache.load_part(reading_key(archive_digest(one.path), one.name, lab))
    with suppress(msgspec.DecodeError):  # Damaged, or another version's.
        if kept is not None:
            return msgspec.msgpack.decode(kept, type=Reading)
    found = reading_of(read_archive(one.path, lab, one.name))
    # It may have been replaced in between, so its own digest counts.
    cache.save_part(reading_key(found.sha256, one.name, lab), msgspec.msgpack.encode(found))
    return found
