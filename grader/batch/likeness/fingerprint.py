"""A file of code as hashes of its stretches, blind to names, comments, strings and layout.

The tokens and stretches are copydetect's, which follows MOSS (S. Schleimer, D. Wilkerson, A. Aiken,
Winnowing: Local Algorithms for Document Fingerprinting, 2003). All stretches are kept rather than a
sample of them: a lab's files are short, and so every run gives the same result.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

STRETCH = 20
"""Characters of a stretch, once names are single letters and spaces are gone: about a statement."""
LARGEST_FILE = 64 << 10
"""Bytes; a file of the lab has less than a tenth of it."""
MOST_CODE = 256 << 10
"""Bytes of one submission."""

Hashes = npt.NDArray[np.int64]
ShortHashes = npt.NDArray[np.uint32]
_Int = TypeVar("_Int", np.int64, np.uint32)
NOTHING: Hashes = np.zeros(0, np.int64)


class Fingerprint(msgspec.Struct, frozen=True):
    """One file.

    Attributes
    ----------
    path : str
        In the submission.
    text : str
        Its code.
    hashes : ndarray of int64, shape (n,)
        Of the stretch that begins at each token character. They differ from one run of Python to
        the next, as string hashes do.
    lines : ndarray of int64, shape (n,)
        The line, from 0, on which each token character stands.
    own : ndarray of int64
        The hashes without the template's, in order, each once.
    """

    path: str
    text: str
    hashes: Hashes
    lines: Hashes
    own: Hashes


class Work(msgspec.Struct, frozen=True):
    """A submission's code.

    Attributes
    ----------
    key : str
        Whose.
    files : tuple of Fingerprint
        Those with code that is not the template's.
    own : ndarray of int64
        All their hashes but the template's, in order, each once.
    """

    key: str
    files: tuple[Fingerprint, ...]
    own: Hashes

    @property
    def short(self) -> ShortHashes:
        """The same, of half the length: a class of a thousand is held at once.

        By chance alone, two works of some thousand stretches have hardly ever one in common.
        """
        return _each_once(self.own.view(np.uint64).astype(np.uint32))


def work_of(key: str, files: Iterable[Fingerprint]) -> Work:
    """Return a submission's code; files that hold the template's alone do not count."""
    own = tuple(file for file in files if len(file.own))
    return Work(key, own, _united(file.own for file in own))


def fingerprint(path: str, data: bytes, known: Hashes = NOTHING) -> Fingerprint:
    """Return a file's fingerprint; it need be neither Python nor text.

    Parameters
    ----------
    path : str
        Its name.
    data : bytes
        Its content.
    known : ndarray of int64
        The template's hashes.
    """
    copydetect = _copydetect()
    text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    tokens, removed = copydetect.filter_code(text, path, "python")
    hashes: Hashes = np.asarray(copydetect.hashed_kgrams(tokens, STRETCH), dtype=np.int64)
    lines = _lines(text, len(hashes), np.asarray(removed, dtype=np.int64))
    own = _each_once(hashes)
    return Fingerprint(path, text, hashes, lines, own[~among(own, known)])


@cache
def _copydetect() -> ModuleType:
    """Return the part of copydetect that knows tokens and stretches, loaded when it is needed.

    The package's own file would bring a plotting library along, for reports that nobody asks for;
    it takes longer to load than a small class to be compared. So a package stands in for it whose
    file was not run.
    """
    spec = find_spec("copydetect")
    if "copydetect" not in sys.modules and spec is not None:
        sys.modules["copydetect"] = module_from_spec(spec)
    return import_module("copydetect.utils")


def template_hashes(files: Mapping[str, bytes]) -> Hashes:
    """Return the hashes of what everybody was given."""
    return _united(fingerprint(path, data).own for path, data in files.items())


def among(values: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """Tell of each value whether it is a known one; these are in order."""
    if not len(known):
        return np.zeros(len(values), np.bool_)
    place = np.minimum(np.searchsorted(known, values), len(known) - 1)
    found: npt.NDArray[np.bool_] = known[place] == values
    return found


def _united(parts: Iterable[Hashes]) -> Hashes:
    return _each_once(np.concatenate([NOTHING, *parts]))


def _each_once(values: npt.NDArray[_Int]) -> npt.NDArray[_Int]:
    """Return values in order, each once. `np.unique` hashes integers, which takes longer."""
    ordered = np.sort(values)
    first = np.ones(len(ordered), np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]


def _lines(text: str, count: int, removed: npt.NDArray[Any]) -> Hashes:
    """Return the line of each of the first `count` token characters.

    Rows of `removed` are a token character and how many characters of the text are missing before
    it; they hold for the characters since the row before. After a class's name copydetect states
    the name's length alone. Sums only grow, so that one is put right by the largest before it,
    which may be a space short. The lexer drops the empty lines that a file begins with.
    """
    dropped = len(text) - len(text.lstrip("\n"))
    starts, sums = removed[:, 0], np.maximum.accumulate(removed[:, 1])
    at = np.arange(count)
    row = np.minimum(np.searchsorted(starts, at, side="left"), len(starts) - 1)
    ends = np.flatnonzero(np.frombuffer(text.encode("utf-32-le"), np.uint32) == ord("\n"))
    lines: Hashes = np.searchsorted(ends, dropped + at + sums[row], side="left").astype(np.int64)
    return lines
