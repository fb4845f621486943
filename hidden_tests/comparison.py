"""Compare what student code returned with what was expected, and tell staff what differs.

Anything can come back from a student's method: None, a string, a list, NaN, the wrong shape. All
of it becomes an AssertionError whose message says what was compared, in which case and with which
seed, both shapes and dtypes, and where the largest error lies. The messages hold hidden values:
they are for staff. What students may read is the error's diagnosis, a sentence without values.

A test compares an output before its next call to student code: a layer that returns the very array
it keeps, and writes into it later, is right all the same.
"""

import math
from typing import Any, NoReturn

import numpy as np
from diagnosis import NO_CLUES, OF_WHAT_CAME, Clues, Diagnosis, diagnose
from numpy.typing import NDArray

Array = NDArray[np.float64]

# A central difference is itself only good to about 1e-9, and solutions that are right in
# everything but the sixth digit are caught by the comparisons with exact values.
DIFFERENCES_RTOL = 1e-6
DIFFERENCES_ATOL = 1e-8


class Mismatch(AssertionError):
    """A comparison that failed.

    Attributes
    ----------
    diagnosis : Diagnosis or None
        The mistake behind it, where the values leave no doubt.
    """

    def __init__(self, message: str, diagnosis: Diagnosis | None) -> None:
        super().__init__(message)
        self.diagnosis = diagnosis


