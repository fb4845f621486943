"""Reads CIFAR-100's python version, and admits nothing that its format does not need."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from grader.errors import GraderError

FOLDER = "cifar-100-python"
PIXELS = 3 * 32 * 32
CLASSES_IN_ALL = 100
PARTS = ("train", "test")
SEAL = "sha256"
"""The file that keeps the digest which the data had when they were fetched or imported."""
AGAIN = "Get the data again: `grader data fetch`, or `grader data import PATH`."


class DataMissing(GraderError):
    """There are no data on this machine, or none that can be used."""


@dataclass(frozen=True)
class Part:
    """The training or the test images of all classes.

    Attributes
    ----------
    images : ndarray of uint8, shape (n, 3072)
        One image a row.
    labels : ndarray of int64, shape (n,)
        Fine labels, from 0 to 99.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """A folder with the files `train` and `test`; read when first used.

    Attributes
    ----------
    folder : Path
        Where they are.
    """

    folder: Path

    @cached_property
    def digest(self) -> str:
        """SHA-256 of both files, as hex."""
        digest = hashlib.sha256()
        for name in PARTS:
            digest.update(hashlib.sha256(self._bytes(name)).digest())
        return digest.hexdigest()

    def seal(self) -> None:
        """Write down what the files are now."""
        (self.folder / SEAL).write_text(f"{self.digest}\n")

    def check_seal(self) -> None:
        """Compare the files with what was written down, if anything was.

        Raises
        ------
        DataMissing
            If they are others now: a grade must not rest on them.
        """
        try:
            kept = (self.folder / SEAL).read_text().strip()
        except OSError:
            return
        if kept != self.digest:
            raise DataMissing(
                f"The data in {self.folder} were changed after they were fetched: their digest is "
                f"{self.digest[:12]}, not {kept[:12]}.",
                AGAIN,
            )

    @cached_property
    def train(self) -> Part:
        """The training images; DataMissing if they cannot be read."""
        return self._read("train")

    @cached_property
    def test(self) -> Part:
        """The test images; DataMissing if they cannot be read."""
        return self._read("test")

    def _bytes(self, name: str) -> bytes:
        path = self.folder / name
        try:
            return path.read_bytes()
        except OSError as error:
            raise DataMissing(f"{path} cannot be read ({error.strerror}).", AGAIN) from error

    def _read(self, name: str) -> Part:
        path = self.folder / name
        try:
            with path.open("rb") as file:
                content = _Cifar100Unpickler(file).load()
        except OSError as error:
            raise DataMissing(f"{path} cannot be read ({error.strerror}).", AGAIN) from error
        # A damaged pickle fails in as many ways as there are ways to damage it.
        except Exception as error:
            raise DataMissing(f"{path} is not a CIFAR-100 file: {error}.", AGAIN) from error
        return _checked(path, content)


def _checked(path: Path, content: object) -> Part:
    def refused(found: str) -> DataMissing:
        return DataMissing(f"{path} is not a CIFAR-100 file: {found}.", AGAIN)

    if not isinstance(content, dict) or not {b"data", b"fine_labels"} <= content.keys():
        raise refused("there are no `data` and `fine_labels` in it")
    images = content[b"data"]
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        raise refused("`data` is not an array of uint8")
    if images.ndim != 2 or images.shape[1] != PIXELS:
        raise refused(f"`data` has the shape {images.shape}, not (n, {PIXELS})")
    labels = np.asarray(content[b"fine_labels"])
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise refused(f"`fine_labels` is not one whole number for each of {len(images)} images")
    if len(labels) == 0 or labels.min() < 0 or labels.max() >= CLASSES_IN_ALL:
        raise refused(f"`fine_labels` has labels outside 0 to {CLASSES_IN_ALL - 1}")
    return Part(images, labels.astype(np.int64))


class _Cifar100Unpickler(pickle.Unpickler):
    """Reads numbers, strings, lists, dicts and numpy arrays, and refuses all others.

    An ordinary unpickler runs whatever code a file names. The real files were written by
    Python 2, so their strings arrive as bytes.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="bytes")

    def find_class(self, module: str, name: str) -> Any:
        match module, name:
            case (("numpy.core.multiarray" | "numpy._core.multiarray"), "_reconstruct"):
                return _empty_array
            case "numpy", "ndarray":
                return np.ndarray
            case "numpy", "dtype":
                return _dtype
            case "_codecs", "encode":
                return _encode
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which this format does not use")


def _empty_array(_type: type, _shape: tuple[int, ...], _code: bytes) -> npt.NDArray[Any]:
    """Make the array that the pickle fills next: what numpy's own `_reconstruct` does."""
    return np.ndarray.__new__(np.ndarray, (0,), np.int8)


def _dtype(code: Any, align: int = 0, copy: int = 0) -> np.dtype[Any]:
    """Make a dtype. Python 2 wrote 0 and 1 for the flags, of which numpy 2.4 warns."""
    made: np.dtype[Any] = np.dtype(code, align=bool(align), copy=bool(copy))
    return made


def _encode(text: str, _encoding: str = "latin1") -> bytes:
    """Turn text back into the bytes that Python 3 writes this way into an old-style pickle."""
    return text.encode("latin1")
