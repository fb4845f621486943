"""What the tests share: a numerical gradient, and checks that say what went wrong."""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from diagnosis import NO_CLUES, OF_WHAT_CAME, Clues, Diagnosis, common_factor, diagnose

RTOL = 1e-9
"""Allowed difference, relative to the largest expected value: far above float64 rounding."""
ATOL = 1e-12
"""Allowed difference where all expected values are 0."""
GRADIENT_RTOL = 1e-6
"""Allowed difference from a numerical gradient, which is itself only nearly right."""

LAB = Path(__file__).resolve().parent.parent


def find_layers() -> None:
    """Make `import layers` find this lab's folder, unless it finds a package already."""
    if "layers" in sys.modules:
        return
    found = importlib.util.find_spec("layers")
    # Without an origin it is only some folder of that name, which Python would also take.
    if found is None or found.origin is None:
        sys.path.insert(0, str(LAB))


find_layers()

__unittest = True  # unittest leaves functions of such modules out of the tracebacks it prints


def class_posing_as(name: str) -> property:
    """Return a `__class__` with which a test's own layer passes for a layer of yours.

    Your `Sequential` may ask `isinstance(layer, FullLayer)`, and a test's layer should then count
    as one. In the grader, where your code runs in a process of its own, the attribute `poses_as`
    does the same.
    """

    def posed(layer: Any) -> type:
        package = sys.modules["layers"]
        named = getattr(package, name, None) if getattr(package, "__file__", None) else None
        return named if isinstance(named, type) else type(layer)

    return property(posed)


def numerical_gradient(
    function: Callable[[np.ndarray], Any], x: np.ndarray, y_grad: np.ndarray | float, what: str
) -> np.ndarray:
    """Return the gradient of ``sum(function(x) * y_grad)`` with respect to `x`.

    That is what backpropagation computes with the chain rule, and here it comes from nothing but
    the values of the function: each element of `x` is moved a little up and a little down, and the
    slope is the difference of the results over the distance (central differences).

    Parameters
    ----------
    function : callable
        Takes an array of the shape of `x`, returns an array of the shape of `y_grad`, or one
        number where `y_grad` is one number.
    x : ndarray
        Where to take the gradient.
    y_grad : ndarray or float
        Gradient of the loss with respect to the function's result.
    what : str
        Name of the result for messages, such as "ReluLayer.forward(x)".

    Returns
    -------
    ndarray, of the shape of `x`
    """
    __tracebackhide__ = True  # the same for pytest
    step = 1e-5
    weights = np.asarray(y_grad)
    gradient = np.empty(x.shape)
    for index in np.ndindex(*x.shape):
        result = []
        for moved in (step, -step):
            point = x.copy()
            point[index] += moved
            came = function(point)
            if weights.ndim == 0:
                value = _one_number(came, what, "")
            else:
                value = as_numbers(came, what, shapes=[weights.shape])
            if not np.all(np.isfinite(value)):
                _fail(f"{what} has values that are NaN or infinite.", [("came", _show(value))], "")
            result.append(np.sum(value * weights))
        gradient[index] = (result[0] - result[1]) / (2 * step)
    return gradient


def as_numbers(
    came: Any, what: str, hint: str = "", *, shapes: Sequence[tuple[int, ...]] = ()
) -> np.ndarray:
    """Return what came as a new array of float64, and check that it is an array of numbers.

    Parameters
    ----------
    came, what, hint
        As for `check_close`. A single number counts as an array of shape ().
    shapes : sequence of tuples of int
        The shapes that are allowed; any, if there are none.

    Raises
    ------
    AssertionError
        If it is something else, or of another shape.
    """
    __tracebackhide__ = True
    if came is None:
        _fail(
            f"{what} is None.",
            [("expected", "numbers"), ("came", "None")],
            "A function that ends without `return` returns None.",
        )
    if isinstance(came, list | tuple):
        kind = type(came).__name__
        _fail(
            f"{what} is a {kind} where a numpy array is expected.",
            [("expected", "a numpy array"), ("came", f"a {kind} of {len(came)} items")],
            "np.array(...) turns a list of numbers, or np.vstack(...) a list of rows, into an "
            "array. " + hint,
        )
    # Checked before numpy sees it: asked to convert just any object, numpy would call into it.
    if not isinstance(came, np.ndarray | np.generic | int | float):
        _fail(
            f"{what} is not an array of numbers.",
            [("expected", "a numpy array"), ("came", f"{came!r:.80}")],
            hint,
        )
    array = np.asarray(came)
    if array.dtype.kind not in "biuf":
        _fail(
            f"{what} is an array of {array.dtype}, not of real numbers.",
            [("expected", "an array of float64"), ("came", f"{array.dtype}, shape {array.shape}")],
            "numpy makes an array of `object` from rows of different lengths, or where something "
            "in it is not a number. " + hint,
        )
    if shapes:
        _check_shape(array, shapes, what, hint)
    return array.astype(np.float64)