class Comparison:
    """Comparisons made in one test case.

    Parameters
    ----------
    case : str
        Full id of the case, ``<item>/<id>[<params>]``.
    seed : int
        The grading seed that reproduces the case.
    rtol : float
        Tolerated error, relative to the largest magnitude in the expected array.
    atol : float
        Tolerated error on top of that.

    Attributes
    ----------
    largest_error : float
        The largest error so far as a fraction of its tolerance; above 1 the comparison failed.
    """

    def __init__(self, case: str, seed: int, rtol: float, atol: float) -> None:
        self.largest_error = 0.0
        self._heading = f"{case} (seed {seed})"
        self._rtol = rtol
        self._atol = atol

    def array(self, what: str, found: Any, expected: Array, clues: Clues = NO_CLUES) -> None:
        """Require an array of the expected shape and values.

        Parameters
        ----------
        what : str
            Name of the value for the message, as ``"forward(x)"``.
        found : object
            What student code returned or stored.
        expected : ndarray
        clues : Clues
            What helps to name the mistake, here as in the other comparisons.

        Raises
        ------
        AssertionError
            If `found` is not a real array, has another shape or differs by more than
            ``rtol * max|expected| + atol`` anywhere.
        """
        __tracebackhide__ = True
        self._close(what, self.real_array(what, found), expected, self._rtol, self._atol, clues)

    def bias(self, what: str, found: Any, expected: Array, clues: Clues = NO_CLUES) -> None:
        """Require a bias or its gradient, as ``(1, n_o)`` or ``(n_o,)``; a number if n_o is 1.

        Parameters
        ----------
        what : str
        found : object
        expected : ndarray of shape (n_o,)

        Raises
        ------
        AssertionError
            As `array` does.
        """
        __tracebackhide__ = True
        values = self.real_array(what, np.array(found) if _is_number(found) else found)
        if values.shape == (1, expected.size) or values.size == expected.size == 1:
            values = values.reshape(expected.shape)
        self._close(what, values, expected, self._rtol, self._atol, clues)

    def scalar(self, what: str, found: Any, expected: float, clues: Clues = NO_CLUES) -> None:
        """Require a number: a Python or numpy one, or an array with one element.

        Parameters
        ----------
        what : str
        found : object
        expected : float

        Raises
        ------
        AssertionError
            If `found` is not one real number within the tolerance.
        """
        __tracebackhide__ = True
        value = np.array(self.number(what, found))
        self._close(what, value, np.array(expected), self._rtol, self._atol, clues)

    def number(self, what: str, found: Any) -> float:
        """Return the one number that `found` is.

        Parameters
        ----------
        what : str
        found : object

        Returns
        -------
        float

        Raises
        ------
        AssertionError
            If `found` is neither a real number nor an array with one element.
        """
        __tracebackhide__ = True
        values = self.real_array(what, np.array(found) if _is_number(found) else found)
        if values.size != 1:
            self.fail(f"{what} must be a single number; found {_describe(found)}")
        return float(values.reshape(()))

    def labels(
        self, what: str, found: Any, expected: NDArray[np.int64], clues: Clues = NO_CLUES
    ) -> None:
        """Require class labels: ``(n,)`` or ``(n, 1)``, integers or whole floats, array or list.

        Parameters
        ----------
        what : str
        found : object
        expected : ndarray of shape (n,)

        Raises
        ------
        AssertionError
            If `found` has another shape or any label differs.
        """
        __tracebackhide__ = True
        if isinstance(found, list | tuple):
            try:
                found = np.array(found)
            except ValueError:
                self.fail(f"{what} must be {expected.size} labels; found a ragged sequence")
        values = self.real_array(what, found)
        if values.shape == (expected.size, 1):
            values = values.reshape(expected.shape)
        self._close(what, values, expected.astype(np.float64), 0.0, 0.0, clues)

    def estimate(self, what: str, found: Any, estimate: Array) -> None:
        """Require a gradient near one that central differences estimated.

        Parameters
        ----------
        what : str
        found : object
        estimate : ndarray

        Raises
        ------
        AssertionError
            As `array` does, with the wider tolerance that an estimate needs.
        """
        __tracebackhide__ = True
        values = self.real_array(what, found)
        problem = self._difference(what, values, estimate, DIFFERENCES_RTOL, DIFFERENCES_ATOL)
        if problem is not None:
            diagnosis = diagnose(values, estimate)
            # The estimate comes from the student's forward, which may be what is wrong.
            self.fail(problem, diagnosis if diagnosis in OF_WHAT_CAME else None)

    def unchanged(self, what: str, now: Array, before: Array) -> None:
        """Require that student code left an array it was given exactly as it was.

        Parameters
        ----------
        what : str
        now, before : ndarray
            The array after the call, and a copy from before it.

        Raises
        ------
        AssertionError
            If any element differs.
        """
        __tracebackhide__ = True
        if not np.array_equal(now, before):
            count = int(np.sum(now != before))
            where = tuple(int(i) for i in np.argwhere(now != before)[0])
            self.fail(
                f"{what} was modified in place: {count} of {now.size} elements, the first at "
                f"{where}: was {before[where]!r}, is {now[where]!r}",
                Diagnosis.INPUT_MODIFIED,
            )

    def require(self, condition: bool, problem: str, diagnosis: Diagnosis | None = None) -> None:
        """Require `condition`, or fail with `problem` as the diagnostic.

        Parameters
        ----------
        condition : bool
        problem : str
            What was expected and what was seen.
        diagnosis : Diagnosis, optional
            The mistake behind it, for students.

        Raises
        ------
        AssertionError
            If the condition does not hold.
        """
        __tracebackhide__ = True
        if not condition:
            self.fail(problem, diagnosis)

    def fail(self, problem: str, diagnosis: Diagnosis | None = None) -> NoReturn:
        """Fail the case with `problem` as the diagnostic.

        Parameters
        ----------
        problem : str
        diagnosis : Diagnosis, optional
            The mistake behind it, for students.

        Raises
        ------
        AssertionError
            Always.
        """
        __tracebackhide__ = True
        raise Mismatch(f"{self._heading}: {problem}", diagnosis)

    def real_array(self, what: str, found: Any) -> Array:
        """Return a float64 copy of an array of real numbers.

        Parameters
        ----------
        what : str
        found : object

        Returns
        -------
        ndarray

        Raises
        ------
        AssertionError
            If `found` is no array, or one of booleans, complex numbers, strings or objects.
        """
        __tracebackhide__ = True
        if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu":
            self.fail(f"{what} must be an array of real numbers; found {_describe(found)}")
        # A copy: the student's code may write into its own array in a later call.
        return np.array(found, dtype=np.float64)

    def not_all_zero(self, what: str, found: Any) -> Array:
        """Return a float64 copy of an array that holds more than zeros.

        For cases whose comparisons zeros would pass: a gradient of zeros agrees with the central
        differences of an output of zeros.

        Parameters
        ----------
        what : str
        found : object

        Returns
        -------
        ndarray

        Raises
        ------
        AssertionError
            If `found` is no array of real numbers, or one of zeros alone.
        """
        __tracebackhide__ = True
        values = self.real_array(what, found)
        if not values.any():
            self.fail(f"{what}, shape {values.shape}, is 0 everywhere")
        return values

    def _close(
        self,
        what: str,
        values: Array,
        expected: Array,
        rtol: float,
        atol: float,
        clues: Clues,
    ) -> None:
        __tracebackhide__ = True
        problem = self._difference(what, values, expected, rtol, atol)
        if problem is not None:
            self.fail(problem, diagnose(values, expected, clues, rtol=rtol, atol=atol))

    def _difference(
        self, what: str, values: Array, expected: Array, rtol: float, atol: float
    ) -> str | None:
        """Describe how the values differ, or return None if they do not."""
        if values.shape != expected.shape:
            return f"{what} must have shape {expected.shape}; found {values.shape}"
        not_finite = ~np.isfinite(values)
        if not_finite.any():
            first = tuple(int(i) for i in np.argwhere(not_finite)[0])
            return (
                f"{what}, shape {values.shape}: {int(not_finite.sum())} of {values.size} elements "
                f"are not finite, the first at {first}: found {values[first]}, expected "
                f"{expected[first]:.17g}"
            )
        with np.errstate(over="ignore"):
            errors = np.abs(values - expected)
        largest = float(errors.max())
        tolerance = rtol * float(np.abs(expected).max()) + atol
        if tolerance > 0.0:
            self.largest_error = max(self.largest_error, largest / tolerance)
        return (
            None if largest <= tolerance else _mismatch(what, values, expected, errors, tolerance)
        )


