"""Compares a network with the baseline on the same images, with the interval of the difference."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec
import numpy as np
import numpy.typing as npt

Z = 1.96
"""Half-width of a normal distribution's 95 % interval, in standard deviations."""

Hits = npt.NDArray[np.float64]


class Standing(StrEnum):
    """Where a network stands beside the baseline."""

    BETTER = "better"
    NOT_BETTER = "not better"
    CLOSE = "too close to call"


class Comparison(msgspec.Struct, frozen=True):
    """A network beside the baseline's mean, on the same test images.

    Attributes
    ----------
    accuracy, baseline : float
        Fractions of the images that are right.
    difference : float
        `accuracy - baseline`.
    low, high : float
        The difference's 95 % interval.
    """

    accuracy: float
    baseline: float
    difference: float
    low: float
    high: float

    @property
    def clear(self) -> Standing:
        """Return what the interval says, without any policy."""
        if self.low > 0:
            return Standing.BETTER
        return Standing.NOT_BETTER if self.high <= 0 else Standing.CLOSE

    def standing(self, policy: str) -> Standing:
        """Return what the lab's policy makes of it.

        Parameters
        ----------
        policy : str
            `lenient`: better on these images is better. `strict`: only what the interval shows.
            `review`: a person decides where the interval does not.
        """
        if policy == "lenient":
            return Standing.BETTER if self.difference > 0 else Standing.NOT_BETTER
        if policy == "strict" and self.clear is Standing.CLOSE:
            return Standing.NOT_BETTER
        return self.clear


def compare(network: Hits, runs: Sequence[Hits]) -> Comparison:
    """Compare image by image.

    The images are a sample, and so are the baseline's first weights. The variance of the
    difference is that of its mean over the images plus that of the mean over the runs.

    Parameters
    ----------
    network : ndarray of float64, shape (n,)
        1.0 for each image that the network gets right.
    runs : sequence of ndarray of float64, shape (n,)
        The same for each of the baseline's runs.
    """
    baseline = np.mean(runs, axis=0)
    by_image = network - baseline
    difference = float(by_image.mean())
    variance = float(by_image.var(ddof=1)) / len(by_image)
    if len(runs) > 1:
        variance += float(np.var([run.mean() for run in runs], ddof=1)) / len(runs)
    half = Z * variance**0.5
    return Comparison(
        float(network.mean()),
        float(baseline.mean()),
        difference,
        difference - half,
        difference + half,
    )
