"""A student's subset: the classes that their seed draws, with all their images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grader.dataset.files import Dataset
from grader.lab import DatasetSettings

CLASSES_IN_ALL = 100

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Subset:
    """The images of the classes that a seed draws.

    Attributes
    ----------
    seed : int
        The student's own number.
    classes : tuple of int
        The drawn classes, in the order of their labels.
    train_x, test_x : ndarray of uint8, shape (n, 3072)
        Images as the files have them, one a row.
    train_y, test_y : ndarray of int64, shape (n,)
        Labels from 0 to ``len(classes) - 1``.
    """

    seed: int
    classes: tuple[int, ...]
    train_x: Images
    train_y: Labels
    test_x: Images
    test_y: Labels


def draw_classes(seed: int, settings: DatasetSettings) -> tuple[int, ...]:
    """Draw a seed's classes, exactly as the handout's loader does.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1.
    settings : DatasetSettings
        How many, and with or without replacement.
    """
    generator = np.random.RandomState(seed)
    replace = settings.draw == "with_replacement"
    drawn = generator.choice(CLASSES_IN_ALL, settings.classes, replace=replace)
    return tuple(int(one) for one in drawn)


def take_subset(dataset: Dataset, seed: int, settings: DatasetSettings) -> Subset:
    """Take a seed's classes out of a data set.

    Where a class was drawn twice, its images have the later label, as in the handout's loader.
    """
    drawn = draw_classes(seed, settings)
    label = np.full(CLASSES_IN_ALL, -1)
    label[list(drawn)] = np.arange(len(drawn))
    parts = []
    for part in (dataset.train, dataset.test):
        labels = label[part.labels]
        chosen = labels >= 0
        parts += [part.images[chosen], labels[chosen]]
    return Subset(seed, drawn, *parts)
