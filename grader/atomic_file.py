"""Writes files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from grader import owner
from grader.errors import GraderError

_PRIVATE = 0o600
"""What `mkstemp` gives a file."""


def write_atomically(path: Path, content: bytes, mode: int = _PRIVATE) -> None:
    """Write a file so that it is there whole or not at all; see `writing`."""
    write_pieces(path, (content,), mode)


def write_pieces(path: Path, pieces: Iterable[bytes], mode: int = _PRIVATE) -> None:
    """Write a file piece by piece, so that it is there whole or not at all; see `writing`."""
    with writing(path, mode) as file:
        file.writelines(pieces)


@contextmanager
def writing(path: Path, mode: int = _PRIVATE) -> Iterator[BinaryIO]:
    """Write a file that need not fit into memory so that it is there whole or not at all.

    Parameters
    ----------
    path : Path
        Its folder is made if it is not there.
    mode : int
        Who may read it. Reports are nobody else's business.

    Yields
    ------
    file
        To write to, anywhere in it. Unless all goes well, nothing is left of it.

    Raises
    ------
    GraderError
        If it cannot be written.
    """
    try:
        with suppress(FileNotFoundError):
            _remove_unfinished(path)
        handle, name = _begin(path)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                if mode != _PRIVATE:
                    os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise GraderError(
            f"{path} could not be written ({error.strerror}).",
            "Check that the folder may be written to, and make room.",
        ) from error


def _begin(path: Path) -> tuple[int, str]:
    """Open a file beside the one to be; also where its folder was removed a moment ago."""
    prefix = f".{path.name}.{owner.own_name()}."
    try:
        return tempfile.mkstemp(dir=path.parent, prefix=prefix)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.mkstemp(dir=path.parent, prefix=prefix)


def _remove_unfinished(path: Path) -> None:
    """Remove what a grader that was killed while it wrote this file has left of it."""
    start = f".{path.name}."
    # The result cache has hundreds of files in a folder, and each would be made a path.
    with os.scandir(path.parent) as others:
        for other in others:
            # The owner's name has dots itself; the last part is random.
            if other.name.startswith(start):
                name = other.name.removeprefix(start).rpartition(".")[0]
                if owner.is_dead(name):
                    Path(other).unlink(missing_ok=True)
