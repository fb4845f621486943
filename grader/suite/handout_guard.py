"""Wraps the lab's classes so that they refuse what the handout does not allow.

This file is put into a copy of the reference's `layers` package (see `grader.suite.shapes`): a test
that fails there asks of students what they were never told of.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np


class NotInTheHandoutError(Exception):
    """A test goes beyond the handout."""


def _batch(name: str, value: Any) -> None:
    array = np.asarray(value)
    if array.ndim != 2 or 0 in array.shape:
        raise NotInTheHandoutError(
            f"{name} has shape {array.shape}; batches are (n_b, n_f), both at least 1"
        )
    if array.dtype.kind not in "fiu":
        raise NotInTheHandoutError(f"{name} has dtype {array.dtype}; batches hold real numbers")


def _one_hot(name: str, value: Any) -> None:
    _batch(name, value)
    array = np.asarray(value)
    if not (np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()):
        raise NotInTheHandoutError(f"{name} is not one-hot; labels are")


def _count(name: str, value: Any) -> None:
    if int(value) != value or value < 1:
        raise NotInTheHandoutError(f"{name} is {value}; it is a whole number of at least 1")


def _finite(name: str, value: Any) -> None:
    if not np.isfinite(value):
        raise NotInTheHandoutError(f"{name} is {value}; it is a finite number")


def _layers(name: str, value: Any) -> None:
    if not isinstance(value, list | tuple) or not value:
        raise NotInTheHandoutError(f"{name} holds no layer; a network has at least one")


_Check = Callable[[str, Any], None]
_EVERY_LAYER: dict[str, dict[str, _Check]] = {
    "forward": {"x": _batch},
    "backward": {"y_grad": _batch},
    "update_param": {"lr": _finite},
}
RULES: dict[str, dict[str, dict[str, _Check]]] = {
    "FullLayer": {**_EVERY_LAYER, "__init__": {"n_i": _count, "n_o": _count}},
    "ReluLayer": _EVERY_LAYER,
    "SoftMaxLayer": _EVERY_LAYER,
    "CrossEntropyLayer": {"forward": {"x": _batch, "t": _one_hot}},
    "Sequential": {
        "__init__": {"layers": _layers},
        # The loss decides what labels are; a network hands them on.
        "forward": {"x": _batch, "target": _batch},
        "update_param": {"lr": _finite},
        "fit": {
            "x": _batch,
            "y": _batch,
            "lr": _finite,
            "epochs": _count,
            "batch_size": _count,
        },
        "predict": {"x": _batch},
    },
}
"""By class and method, what its arguments must be; one that is None is not looked at."""


def guarded(kind: type) -> type:
    """Return a class of the same name whose methods check their arguments first."""
    members = {
        method: _checking(getattr(kind, method), rules)
        for method, rules in RULES[kind.__name__].items()
    }
    return type(kind.__name__, (kind,), members)


def _checking(original: Callable[..., Any], rules: dict[str, _Check]) -> Callable[..., Any]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def method(*args: Any, **kwargs: Any) -> Any:
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            if name in rules and value is not None:
                rules[name](name, value)
        return original(*args, **kwargs)

    return method
