"""Wraps the lab's classes so that what they compute is off by a few roundings.

This file is put into a copy of the reference's `layers` package (see
`grader.suite.wrapped_reference`): a test that fails there would fail a right solution that adds up
its terms in another order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

ROUNDINGS = 4 * np.finfo(np.float64).eps
STATE = {"backward": ("W_grad", "b_grad"), "update_param": ("W", "b")}
"""What a method computes besides what it returns."""
COMPUTING = ("FullLayer", "ReluLayer", "SoftMaxLayer", "CrossEntropyLayer")
"""A network passes on what its layers compute."""

_rng = np.random.default_rng(1)


def rounding(kind: type) -> type:
    """Return a class of the same name whose results are multiplied by ``1 + 4 eps u``."""
    if kind.__name__ not in COMPUTING:
        return kind
    members = {
        name: _off(getattr(kind, name), STATE.get(name, ()))
        for name in ("forward", "backward", "update_param")
    }
    return type(kind.__name__, (kind,), members)


def _off(original: Callable[..., Any], state: tuple[str, ...]) -> Callable[..., Any]:
    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        for name in state:
            if hasattr(self, name):
                setattr(self, name, _noisy(getattr(self, name)))
        return _noisy(result)

    return method


def _noisy(value: Any) -> Any:
    """Return floats with noise, in the form they came in; anything else as it is."""
    if isinstance(value, float):
        return value * (1 + ROUNDINGS * float(_rng.choice((-1.0, 1.0))))
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return value * (1 + ROUNDINGS * _rng.choice((-1.0, 1.0), size=value.shape))
    return value
