"""The files of a source, whether it is a folder or one large zip that stays unpacked."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from grader.errors import ConfigurationError
from grader.intake import is_text, name_text, quoted
from grader.intake.entry_path import split_path
from grader.intake.entry_stream import is_plain_file, unpacked_parts
from grader.intake.rejection import RefusedError
from grader.intake.zip_records import Record, Zip, read_records

MOST_RECORDS = 1_000_000
"""Entries of a download: some students hand in whole virtual environments."""
_PART = 1 << 20
AGAIN = "Download it from the LMS again, or unpack it yourself and name the folder."


class File(msgspec.Struct, frozen=True):
    """One file of a source.

    Attributes
    ----------
    parts : tuple of str
        Its path below the source.
    size : int
        Bytes, as far as is said.
    place : Path or Record
        Where it is.
    """

    parts: tuple[str, ...]
    size: int
    place: Path | Record

    @property
    def name(self) -> str:
        """Its name without folders."""
        return self.parts[-1]

    @property
    def shown(self) -> str:
        """Its path, as people are shown it."""
        return quoted("/".join(self.parts))


class Listing(Protocol):
    """The files of a source.

    Attributes
    ----------
    files : tuple of File
        In the order of their paths; without hidden ones.
    passed_over : tuple of str
        What is in it and no file that could be read, a sentence each.
    """

    files: tuple[File, ...]
    passed_over: tuple[str, ...]

    def path_of(self, file: File) -> Path | None:
        """Return where the file is on disk; None if it must be put elsewhere first."""

    def content(self, file: File) -> Iterator[bytes]:
        """Yield the file's content in parts.

        Raises
        ------
        ConfigurationError
            If it cannot be read.
        """


@contextmanager
def open_listing(source: Path) -> Iterator[Listing]:
    """List a folder or a zip; the zip stays open as long as the context.

    Raises
    ------
    ConfigurationError
        If it is neither, or the zip is not one that can be trusted.
    """
    source = source.absolute()
    if source.is_dir():
        yield _Folder(source)
        return
    if not source.is_file():
        raise ConfigurationError(
            f"{source} is not a folder and not a zip.",
            "Name a folder of archives, or the LMS's download of all submissions.",
        )
    try:
        with source.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                raise ConfigurationError(f"{source} is an empty file.", AGAIN)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield _OuterZip(source, data)
    except OSError as error:
        raise ConfigurationError(
            f"{source} cannot be read ({error.strerror}).", "Check the path and its permissions."
        ) from error


class _Folder:
    def __init__(self, folder: Path) -> None:
        found = []
        passed_over = []
        for top, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if not _hidden(name))
            for name in names:
                path = Path(top, name)
                parts = tuple(map(name_text, map(os.fsencode, path.relative_to(folder).parts)))
                if _hidden(name):
                    continue
                if path.is_file():
                    found.append(File(parts, path.stat().st_size, path))
                else:
                    passed_over.append(f"{quoted('/'.join(parts))} is no file; it was passed over.")
        self.files = tuple(sorted(found, key=lambda file: file.parts))
        self.passed_over = tuple(sorted(passed_over))

    def path_of(self, file: File) -> Path | None:
        """Return the file's path, if it can be written down."""
        return file.place if isinstance(file.place, Path) and is_text(file.place) else None

    def content(self, file: File) -> Iterator[bytes]:
        """Yield what is in it."""
        try:
            with Path(str(file.place)).open("rb") as opened:
                while part := opened.read(_PART):
                    yield part
        except OSError as error:
            raise ConfigurationError(
                f"{file.place} cannot be read ({error.strerror}).",
                "Check the path and its permissions.",
            ) from error


class _OuterZip:
    """A download as it came: no path in it is ever used to write to."""

    def __init__(self, path: Path, data: Zip) -> None:
        self._path = path
        self._data = data
        try:
            records = read_records(data, MOST_RECORDS)
        except RefusedError as refused:
            raise self._unreadable(refused) from None
        found: dict[tuple[str, ...], File] = {}
        passed_over = []
        # Some Windows tools write \ for /; in a zip that has both, it belongs to a name.
        slashed = any("/" in record.name for record in records)
        separator = "\\" if not slashed and any("\\" in r.name for r in records) else "/"
        for record in records:
            if record.name.endswith(separator):
                continue
            try:
                parts = split_path(record.name, separator)
            except RefusedError as refused:
                passed_over.append(f"{refused.args[0]}; it was passed over.")
                continue
            if any(map(_hidden, parts)) or not parts:
                continue
            if not is_plain_file(record):
                passed_over.append(f"{quoted(record.name)} is no plain file and was passed over.")
                continue
            if parts in found:
                raise self._unreadable(RefusedError(f"It holds {quoted(record.name)} twice"))
            found[parts] = File(parts, record.size, record)
        self.files = tuple(sorted(found.values(), key=lambda file: file.parts))
        self.passed_over = tuple(passed_over)

    def path_of(self, _file: File) -> Path | None:
        """Return None: everything must be unpacked first."""
        return None

    def content(self, file: File) -> Iterator[bytes]:
        """Unpack it."""
        if not isinstance(file.place, Record):
            raise TypeError("this file is of another listing")
        try:
            yield from unpacked_parts(self._data, file.place)
        except RefusedError as refused:
            raise self._unreadable(refused) from None

    def _unreadable(self, refused: RefusedError) -> ConfigurationError:
        return ConfigurationError(
            f"{self._path} cannot be read as an LMS's download: {refused.args[0]}.", AGAIN
        )


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
