"""Names the mistake behind a wrong result, where the numbers leave no doubt about it.

A transposed matrix, a forgotten average or a wrong sign leave a pattern in what came that hardly
anything else leaves. What has no such pattern, or fits two of them, gets no name at all: a wrong
name costs more time than none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np


class Diagnosis(Enum):
    """Everything that a diagnosis can say, each as a sentence that holds no value of any test."""

    INPUT_MODIFIED = (
        "your code changed its input: it wrote into an array that belongs to the caller, who may "
        "need it again"
    )
    NOT_FINITE = (
        "there are NaN or infinite values, as from an overflow (exp of a large number), a "
        "logarithm of 0 or a division by 0"
    )
    FLOAT32 = "right, but only as precise as float32: compute in float64"
    FEW_DIGITS = (
        "right to a few digits only: float32 in between, a rounding, or a small number that was "
        "added or clipped against"
    )
    ZERO = "what came is 0 everywhere"
    WHOLE_NUMBERS = (
        "right before the decimal point, and the rest is cut off: np.zeros_like(x), or a result "
        "written into x, keeps the type of an x that holds integers"
    )
    WRONG_SIGN = "the sign is wrong everywhere, and all else is right"
    TRANSPOSED = "transposed: rows and columns of the result are exchanged, all else is right"
    SHAPE_TRANSPOSED = "rows and columns are exchanged in the shape"
    MATRIX_TRANSPOSED = "a matrix is used as it is where its transpose belongs, or the reverse"
    WRONG_AXIS = (
        "computed along the wrong axis, or over all elements at once: look at the axis of each "
        "sum, maximum and argmax"
    )
    OFF_BY_A_ROW = "off by a row: each row came where its neighbour belongs"
    TIMES_BATCH = (
        "n_b times too large, n_b being the number of samples: the average over the batch is "
        "missing, or there is a factor n_b that does not belong there"
    )
    OVER_BATCH = (
        "n_b times too small, n_b being the number of samples: averaged over the batch where "
        "nothing is to be averaged, or twice"
    )
    OVER_COLUMNS = (
        "divided by the number of columns: averaged over all elements (np.mean) or over the "
        "columns, where samples, which are rows, count"
    )
    CONSTANT_FACTOR = "every value that came is the same multiple of the expected one"
    NOT_UPDATED = "nothing moved: the value is still the one from before"
    UPHILL = "moved in the opposite direction: gradient descent subtracts lr times the gradient"
    STEP_SIZE = (
        "moved in the right direction, by the wrong amount: check the learning rate, the size of "
        "the gradient, and that nothing but update_param moves it"
    )


OF_WHAT_CAME = frozenset({Diagnosis.NOT_FINITE, Diagnosis.ZERO, Diagnosis.FLOAT32})
"""What is true also if the expected values come from a student's own forward, which may be wrong.

