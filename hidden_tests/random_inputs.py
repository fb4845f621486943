"""Random shapes, arrays, memory layouts and probabilities to test layers with."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LAYOUTS = ("fortran", "strided")


def layer_sizes(rng: np.random.Generator, kind: str) -> tuple[int, int, int]:
    """Draw the sizes ``(n_b, n_i, n_o)`` of a batch and a full layer.

    Parameters
    ----------
    rng : numpy.random.Generator
    kind : str
        ``"rectangular"`` (three different sizes), ``"square"`` (three equal ones), ``"one-row"``,
        ``"one-input"``, ``"one-output"`` or ``"larger"``.

    Returns
    -------
    tuple of int

    Raises
    ------
    KeyError
        If there is no such kind.
    """
    p, q, r = (int(size) for size in rng.permutation(np.arange(3, 9))[:3])
    large = tuple(int(size) for size in rng.integers((50, 70, 30), (70, 100, 50)))
    return {
        "rectangular": (p, q, r),
        "square": (p, p, p),
        "one-row": (1, q, r),
        "one-input": (p, 1, r),
        "one-output": (p, q, 1),
        "larger": (large[0], large[1], large[2]),
    }[kind]


def batch_sizes(rng: np.random.Generator, kind: str) -> tuple[int, int]:
    """Draw the shape ``(n_b, n_f)`` of a batch.

    Parameters
    ----------
    rng : numpy.random.Generator
    kind : str
        ``"wide"`` (fewer rows than features), ``"tall"``, ``"square"``, ``"one-row"``,
        ``"one-feature"``, ``"two-features"`` or ``"larger"``.

    Returns
    -------
    tuple of int

    Raises
    ------
    KeyError
        If there is no such kind.
    """
    few, many = int(rng.integers(3, 5)), int(rng.integers(6, 10))
    return {
        "wide": (few, many),
        "tall": (many, few),
        "square": (few, few),
        "one-row": (1, many),
        "one-feature": (many, 1),
        "two-features": (many, 2),
        "larger": (int(rng.integers(60, 90)), int(rng.integers(90, 110))),
    }[kind]


def integers(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.int64]:
    """Draw an int64 array between -4 and 4 that holds a zero, a negative and a positive value."""
    values = rng.integers(-4, 5, size=shape)
    values.flat[rng.permutation(values.size)[:3]] = (0, -3, 2)
    return values


def laid_out(values: Array, layout: str) -> Array:
    """Return a copy of values in another memory layout.

    Parameters
    ----------
    values : ndarray of shape (rows, columns)
    layout : str
        ``"fortran"`` (column by column) or ``"strided"`` (a view that is not contiguous: every
        second row and third column of a larger array).

    Returns
    -------
    ndarray of shape (rows, columns)

    Raises
    ------
    ValueError
        If there is no such layout.
    """
    if layout == "fortran":
        return np.array(values, order="F")
    if layout == "strided":
        rows, columns = values.shape
        # What lies between the rows and columns of the view must not look like data.
        around = np.full((2 * rows, 3 * columns), -987.0, dtype=values.dtype)
        around[::2, 1::3] = values
        return around[::2, 1::3]
    raise ValueError(f"no memory layout {layout!r}: use one of {', '.join(LAYOUTS)}")


def one_hot(labels: NDArray[np.int64], classes: int) -> Array:
    """Return the one-hot rows of `labels`, of shape ``(len(labels), classes)``."""
    return np.eye(classes)[labels]


def probabilities(
    rng: np.random.Generator,
    n_b: int,
    classes: int,
    between: tuple[float, float] = (0.05, 0.9),
    labels: NDArray[np.int64] | None = None,
) -> tuple[Array, Array]:
    """Draw predicted probabilities and one-hot targets for a loss.

    By default the true class gets between 0.05 and 0.9: an epsilon of 1e-12 added to it for
    safety then changes loss and gradient by a fiftieth of the tolerance at most.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_b, classes : int
        Numbers of rows and of classes; at least 2 classes.
    between : tuple of float
        Least and largest probability of the true class.
    labels : ndarray of shape (n_b,), optional
        The true classes; drawn if not given.

    Returns
    -------
    z, t : ndarray of shape (n_b, classes)
        Rows of `z` sum to 1 and have no zeros.
    """
    if labels is None:
        labels = rng.integers(0, classes, size=n_b)
    true_probability = rng.uniform(*between, size=n_b)
    others = rng.uniform(0.2, 1.0, size=(n_b, classes))
    others[np.arange(n_b), labels] = 0.0
    z = others * ((1.0 - true_probability) / others.sum(axis=1))[:, None]
    z[np.arange(n_b), labels] = true_probability
    return z, one_hot(labels, classes)


def central_differences(function: Callable[[Array], float], at: Array, step: float) -> Array:
    """Estimate the gradient of `function` by ``(f(x + h) - f(x - h)) / 2h``, entry by entry.

    Parameters
    ----------
    function : callable
        Takes an array shaped like `at` and returns a number. Gets a copy each time, which it may
        overwrite.
    at : ndarray
        Where to take the gradient.
    step : float
        The step ``h``.

    Returns
    -------
    ndarray of the shape of `at`
    """
    gradient = np.empty(at.shape)
    for index in np.ndindex(at.shape):
        above, below = at.copy(), at.copy()
        above[index] += step
        below[index] -= step
        difference = function(above.copy()) - function(below.copy())
        gradient[index] = difference / (above[index] - below[index])
    return gradient
