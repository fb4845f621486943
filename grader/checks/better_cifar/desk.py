"""What a training script can ask of the trusted side: its data, and to be heard on its progress."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import numpy as np

from grader.bridge.host_registry import Reach
from grader.dataset.split import Split
from grader.lab import DatasetSettings

REACH = Reach(methods=frozenset({"data", "progress"}))
LARGEST_SEED = 2**32 - 1
MOST_SEEDS = 8

Progress = Callable[[int, float, float], None]
"""Told the number of the fit, the epochs done, the epochs in all (0 if unknown)."""


class TestImages(StrEnum):
    """What a script gets as its test set."""

    SLICE = "slice"
    """A slice of the training images, held back, with its labels."""

    REAL = "real"
    """The test images themselves, with labels that say nothing."""


class Desk:
    """Hands out the data of a seed, and remembers which.

    Parameters
    ----------
    split_of : callable
        Returns the split of a seed.
    settings : DatasetSettings
        How labels are encoded.
    shown : TestImages
        What the script gets as its test set.
    progress : callable
        Told how far a fit has come.

    Attributes
    ----------
    splits : dict of int to Split
        What was handed out, by seed, in the order of the first time.
    """

    def __init__(
        self,
        split_of: Callable[[int], Split],
        settings: DatasetSettings,
        shown: TestImages,
        progress: Progress,
    ) -> None:
        self._split_of = split_of
        self._settings = settings
        self._shown = shown
        self._progress = progress
        self.splits: dict[int, Split] = {}

    def data(self, seed: object) -> dict[str, Any]:
        """Return what `grader.bridge.desk_dataset` makes `cifar100(seed)` of.

        Raises
        ------
        ValueError
            If the seed is none, or more are asked for than a script can need.
        """
        if not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
            raise ValueError(f"the seed must be a whole number from 0 to {LARGEST_SEED}")
        if seed not in self.splits:
            if len(self.splits) >= MOST_SEEDS:
                raise ValueError(f"a script gets the data of {MOST_SEEDS} seeds at most")
            self.splits[seed] = self._split_of(seed)
        split = self.splits[seed]
        if self._shown is TestImages.SLICE:
            x_test, y_test = split.slice_x, split.slice_y
        else:
            # Any labels will do, as long as a script can count with them.
            x_test = split.test_x
            y_test = np.random.default_rng(seed).permutation(split.test_y)
        return {
            "x_train": split.train_x,
            "y_train": np.eye(split.classes)[split.train_y],
            "x_test": x_test,
            "y_test": self._encoded(y_test, split.classes),
            "labelled": self._shown is TestImages.SLICE,
            "classes": split.classes,
            "replace": self._settings.draw == "with_replacement",
        }

    def progress(self, fit: object, done: object, epochs: object) -> None:
        """Hear how far a fit has come; what is not a number is not heard."""
        if (
            isinstance(fit, int)
            and isinstance(done, float | int)
            and isinstance(epochs, float | int)
        ):
            self._progress(fit, float(done), float(epochs))

    def _encoded(self, labels: Any, classes: int) -> Any:
        if self._settings.test_labels == "one_hot":
            return np.eye(classes)[labels]
        return labels.astype(np.int64)
