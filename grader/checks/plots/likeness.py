"""Tells a picture from another: exactly by its pixels, nearly by a perceptual hash."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from grader.model import PictureFacts
from grader.picture import Pixels

SIDE = 64
"""Pixels of the picture that is hashed."""
KEPT = 32
"""Lowest frequencies that are kept, in each direction: 1,024 bits.

A quarter as many do not tell the curves of two students in the same axes apart: what the plots have
in common, axes and legend, takes up most of them.
"""
NEAR = 0.07
"""Fraction of the bits that a copy may differ in.

Plots of this lab, scaled to between half and one and a half of their size, compressed as JPEG,
tinted or in grey, differed from their originals in 5 % of the bits at most; plots that the same
script drew for two students, in 9 % at least.
"""
PAPER_DISTANCE = 24
"""Grey levels that a pixel must be off the background to count as ink."""
BLANK = 0.002


def digest_of(pixels: Pixels) -> str:
    """Return the SHA-256 of a picture's shape and pixels, as hex."""
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()


def ink_of(pixels: Pixels) -> float:
    """Return the fraction of the pixels that are not the most frequent colour, nearly."""
    flat = pixels.reshape(-1, 3)
    coarse = (flat >> 3).astype(np.int32) @ np.array([1 << 10, 1 << 5, 1])
    paper = flat[np.argmax(coarse == np.bincount(coarse).argmax())].astype(np.int16)
    return float(np.mean(np.abs(flat.astype(np.int16) - paper).max(axis=1) > PAPER_DISTANCE))


def hash_of(pixels: Pixels) -> str:
    """Return a hash that copies share when they are scaled or compressed anew.

    The signs of the lowest frequencies of the cosine transform about their median ("pHash",
    C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010).

    Returns
    -------
    str
        1,024 bits as hex.
    """
    grey = pixels.astype(np.float64).mean(axis=2)
    small = _shrunk(_shrunk(grey, SIDE).T, SIDE).T
    frequencies = _COSINES @ small @ _COSINES.T
    bits = (frequencies > np.median(frequencies)).ravel()
    return np.packbits(bits).tobytes().hex()


def distance(one: PictureFacts, other: PictureFacts) -> float:
    """Return how unlike two pictures are: the fraction of their hashes' bits that differ.

    Returns
    -------
    float
        0 for the same picture, about 0.5 for pictures that have nothing in common.
    """
    if one.digest == other.digest:
        return 0.0
    differing = (int(one.likeness, 16) ^ int(other.likeness, 16)).bit_count()
    return differing / (KEPT * KEPT)


def near_equal(one: PictureFacts, other: PictureFacts) -> bool:
    """Tell whether one picture is a copy of the other."""
    return distance(one, other) <= NEAR


def _shrunk(rows: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """Average rows to `size` many."""
    edges = np.linspace(0, len(rows), size + 1)
    sums = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
    whole = np.minimum(edges.astype(int), len(rows) - 1)
    at_edges = sums[whole] + (edges - whole)[:, None] * rows[whole]
    averages: npt.NDArray[np.float64] = np.diff(at_edges, axis=0) * (size / len(rows))
    return averages


def _cosines() -> npt.NDArray[np.float64]:
    n, k = np.arange(SIDE), np.arange(1, KEPT + 1)
    basis: npt.NDArray[np.float64] = np.cos(np.pi / SIDE * (n[None, :] + 0.5) * k[:, None])
    return basis


_COSINES = _cosines()
