"""Which submissions share code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from grader.batch.likeness.fingerprint import ShortHashes

THRESHOLD = 0.5
"""Between what independent solutions share and what disguised copies do;
`tests/benchmarks/likeness.py` measures both."""
LEAST_CODE = 300
"""Stretches that a submission must have of its own, about a fifth of a short solution."""
_BLOCK = 1024
"""Stretches in one matrix product."""
_PART = 1 << 18
"""Stretches that are sorted together. Both are small, so that comparing a class takes little memory
beside its stretches."""
_Places = npt.NDArray[np.int32]


class Alike(NamedTuple):
    """Pairs of submissions that share code.

    Attributes
    ----------
    pairs : list of (float, int, int)
        The share of the smaller one's own stretches that stand in the other too, and the two
        places among the submissions; the most alike first.
    number : int
        How many there are in all.
    """

    pairs: list[tuple[float, int, int]]
    number: int


def alike_pairs(owns: Sequence[ShortHashes], most: int = 100) -> Alike:
    """Return the pairs that share at least `THRESHOLD`.

    Parameters
    ----------
    owns : sequence of ndarray of uint32
        Each submission's own stretches, in order, each once. Those with too few are in no pair.
    most : int
        How many pairs to name.
    """
    if len(owns) < 2:
        return Alike([], 0)
    sizes = np.array([len(own) for own in owns])
    shared = _shared_counts(owns)
    rows = [_pairs_of(row, shared[row], sizes) for row in range(len(owns))]
    shares, ones, others = (np.concatenate(column) for column in zip(*rows, strict=True))
    first = np.lexsort((others, ones, -shares))[:most]
    pairs = zip(shares[first].tolist(), ones[first].tolist(), others[first].tolist(), strict=True)
    return Alike(list(pairs), len(shares))


def _pairs_of(
    row: int, shared: npt.NDArray[np.float32], sizes: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], _Places, _Places]:
    """Return the shares and places of one submission's pairs with later ones."""
    smaller = np.minimum(sizes[row], sizes)
    share = shared / np.maximum(smaller, 1).astype(np.float64)
    (others,) = np.nonzero((share >= THRESHOLD) & (smaller >= LEAST_CODE))
    others = others[others > row]
    return share[others], np.full(len(others), row, np.int32), others.astype(np.int32)


def _shared_counts(owns: Sequence[ShortHashes]) -> npt.NDArray[np.float32]:
    """Count the stretches that each two submissions share: matrix products, a block at a time."""
    shared = np.zeros((len(owns), len(owns)), np.float32)
    cuts = _cuts(owns)
    for part in range(cuts.shape[1] - 1):
        pieces = [own[cut[part] : cut[part + 1]] for own, cut in zip(owns, cuts, strict=True)]
        values, times = np.unique(np.concatenate(pieces), return_counts=True)
        columns = values[times > 1]
        places = [_places(columns, piece) for piece in pieces]
        for start in range(0, len(columns), _BLOCK):
            block = np.zeros((len(owns), _BLOCK), np.float32)
            for row, place in enumerate(places):
                first, last = np.searchsorted(place, (start, start + _BLOCK))
                block[row, place[first:last] - start] = 1
            shared += block @ block.T
    return shared


def _cuts(owns: Sequence[ShortHashes]) -> npt.NDArray[np.intp]:
    """Say where to cut each submission's stretches, so that a part of all of them is small."""
    parts = sum(len(own) for own in owns) // _PART + 1
    edges = np.array([part * 2**32 // parts for part in range(1, parts)], np.uint32)
    return np.array([[0, *np.searchsorted(own, edges), len(own)] for own in owns])


def _places(columns: ShortHashes, own: ShortHashes) -> npt.NDArray[np.intp]:
    """Return where in `columns` a submission's stretches are; both are in order."""
    if not len(columns):
        return np.zeros(0, np.intp)
    place = np.minimum(np.searchsorted(columns, own), len(columns) - 1)
    there: npt.NDArray[np.intp] = place[columns[place] == own]
    return there