def check_close(
    came: Any,
    expected: Any,
    what: str,
    hint: str = "",
    *,
    shapes: Sequence[tuple[int, ...]] = (),
    clues: Clues = NO_CLUES,
) -> None:
    """Check that an array has the expected values, up to rounding.

    Parameters
    ----------
    came : object
        What your code returned or stored.
    expected : array_like
        What it should be.
    what : str
        Name of it for messages, such as "ReluLayer.forward(x)".
    hint : str
        What is usually behind a difference.
    shapes : sequence of tuples of int
        The shapes that are allowed, if there are more than that of `expected`.
    clues : Clues
        What helps to name the mistake.

    Raises
    ------
    AssertionError
        If the values differ, or it is not an array of numbers of an allowed shape.
    """
    __tracebackhide__ = True
    expected = np.asarray(expected, dtype=np.float64)
    array = as_numbers(came, what, hint)
    _check_shape(array, shapes or [expected.shape], what, hint, expected, clues)
    _check_values(array.reshape(expected.shape), expected, what, hint, clues)


def check_gradient(
    came: Any,
    expected: np.ndarray,
    what: str,
    hint: str = "",
    *,
    shapes: Sequence[tuple[int, ...]] = (),
    clues: Clues = NO_CLUES,
) -> None:
    """Check a gradient against a numerical one, as `check_close` does but less strictly."""
    __tracebackhide__ = True
    array = as_numbers(came, what, hint)
    _check_shape(array, shapes or [expected.shape], what, hint, expected, clues, GRADIENT_RTOL)
    _check_values(array.reshape(expected.shape), expected, what, hint, clues, GRADIENT_RTOL)


def check_number(
    came: Any, expected: float, what: str, hint: str = "", *, clues: Clues = NO_CLUES
) -> None:
    """Check a single number: a Python number, a numpy number or an array with one element."""
    __tracebackhide__ = True
    number = _one_number(came, what, hint)
    _check_values(number, np.asarray(expected, dtype=np.float64), what, hint, clues)


def check_classes(
    came: Any, expected: Sequence[int], what: str, hint: str = "", *, clues: Clues = NO_CLUES
) -> None:
    """Check predicted classes: a number for each sample, as an array (n,) or (n, 1) or a list."""
    __tracebackhide__ = True
    n = len(expected)
    if isinstance(came, list) and all(isinstance(c, int | float | np.number) for c in came):
        came = np.array(came)
    array = as_numbers(came, what, hint)
    _check_shape(array, [(n,), (n, 1)], what, hint, expected, clues)
    classes = array.ravel()
    if not np.array_equal(classes, expected):
        facts = [("expected", str(list(expected))), ("came", str(classes.tolist()))]
        facts.extend(_notes(classes, np.asarray(expected, dtype=np.float64), clues))
        _fail(f"{what} gives the wrong classes.", facts, hint)


def check_not_zero(came: Any, what: str, hint: str = "") -> np.ndarray:
    """Check that an array does not hold zeros alone, and return it as float64.

    Zeros agree with one another: a gradient of zeros with the slope of an output that is always 0.
    """
    __tracebackhide__ = True
    array = as_numbers(came, what, hint)
    if not np.any(array):
        _fail(f"{what} is 0 everywhere.", [("came", _show(array))], hint)
    return array


