"""The lab's public and hidden cases as plain callables, for graders that do not run pytest.

Copied into the peers' test folders beside the lab's own test files, whose functions it calls with
the fixtures that they ask for. It imports nothing of this project's but those files.
"""

import importlib
import inspect
import itertools
import unittest
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

ITEMS = ("full", "relu", "softmax", "cross_entropy", "sequential")
RTOL, ATOL = 1e-9, 1e-12

Case = tuple[str, Callable[[], None]]


def cases(seed: int) -> Iterator[Case]:
    """Yield each case's name and what to call; it raises if the case fails.

    Parameters
    ----------
    seed : int
        Hidden cases draw from generators seeded by it and their name.
    """
    for item in ITEMS:
        yield from _unittest_cases(importlib.import_module(f"public.test_{item}"))
        yield from _pytest_cases(importlib.import_module(f"hidden.test_{item}"), seed)


def _unittest_cases(module: Any) -> Iterator[Case]:
    for kind in vars(module).values():
        if isinstance(kind, type) and issubclass(kind, unittest.TestCase):
            for name in unittest.defaultTestLoader.getTestCaseNames(kind):
                yield f"{module.__name__}.{name}", kind(name).debug


def _pytest_cases(module: Any, seed: int) -> Iterator[Case]:
    # The hidden tests' own module, on the path while they run.
    comparison: Any = importlib.import_module("comparison")

    for name, function in inspect.getmembers(module, inspect.isfunction):
        marks = getattr(function, "pytestmark", ())
        if not any(mark.name == "case" for mark in marks):
            continue
        varied = [_values(*mark.args) for mark in marks if mark.name == "parametrize"]
        for number, chosen in enumerate(itertools.product(*varied)):
            given = {key: value for part in chosen for key, value in part.items()}

            def run(
                function: Any = function,
                given: dict[str, Any] = given,
                key: tuple[int, ...] = (seed, number, *name.encode()),
            ) -> None:
                fixtures = {
                    "rng": np.random.default_rng(key),
                    "compare": comparison.Comparison(function.__name__, seed, RTOL, ATOL),
                }
                asked = inspect.signature(function).parameters
                function(**given, **{n: f for n, f in fixtures.items() if n in asked})

            yield f"{module.__name__}.{name}[{number}]", run


def _values(names: Any, values: Any) -> list[dict[str, Any]]:
    """Return what one `parametrize` mark gives, a dict for each set of values."""
    listed = [n.strip() for n in names.split(",")] if isinstance(names, str) else list(names)
    sets = [getattr(value, "values", value) for value in values]
    if len(listed) == 1:
        plain = [s[0] if hasattr(v, "marks") else s for s, v in zip(sets, values, strict=True)]
        return [{listed[0]: value} for value in plain]
    return [dict(zip(listed, value, strict=True)) for value in sets]
