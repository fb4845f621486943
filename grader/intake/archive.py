"""Takes in one archive: from a zip's bytes to a `Submission`, or to the reason why not."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from types import MappingProxyType

from grader.errors import GraderError
from grader.intake.archive_name import read_name
from grader.intake.file_name import file_name
from grader.intake.layout import judge_top_folder, lay_out
from grader.intake.rejection import RefusedError, Rejection
from grader.intake.source_text import note_marks
from grader.intake.unzip import unzip
from grader.lab import Lab
from grader.model import Submission

_MIB = 1 << 20


def read_archive(path: Path, lab: Lab, name: str | None = None) -> Submission | Rejection:
    """Read one zip from disk; nothing is written.

    Parameters
    ----------
    path : Path
        The archive, as named on the command line.
    lab : Lab
        For the limits, the lab's name and the required files.
    name : str or None
        The file name that the student gave it, where it has another one here.

    Returns
    -------
    Submission or Rejection
        A student's fault is a rejection.

    Raises
    ------
    GraderError
        If the file is missing, is no plain file or cannot be read: the operator's fault.
    """
    with _opened(path) as file:
        data = file.read(lab.intake.archive_mib * _MIB + 1)
        digest = hashlib.sha256(data)
        if len(data) > lab.intake.archive_mib * _MIB:
            while chunk := file.read(_MIB):
                digest.update(chunk)
    return _take_in(name or file_name(path), data, digest.hexdigest(), lab)


def read_archive_bytes(file_name: str, data: bytes, lab: Lab) -> Submission | Rejection:
    """Read one zip that is in memory already, such as an upload; as `read_archive` otherwise."""
    return _take_in(file_name, data, hashlib.sha256(data).hexdigest(), lab)


def archive_digest(path: Path) -> str:
    """Return the SHA-256 of an archive, as hex, as `read_archive` would; raises as that does."""
    with _opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a named pipe would be waited on forever
            raise GraderError(f"{path} is not a file.", "Name a zip.")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise GraderError(
            f"{path} could not be read ({error.strerror}).", "Check the path and its permissions."
        ) from error


def _take_in(file_name: str, data: bytes, sha256: str, lab: Lab) -> Submission | Rejection:
    name = read_name(file_name, lab.lab.name)
    try:
        if len(data) > lab.intake.archive_mib * _MIB:
            raise RefusedError(
                f"The archive is larger than {lab.intake.archive_mib} MiB",
                "hand in the lab's files only, without the data set",
            )
        tree, remarks = unzip(data, lab.intake)
    except RefusedError as refused:
        return Rejection(file_name, sha256, name.identity, refused.reason)
    layout = lay_out(tree, lab)
    identity = name.identity
    if identity.first_name is None:
        top = read_name(layout.root.partition("/")[0], lab.lab.name)
        identity = top.identity if top.right else identity
    return Submission(
        archive=file_name,
        sha256=sha256,
        identity=identity,
        files=MappingProxyType(layout.files),
        folders=layout.folders,
        naming=(
            *name.findings,
            *judge_top_folder(tree, layout, name, lab),
            *layout.findings,
            *remarks,
            *note_marks(layout.files),
        ),
    )