def check_unchanged(array: np.ndarray, before: np.ndarray, what: str) -> None:
    """Check that an array which a test gave to your code still holds what it held before."""
    __tracebackhide__ = True
    if not np.array_equal(array, before):
        _fail(
            f"{what} was changed in place.",
            [
                ("before", _show(before)),
                ("after", _show(array)),
                ("note", Diagnosis.INPUT_MODIFIED.value),
            ],
            "`x[...] = value`, `x += value` and `out=x` write into the array that you were given. "
            "Work on a new one: `x + value`, `np.where(...)`, `x.copy()`.",
        )


def _fail(summary: str, facts: Sequence[tuple[str, str]], hint: str) -> NoReturn:
    """Raise the AssertionError: what happened, the facts below one another, and the hint."""
    __tracebackhide__ = True
    lines = [summary]
    for name, text in facts:
        lines.append(f"  {name + ':':10}" + text.replace("\n", "\n" + " " * 12))
    if hint:
        lines.append(f"  {'hint:':10}{hint}")
    raise AssertionError("\n".join(lines)) from None


def _show(array: np.ndarray) -> str:
    values = np.array2string(array, precision=6, threshold=60, edgeitems=3, suppress_small=False)
    return f"shape {array.shape}\n{values}"


def _one_number(came: Any, what: str, hint: str) -> np.ndarray:
    """Return what came as a 0-d array of float64, if it is one number."""
    __tracebackhide__ = True
    array = as_numbers(came, what, hint)
    if array.size != 1:
        _fail(
            f"{what} is not a single number.",
            [("expected", "one number"), ("came", _show(array))],
            hint or "Sum over samples and classes.",
        )
    return array.reshape(())


def _check_shape(
    array: np.ndarray,
    shapes: Sequence[tuple[int, ...]],
    what: str,
    hint: str,
    expected: Any = None,
    clues: Clues = NO_CLUES,
    rtol: float = RTOL,
) -> None:
    __tracebackhide__ = True
    if array.shape in shapes:
        return
    facts = [
        ("expected", "shape " + " or ".join(str(shape) for shape in shapes)),
        ("came", f"shape {array.shape}"),
    ]
    notes = _notes(array, expected, clues, rtol)
    if not notes and array.ndim == 2 and array.shape[::-1] in shapes:
        notes = [("note", Diagnosis.SHAPE_TRANSPOSED.value)]
    _fail(f"{what} has the wrong shape.", [*facts, *notes], hint)


def _check_values(
    came: np.ndarray,
    expected: np.ndarray,
    what: str,
    hint: str,
    clues: Clues,
    rtol: float = RTOL,
) -> None:
    __tracebackhide__ = True
    largest = float(np.max(np.abs(expected), initial=0.0))
    broken = ~np.isfinite(came)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.where(broken, np.inf, np.abs(came - expected))
    if np.all(difference <= ATOL + rtol * largest):
        return
    worst = np.unravel_index(np.argmax(difference), difference.shape)
    facts = [("expected", _show(expected)), ("came", _show(came))]
    if not np.any(broken):
        place = f" at [{', '.join(str(i) for i in worst)}]" if worst else ""
        values = f"expected {expected[worst]:.12g}, came {came[worst]:.12g}"
        facts.append(("largest difference", f" {difference[worst]:.3g}{place}: {values}"))
    facts.extend(_notes(came, expected, clues, rtol))
    _fail(f"{what} is not what was expected.", facts, hint)


def _notes(
    came: np.ndarray, expected: Any, clues: Clues, rtol: float = RTOL
) -> list[tuple[str, str]]:
    """Return the line that names the mistake, if what came shows which one it is."""
    diagnosis = diagnose(came, expected, clues, rtol=rtol, atol=ATOL)
    if diagnosis is None:
        return []
    note = diagnosis.value
    if diagnosis is Diagnosis.CONSTANT_FACTOR:
        factor = common_factor(came, expected)
        note = f"every value that came is {factor:.6g} times the expected one"
    if rtol == GRADIENT_RTOL and diagnosis is Diagnosis.FEW_DIGITS:
        # A backward that uses an input of the numerical gradient, moved a little, does that too.
        return []
    if rtol == GRADIENT_RTOL and diagnosis not in OF_WHAT_CAME:
        note += " (as far as forward is right, from whose values the expected gradient comes)"
    return [("note", note)]