def _mismatch(what: str, values: Array, expected: Array, errors: Array, tolerance: float) -> str:
    """Describe where two arrays of one shape differ most."""
    absolute = np.unravel_index(int(errors.argmax()), errors.shape)
    magnitude = np.where(expected == 0.0, math.ulp(0.0), np.abs(expected))
    with np.errstate(over="ignore"):
        relative_errors = errors / magnitude
    relative = np.unravel_index(int(relative_errors.argmax()), errors.shape)

    def at(index: tuple[Any, ...]) -> str:
        place = tuple(int(i) for i in index)
        return f"at {place}: found {values[index]:.17g}, expected {expected[index]:.17g}"

    return "\n  ".join(
        (
            f"{what}, shape {values.shape}, differs from what is expected.",
            f"{int((errors > tolerance).sum())} of {values.size} elements exceed {tolerance:.3g}.",
            f"Largest absolute error {errors[absolute]:.3g} {at(absolute)}.",
            f"Largest relative error {relative_errors[relative]:.3g} {at(relative)}.",
        )
    )


def _is_number(found: Any) -> bool:
    """Tell whether `found` is a Python or numpy number other than a boolean."""
    return isinstance(found, int | float | np.integer | np.floating) and not isinstance(found, bool)


def _describe(found: Any) -> str:
    """Name the type of an unexpected value, without trusting its own ``repr``."""
    if isinstance(found, np.ndarray):
        return f"an array of dtype {found.dtype} and shape {found.shape}"
    if found is None:
        return "None (is a return statement or an assignment missing?)"
    if isinstance(found, str | int | float | complex):
        return f"{type(found).__name__} {found!r:.60}"
    return f"an object of type {type(found).__name__}"