A gradient that is compared with the slopes of a loss with the wrong sign may itself be right.
"""


@dataclass(frozen=True)
class Clues:
    """What a test knows beyond the expected values, and what a diagnosis may need.

    Attributes
    ----------
    batch : tuple of int, optional
        Numbers of rows (samples) and columns of the data from which the result was computed.
    start : array_like, optional
        For a parameter after an update: its value before it.
    mistakes : mapping of Diagnosis to sequence of array_like
        Results that some mistakes lead to, for those that the expected values do not show.
    """

    batch: tuple[int, int] | None = None
    start: Any = None
    mistakes: Mapping[Diagnosis, Sequence[Any]] = field(default_factory=dict)


NO_CLUES = Clues()

# Ratios that many mistakes lead to, a doubled or a halved formula among them: a batch of two
# samples is no evidence.
COMMON_RATIOS = (1.0, 2.0, 0.5)
# How near a result must be to be called nearly right, relative to the largest expected value.
NEARLY = 1e-5


def diagnose(
    came: Any, expected: Any, clues: Clues = NO_CLUES, *, rtol: float = 1e-9, atol: float = 1e-12
) -> Diagnosis | None:
    """Name the one mistake that explains a wrong result.

    Parameters
    ----------
    came : object
        What came. Anything but an array of real numbers, or a number, gets no diagnosis.
    expected : array_like
        What was expected.
    clues : Clues
    rtol, atol : float
        Two arrays are taken for equal if they differ by at most ``rtol * max|second| + atol``.

    Returns
    -------
    Diagnosis or None
        None if the result is right, if no pattern fits, and if several do.
    """
    found, right = _numbers(came), _numbers(expected)
    if found is None or right is None or not found.size or not np.all(np.isfinite(right)):
        return None
    with np.errstate(all="ignore"):
        return _Case(found, right, clues, rtol, atol).diagnosis()


def diagnose_pairs(rows: Sequence[Any], labels: Sequence[Any], n: int) -> Diagnosis | None:
    """Say whether all rows of a training came with the labels of their neighbours.

    Parameters
    ----------
    rows, labels : sequence of int
        Indices of the rows, and of the rows that the labels belong to, in the order of training.
    n : int
        Number of rows there are.

    Returns
    -------
    Diagnosis or None
    """
    indices = [*rows, *labels]
    if len(rows) != len(labels) or len(rows) < 4 or n < 4:
        return None
    if not all(isinstance(index, int | np.integer) for index in indices):
        return None
    steps = {(label - row) % n for row, label in zip(rows, labels, strict=True)}
    return Diagnosis.OFF_BY_A_ROW if steps in ({1}, {n - 1}) else None


def common_factor(came: np.ndarray, expected: np.ndarray) -> float:
    """Return the factor f for which ``f * expected`` is nearest to what came."""
    return float(np.sum(came * expected) / np.sum(expected * expected))


class _Case:
    """A result and the expected one, both finite in what matters, and how near is equal."""

    def __init__(
        self, came: np.ndarray, expected: np.ndarray, clues: Clues, rtol: float, atol: float
    ) -> None:
        self.came = came
        self.expected = expected
        self.clues = clues
        self.rtol = rtol
        self.atol = atol

    def diagnosis(self) -> Diagnosis | None:
        same_shape = self.came.shape == self.expected.shape
        if same_shape and self.equal(self.came, self.expected):
            return None
        if not np.all(np.isfinite(self.came)):
            return Diagnosis.NOT_FINITE
        fitting = set(self.mistakes())
        if not same_shape:
            fitting.update(self.exchanged())
            return fitting.pop() if len(fitting) == 1 else None
        moved = self.movement()
        if moved is not None:
            return moved
        nearly = self.precision()
        if nearly is not None:
            return nearly
        if not np.any(self.came):
            return Diagnosis.ZERO
        fitting.update(self.rearrangements())
        fitting.update(self.factors())
        if fitting:
            return fitting.pop() if len(fitting) == 1 else None
        return Diagnosis.CONSTANT_FACTOR if self.is_a_multiple() else None

    def equal(self, one: np.ndarray, other: np.ndarray) -> bool:
        largest = float(np.max(np.abs(other), initial=0.0))
        return bool(np.all(np.abs(one - other) <= self.rtol * largest + self.atol))

    def mistakes(self) -> Iterator[Diagnosis]:
        """Find the mistakes whose results the test knows."""
        for mistake, results in self.clues.mistakes.items():
            for result in map(_numbers, results):
                # Equal numbers everywhere come from too many mistakes to tell of one.
                if result is None or np.unique(result).size < 2:
                    continue
                if _tight(result) == _tight(self.came):
                    # A vector counts as one, whether it lies or stands.
                    one, other = self.came.reshape(_tight(result)), np.squeeze(result)
                elif result.shape == self.came.shape:
                    one, other = self.came, result
                else:
                    continue
                if self.equal(one, other):
                    yield mistake

    def exchanged(self) -> Iterator[Diagnosis]:
        """Find rows and columns exchanged, where that shows in the shape."""
        expected = np.atleast_2d(self.expected)
        if self.expected.ndim in (1, 2) and self.came.shape == expected.T.shape:
            right = np.any(expected) and self.equal(self.came, expected.T)
            if right:
                yield Diagnosis.TRANSPOSED
            elif not self.clues.mistakes:
                yield Diagnosis.SHAPE_TRANSPOSED

    def movement(self) -> Diagnosis | None:
        """Say what is wrong with the step from `start` to the value after an update."""
        start = _numbers(self.clues.start)
        if start is None or start.size != self.expected.size:
            return None
        start = start.reshape(self.expected.shape)
        step, right = self.came - start, self.expected - start
        tolerance = self.rtol * float(np.max(np.abs(self.expected))) + self.atol
        # The step must stand out from the rounding of the parameters that it is a difference of.
        if np.max(np.abs(right)) < 1e3 * tolerance:
            return None
        if np.all(np.abs(step) <= tolerance):
            return Diagnosis.NOT_UPDATED
        if np.all(np.abs(step + right) <= tolerance):
            return Diagnosis.UPHILL
        if right.size < 2 or np.all(np.abs(step - right) <= NEARLY * np.max(np.abs(right))):
            return None
        factor = common_factor(step, right)
        fits = np.all(np.abs(step - factor * right) <= tolerance * max(1.0, abs(factor)))
        return Diagnosis.STEP_SIZE if fits and factor > 0 and _varied(right) else None

    def precision(self) -> Diagnosis | None:
        """Say whether only the last digits are wrong."""
        largest = float(np.max(np.abs(self.expected)))
        if np.any(np.abs(self.came - self.expected) > NEARLY * largest):
            return None
        # Numbers of float64 end in zeros as float32's do by chance once in 500 million times.
        if _fits_float32(self.came) and not _fits_float32(self.expected):
            return Diagnosis.FLOAT32
        return Diagnosis.FEW_DIGITS

    def rearrangements(self) -> Iterator[Diagnosis]:
        """Find the right values with another sign, at another place or cut off."""
        came, expected = self.came, self.expected
        if self.equal(came, -expected):
            yield Diagnosis.WRONG_SIGN
        if came.ndim == 2 and came.shape[0] == came.shape[1] and self.equal(came, expected.T):
            yield Diagnosis.TRANSPOSED
        if self.is_off_by_a_row():
            yield Diagnosis.OFF_BY_A_ROW
        # 0 and 1 alone come from steps and masks as well.
        several = np.unique(came[came != 0]).size >= 2 and np.sum(expected % 1 != 0) >= 3
        if several and np.array_equal(came, np.trunc(expected)):
            yield Diagnosis.WHOLE_NUMBERS

    def is_off_by_a_row(self) -> bool:
        """Say whether every row but the first or the last is the one beside it.

        Rows that are alike would be off by a row and right at the same time, so they count for
        nothing.
        """
        came, expected = self.came, self.expected
        if came.ndim != 2 or len(came) < 3:
            return False
        if len(np.unique(expected, axis=0)) < len(expected):
            return False
        return self.equal(came[1:], expected[:-1]) or self.equal(came[:-1], expected[1:])

    def factors(self) -> Iterator[Diagnosis]:
        """Find factors that are the size of the batch, if they can be no other size."""
        if self.clues.batch is None or not (self.expected.ndim == 0 or _varied(self.expected)):
            return
        n_b, n_f = self.clues.batch
        if n_b < 2 or n_f < 2 or n_b == n_f:
            return
        ratios = {
            Diagnosis.TIMES_BATCH: (float(n_b),),
            Diagnosis.OVER_BATCH: (1 / n_b,),
            Diagnosis.OVER_COLUMNS: (1 / n_f, n_b / n_f),
        }
        for diagnosis, candidates in ratios.items():
            for ratio in candidates:
                if ratio not in COMMON_RATIOS and self.equal(self.came, ratio * self.expected):
                    yield diagnosis

    def is_a_multiple(self) -> bool:
        if not _varied(self.expected):
            return False
        factor = common_factor(self.came, self.expected)
        return factor != 0.0 and self.equal(self.came, factor * self.expected)


def _numbers(value: Any) -> np.ndarray | None:
    """Return real numbers as float64, and None for anything else."""
    if isinstance(value, list | tuple):
        try:
            value = np.array(value)
        except ValueError:
            return None
    # Asked to convert just any object, numpy would call into it.
    if not isinstance(value, np.ndarray | np.generic | int | float):
        return None
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind in "biuf" else None


def _tight(array: np.ndarray) -> tuple[int, ...]:
    """Return the shape without dimensions of 1."""
    return np.squeeze(array).shape


def _varied(array: np.ndarray) -> bool:
    """Say whether there are two values, neither 0, of different size."""
    sizes = np.abs(array[array != 0])
    return bool(sizes.size >= 2 and np.max(sizes) > (1 + 1e-6) * np.min(sizes))


def _fits_float32(array: np.ndarray) -> bool:
    return bool(np.array_equal(array, array.astype(np.float32)))
