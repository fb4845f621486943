"""Makes a zip again of what an LMS has unpacked; the same files give the same bytes."""

from __future__ import annotations

import os
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import IO

from grader.errors import GraderError
from grader.intake import read_name

_DATE = (1980, 1, 1, 0, 0, 0)
_FILE = 0o100644 << 16
_OF_THE_LAB = ("layers", "results", "test")
NOBODY = "NAME_UNKNOWN"

Parts = tuple[str, ...]


def copy_to(target: Path, content: Iterable[bytes]) -> None:
    """Write a file that is there whole or not at all, however large it is.

    Raises
    ------
    GraderError
        If it cannot be written.
    """

    def write(file: IO[bytes]) -> None:
        for part in content:
            file.write(part)

    _write(target, write)


def repack(target: Path, files: Iterable[tuple[Parts, Iterator[bytes]]], top: str) -> None:
    """Zip files into one folder.

    Parameters
    ----------
    target : Path
        The zip; replaced if it is there.
    files : iterable of (tuple of str, iterator of bytes)
        Paths and contents, in the order that they are to have.
    top : str
        The folder's name.

    Raises
    ------
    GraderError
        If it cannot be written.
    """

    def write(file: IO[bytes]) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for parts, content in files:
                entry = zipfile.ZipInfo("/".join((top, *parts)), _DATE)
                entry.create_system = 3
                entry.external_attr = _FILE
                entry.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(entry, "w", force_zip64=True) as packed:
                    for part in content:
                        packed.write(part)

    _write(target, write)


def _write(target: Path, write: Callable[[IO[bytes]], None]) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                write(file)
            Path(name).replace(target)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise GraderError(
            f"{target} could not be written ({error.strerror}).", "Make room and try again."
        ) from error


def top_folder(paths: Collection[Parts], who: str, lab_name: str) -> tuple[str, int]:
    """Return what the archive and its top folder shall be called, and how many parts to drop.

    Both names were the student's to choose and are lost, so they are right here. A top folder that
    is still there, and rightly named, tells the name better than the LMS does.

    Parameters
    ----------
    paths : collection of tuple of str
        The submission's files.
    who : str
        The student's name in the LMS; may be empty.
    lab_name : str
        Such as `LAB3`.
    """
    tops = {parts[0] for parts in paths}
    alone = len(tops) == 1 and all(len(parts) > 1 for parts in paths)
    if not alone or tops <= set(_OF_THE_LAB):
        return right_stem(who, lab_name), 0
    (top,) = tops
    return (top if read_name(top, lab_name).right else right_stem(who, lab_name)), 1


def right_stem(who: str, lab_name: str) -> str:
    """Return FIRST_LAST_LAB3 for a name; one that says so where the name cannot be had."""
    words = unicodedata.normalize("NFC", who.upper()).replace("_", " ").split()
    # Whoever has a single name writes it twice.
    stem = "_".join([*(words * 2 if len(words) == 1 else words), lab_name])
    return stem if words and read_name(stem, lab_name).right else f"{NOBODY}_{lab_name}"
