"""Shapes, values and memory layouts that siblings draw from their generator."""

import numpy as np


def batch_shapes(rng: np.random.Generator) -> list[tuple[int, int]]:
    """Draw shapes (n_b, n_f): wide, tall, square, one row, two features, and a larger one.

    What works by accident for one of them fails for another.
    """
    few, more = int(rng.integers(2, 6)), int(rng.integers(7, 12))
    large = (int(rng.integers(30, 50)), int(rng.integers(50, 60)))
    return [(few, more), (more, few), (few + 1, few + 1), (1, more), (more, 2), large]


def one_shape(rng: np.random.Generator) -> tuple[int, int]:
    """Draw a shape (n_b, n_f) with fewer rows than features."""
    return int(rng.integers(2, 6)), int(rng.integers(7, 12))


def whole_numbers(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw integers of both signs, with a 0 among them."""
    values = rng.permutation(np.arange(shape[0] * shape[1]) % 7 - 3)
    return values.reshape(shape)


def memory_layouts(values: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Return arrays that hold equal values and lie otherwise in memory, each with its name."""
    wider = np.full((len(values), 2 * values.shape[1]), 1e5)
    wider[:, ::2] = values
    return [
        ("lies column by column in memory", np.asfortranarray(values)),
        ("is a view of every second column of a larger array", wider[:, ::2]),
    ]
