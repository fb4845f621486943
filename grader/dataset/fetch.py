"""Gets CIFAR-100 from its address or from a copy, verifies it, and unpacks its three files."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from grader.dataset.files import FOLDER, DataMissing, Dataset
from grader.errors import GraderError

URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
MD5 = "eb9058c3a382ffc7106e4002c42a8d85"
NAMES = ("train", "test", "meta")
LARGEST_FILE = 400 << 20
CHUNK = 1 << 20
WAIT_SECONDS = 60

Progress = Callable[[int, int | None], None]
"""Told how many bytes of how many are there."""


def fetch(url: str, folder: Path, md5: str | None, progress: Progress) -> Dataset:
    """Download the archive, going on where an earlier download broke off, and unpack it.

    Parameters
    ----------
    url : str
        Where it is.
    folder : Path
        Gets the folder `cifar-100-python`.
    md5 : str or None
        What the archive's digest must be; None for a data set of one's own.
    progress : callable
        Told as bytes arrive.

    Raises
    ------
    GraderError
        If it cannot be had, or is not what it should be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "cifar-100-python.tar.gz.part"
    _download(url, partial, progress)
    found = _md5(partial)
    if md5 is not None and found != md5:
        partial.unlink()
        raise GraderError(
            f"What {url} gave is not CIFAR-100: its md5 is {found}, not {md5}.",
            "It was removed. Try again; if it stays so, get the file elsewhere and use "
            "`grader data import PATH`.",
        )
    dataset = import_data(partial, folder)
    partial.unlink()
    return dataset


def import_data(source: Path, folder: Path) -> Dataset:
    """Take the data over from an archive or a folder.

    Parameters
    ----------
    source : Path
        `cifar-100-python.tar.gz`, or a folder that holds `train`, `test` and `meta`.
    folder : Path
        Gets the folder `cifar-100-python`.

    Raises
    ------
    GraderError
        If the source is not there or does not hold the data.
    """
    if not source.exists():
        raise GraderError(f"{source} is not there.", "Name the archive or its unpacked folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix="partial-") as name:
            made = Path(name) / FOLDER
            made.mkdir()
            if source.is_dir():
                _copy(source, made)
            else:
                _unpack(source, made)
            dataset = Dataset(made)
            # Read both before anything that works is replaced.
            _ = dataset.train, dataset.test
            dataset.seal()
            target = folder / FOLDER
            if target.exists():
                shutil.rmtree(target)
            made.rename(target)
    except OSError as error:
        raise GraderError(
            f"The data could not be put into {folder} ({error.strerror or error}).",
            "Make room there (about 600 MB), or choose another folder with --out.",
        ) from error
    return Dataset(folder / FOLDER)


def _download(url: str, partial: Path, progress: Progress) -> None:
    there = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url)  # noqa: S310 - the address is the caller's
    if there:
        request.add_header("Range", f"bytes={there}-")
    try:
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:  # noqa: S310
            if there and answer.status != HTTPStatus.PARTIAL_CONTENT:
                there = 0
            length = answer.headers.get("Content-Length")
            total = there + int(length) if length else None
            with partial.open("ab" if there else "wb") as file:
                _pour(answer, file, there, total, progress)
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # All of it is there already.
        raise _not_had(url, f"{error.code} {error.reason}") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError) as error:
        raise _not_had(url, str(getattr(error, "reason", error))) from error
    if total is not None and partial.stat().st_size < total:
        raise _not_had(url, f"it broke off after {partial.stat().st_size} of {total} bytes")


def _pour(
    answer: BinaryIO, file: BinaryIO, there: int, total: int | None, progress: Progress
) -> None:
    progress(there, total)
    while data := answer.read(CHUNK):
        file.write(data)
        there += len(data)
        progress(there, total)


def _not_had(url: str, why: str) -> GraderError:
    return GraderError(
        f"{url} could not be downloaded ({why}).",
        "Run it again to go on where it broke off, or get the file on another machine and use "
        "`grader data import PATH`.",
    )


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            digest.update(data)
    return digest.hexdigest()


def _unpack(archive: Path, target: Path) -> None:
    """Unpack the three files by name; no member decides where anything is written."""
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                name = Path(member.name).name
                if name not in NAMES or not member.isreg() or member.size > LARGEST_FILE:
                    continue
                content = tar.extractfile(member)
                if content is not None and not (target / name).exists():
                    with (target / name).open("wb") as file:
                        shutil.copyfileobj(content, file, CHUNK)
    except (tarfile.TarError, EOFError) as error:
        raise DataMissing(
            f"{archive} is not an archive that can be read ({error}).", "Get it again."
        ) from error


def _copy(source: Path, target: Path) -> None:
    inner = source / FOLDER
    folder = inner if (inner / "train").is_file() else source
    for name in NAMES:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, target / name)
