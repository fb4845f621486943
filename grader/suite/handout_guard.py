"""Wraps the lab's classes so that they refuse what the handout does not allow.

This file is put into a copy of the reference's `layers` package (see
`grader.suite.wrapped_reference`): a test that fails there asks of students what they were never
told of.
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


def _probabilities(name: str, value: Any) -> None:
    _batch(name, value)
    array = np.asarray(value)
    if not ((array > 0) & (array <= 1)).all():
        raise NotInTheHandoutError(
            f"{name} reaches from {array.min()} to {array.max()}; it holds probabilities, above 0"
        )


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
    "CrossEntropyLayer": {"forward": {"x": _probabilities, "t": _one_hot}},
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


def _full_shapes(layer: Any, arguments: dict[str, Any]) -> None:
    sizes = layer.__dict__.setdefault("_guard_sizes", (arguments.get("n_o"), arguments.get("n_i")))
    if "x" not in arguments:
        return
    if np.shape(layer.W) != sizes:
        raise NotInTheHandoutError(f"W was set to shape {np.shape(layer.W)}; W is {sizes}")
    if np.size(layer.b) != sizes[0]:
        raise NotInTheHandoutError(f"b was set to shape {np.shape(layer.b)}; b is (1, {sizes[0]})")
    if np.shape(arguments["x"])[1] != sizes[1]:
        raise NotInTheHandoutError(
            f"x has shape {np.shape(arguments['x'])}; the layer takes {sizes[1]} features"
        )


def _same_shape(layer: Any, arguments: dict[str, Any]) -> None:
    if {"x", "t"} <= arguments.keys() and np.shape(arguments["x"]) != np.shape(arguments["t"]):
        raise NotInTheHandoutError(
            f"x has shape {np.shape(arguments['x'])} and t {np.shape(arguments['t'])}; they are "
            "alike"
        )


def _same_rows(layer: Any, arguments: dict[str, Any]) -> None:
    other = arguments.get("y", arguments.get("target"))
    if other is not None and len(arguments["x"]) != len(other):
        raise NotInTheHandoutError(
            f"x has {len(arguments['x'])} rows and the labels {len(other)}; each row has one"
        )


_TOGETHER: dict[str, Callable[[Any, dict[str, Any]], None]] = {
    "FullLayer": _full_shapes,
    "CrossEntropyLayer": _same_shape,
    "Sequential": _same_rows,
}
"""By class, what arguments and state must be together."""


def guarded(kind: type) -> type:
    """Return a class of the same name whose methods check their arguments first."""
    members = {
        method: _checking(getattr(kind, method), rules, _TOGETHER.get(kind.__name__))
        for method, rules in RULES[kind.__name__].items()
    }
    return type(kind.__name__, (kind,), members)


def _checking(
    original: Callable[..., Any],
    rules: dict[str, _Check],
    together: Callable[[Any, dict[str, Any]], None] | None,
) -> Callable[..., Any]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        arguments = signature.bind(self, *args, **kwargs).arguments
        for name, value in arguments.items():
            if name in rules and value is not None:
                rules[name](name, value)
        if together is not None:
            together(self, arguments)
        came = getattr(self, "_guard_output", None)
        if "y_grad" in arguments and came is not None and np.shape(arguments["y_grad"]) != came:
            raise NotInTheHandoutError(
                f"y_grad has shape {np.shape(arguments['y_grad'])}; the last output has {came}"
            )
        result = original(self, *args, **kwargs)
        if original.__name__ == "forward":
            self._guard_output = np.shape(result)
        return result

    return method
