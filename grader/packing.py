"""Makes the zip to hand in, FIRSTNAME_LASTNAME_LAB3.zip, once nothing in it would lose points."""

from __future__ import annotations

import io
import stat
import unicodedata
import zipfile
from pathlib import Path

import msgspec

from grader.atomic_file import write_atomically
from grader.checks.structure import check_structure
from grader.errors import ConfigurationError
from grader.intake import Rejection, read_archive_bytes, read_folder, read_name
from grader.lab import Lab
from grader.model import Outcome, Submission

# Any fixed date makes the same folder give the same bytes; this is the earliest a zip can hold.
_DATE = (1980, 1, 1, 0, 0, 0)


class PackedArchive(msgspec.Struct, frozen=True):
    """A zip that was made.

    Attributes
    ----------
    path : Path
        Where it is.
    sha256 : str
        Hex digest of its bytes.
    files : tuple of str
        What is in it, by paths below its top folder.
    remarks : tuple of str
        What was left out and other notes, none of which costs points.
    """

    path: Path
    sha256: str
    files: tuple[str, ...]
    remarks: tuple[str, ...]


class PackRefusal(msgspec.Struct, frozen=True):
    """Why no zip was made.

    Attributes
    ----------
    misses : tuple of str
        Each thing that would lose points, and what to do.
    """

    misses: tuple[str, ...]


def pack(
    folder: Path, first: str, last: str, out_dir: Path, *, lab: Lab, overwrite: bool = False
) -> PackedArchive | PackRefusal:
    """Zip a lab folder for handing in.

    Parameters
    ----------
    folder : Path
        The lab's folder, which holds `layers/`.
    first, last : str
        The student's names; several words are joined by underscores, accents stay.
    out_dir : Path
        Where the zip goes.
    lab : Lab
        For the lab's name and what the structure check wants.
    overwrite : bool
        Whether a zip of that name may be replaced.

    Returns
    -------
    PackedArchive or PackRefusal
        The zip has full structure, which is checked on its very bytes.

    Raises
    ------
    ConfigurationError
        If a name cannot be one, or the zip exists already.
    GraderError
        If the folder cannot be read or the zip cannot be written.
    """
    stem = _stem(first, last, lab)
    target = out_dir / f"{stem}.zip"
    if target.exists() and not overwrite:
        raise ConfigurationError(
            f"{target} exists already.", "Move it away, or allow it to be overwritten."
        )
    submission = read_folder(folder, lab)
    if isinstance(submission, Rejection):
        return PackRefusal((submission.reason,))
    if misses := _misses(submission, lab):
        return PackRefusal(misses)
    packed = _zip(submission, stem)
    handed_in = read_archive_bytes(target.name, packed, lab)
    if isinstance(handed_in, Rejection):
        return PackRefusal((handed_in.reason,))
    if misses := _misses(handed_in, lab):
        return PackRefusal(misses)
    write_atomically(target, packed, mode=0o644)
    return PackedArchive(
        path=target,
        sha256=handed_in.sha256,
        files=tuple(sorted(handed_in.files)),
        remarks=tuple(finding.message for finding in submission.naming),
    )


def _stem(first: str, last: str, lab: Lab) -> str:
    names = ["_".join(unicodedata.normalize("NFC", name).upper().split()) for name in (first, last)]
    stem = "_".join([*names, lab.lab.name])
    read = read_name(f"{stem}.zip", lab.lab.name)
    if not all(names) or read.findings or read.stem != stem or "/" in stem or "\\" in stem:
        raise ConfigurationError(
            f"No archive can be named after {first!r} {last!r}.",
            "Give a first and a last name, in letters.",
        )
    return stem


def _misses(submission: Submission, lab: Lab) -> tuple[str, ...]:
    cases = check_structure(submission, lab).cases
    return tuple(
        line for case in cases if case.outcome is not Outcome.PASSED for line in case.feedback
    )


def _zip(submission: Submission, stem: str) -> bytes:
    """Zip the files in the order of their names, with empty folders and without hidden files."""
    buffer = io.BytesIO()
    entries: dict[str, bytes | None] = dict.fromkeys(submission.folders)
    entries |= submission.files
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr(_entry(f"{stem}/", stat.S_IFDIR | 0o755), b"")
        for path, content in sorted(entries.items()):
            hidden = any(part.startswith(".") for part in path.split("/"))
            if hidden or path == f"{stem}.zip":  # the zip of an earlier day
                continue
            if content is None:
                archive.writestr(_entry(f"{stem}/{path}/", stat.S_IFDIR | 0o755), b"")
            else:
                archive.writestr(_entry(f"{stem}/{path}", stat.S_IFREG | 0o644), content)
    return buffer.getvalue()


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.create_system = 3  # Unix: the mode below is in the upper half of the attributes
    entry.external_attr = mode << 16
    entry.compress_type = zipfile.ZIP_STORED if name.endswith("/") else zipfile.ZIP_DEFLATED
    return entry
