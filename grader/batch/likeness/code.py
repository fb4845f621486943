"""Which submissions share code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from grader.batch.likeness.fingerprint import Hashes, Work

THRESHOLD = 0.5
"""Between what independent solutions share and what disguised copies do;
`tests/benchmarks/likeness.py` measures both."""
LEAST_CODE = 300
"""Stretches that a submission must have of its own, about a fifth of a short solution."""
_BLOCK = 4096


def alike_pairs(works: Sequence[Work]) -> list[tuple[float, int, int]]:
    """Return the pairs that share at least `THRESHOLD`, most alike first.

    Parameters
    ----------
    works : sequence of Work
        Those with too little code of their own are in no pair.

    Returns
    -------
    list of (float, int, int)
        The share of the smaller one's own stretches that stand in the other too, and the two
        places in `works`.
    """
    owns = [work.own for work in works]
    sizes = np.array([len(own) for own in owns])
    if len(works) < 2:
        return []
    smaller = np.maximum(np.minimum(sizes[:, None], sizes[None, :]), 1)
    shares = _shared_counts(owns) / smaller
    enough = (sizes >= LEAST_CODE)[:, None] & (sizes >= LEAST_CODE)[None, :]
    found = np.argwhere(np.triu((shares >= THRESHOLD) & enough, k=1))
    pairs = [(float(shares[one, other]), int(one), int(other)) for one, other in found]
    return sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2]))


def _shared_counts(owns: Sequence[Hashes]) -> npt.NDArray[np.float64]:
    """Count the stretches that each two submissions share: a matrix product, a block at a time."""
    values, times = np.unique(np.concatenate(owns), return_counts=True)
    columns = values[times > 1]
    places = [_places(columns, own) for own in owns]
    shared = np.zeros((len(owns), len(owns)))
    for start in range(0, len(columns), _BLOCK):
        block = np.zeros((len(owns), _BLOCK), np.float32)
        for row, place in enumerate(places):
            first, last = np.searchsorted(place, (start, start + _BLOCK))
            block[row, place[first:last] - start] = 1
        shared += block @ block.T
    return shared


def _places(columns: Hashes, own: Hashes) -> Hashes:
    """Return where in `columns` a submission's stretches are; both are in order."""
    if not len(columns):
        return columns
    place = np.minimum(np.searchsorted(columns, own), len(columns) - 1)
    there: Hashes = place[columns[place] == own]
    return there
