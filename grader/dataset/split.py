"""What a training gets of a subset: a slice held back, rows mixed, class indices permuted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from grader.dataset.files import Dataset
from grader.dataset.subset import Images, Labels, Subset, take_subset
from grader.lab import Lab


@dataclass(frozen=True)
class Split:
    """A subset, made ready for a training that is graded.

    Attributes
    ----------
    seed : int
        The student's own number.
    classes : int
        Number of labels.
    train_x, slice_x, test_x : ndarray of uint8, shape (n, 3072)
        What the script trains on; what it gets as its test set; the test images, each pixel at
        most one grey level off.
    train_y, slice_y, test_y : ndarray of int64, shape (n,)
        Their labels, permuted.
    digest : str
        SHA-256 of all of it, as hex.
    """

    seed: int
    classes: int
    train_x: Images
    train_y: Labels
    slice_x: Images
    slice_y: Labels
    test_x: Images
    test_y: Labels
    digest: str


def split_for_training(subset: Subset, grading_seed: int, held_back: float) -> Split:
    """Hold a slice of the training images back, and permute labels and test images.

    The labels of CIFAR-100's test images are public, and so are their order and their bytes. The
    permutations depend on the grading seed, so that a table of labels or ready weights in an
    archive fit nothing; and the test images differ by a grey level here and there, which nobody
    sees, so that no table of digests recognises them. The training images keep their order, as
    the handout's loader gives them.

    Parameters
    ----------
    subset : Subset
        The student's images.
    grading_seed : int
        The grading seed.
    held_back : float
        Fraction of each class's training images that goes into the slice.
    """
    classes = len(subset.classes)
    generator = np.random.default_rng([grading_seed, subset.seed, classes])
    new_label = generator.permutation(classes)
    in_slice = np.zeros(len(subset.train_y), bool)
    for one in range(classes):
        rows = np.flatnonzero(subset.train_y == one)
        in_slice[generator.permutation(rows)[: round(held_back * len(rows))]] = True
    order = generator.permutation(len(subset.test_y))
    unlike = generator.integers(-1, 2, subset.test_x.shape)
    test_x = np.clip(subset.test_x[order] + unlike, 0, 255).astype(np.uint8)
    parts = (
        subset.train_x[~in_slice],
        new_label[subset.train_y[~in_slice]],
        subset.train_x[in_slice],
        new_label[subset.train_y[in_slice]],
        test_x,
        new_label[subset.test_y[order]],
    )
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    return Split(subset.seed, classes, *parts, digest.hexdigest())


def make_split(lab: Lab, dataset: Dataset, seed: int, grading_seed: int) -> Split:
    """Take a seed's subset of a data set and split it as `lab.toml` says."""
    subset = take_subset(dataset, seed, lab.dataset)
    return split_for_training(subset, grading_seed, lab.dataset.held_back)
