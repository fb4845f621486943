"""Writes files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from grader.errors import GraderError


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file so that it is there whole or not at all.

    Parameters
    ----------
    path : Path
        Its folder is made if it is not there.
    content : bytes
        All of it.
    mode : int
        Who may read it. Reports are nobody else's business.

    Raises
    ------
    GraderError
        If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(mode)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise GraderError(
            f"{path} could not be written ({error.strerror}).",
            "Check that the folder may be written to, and make room.",
        ) from error
