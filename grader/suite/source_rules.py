"""Reads the hidden tests' sources and finds what must not be in them, by line."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec

from grader.lab import Project

# Relative to the values compared, float64 rounding alone reaches this in sums of a few terms.
TIGHTEST = 1e-14
_SEEDLESS = frozenset({"default_rng", "RandomState", "SeedSequence", "PCG64", "Random"})
_NOT_RANDOM = frozenset({"Generator", "BitGenerator", "SeedSequence"})
_TOLERANCES = frozenset({"rtol", "atol", "rel_tol", "abs_tol", "delta", "rel", "abs"})
_MARKER = ("id", "weight", "about")


class Breach(msgspec.Struct, frozen=True):
    """A rule that a test file breaks.

    Attributes
    ----------
    place : str
        File and line, relative to the project.
    found : str
        What is there.
    do : str
        What to do about it.
    """

    place: str
    found: str
    do: str

    def __str__(self) -> str:
        return f"{self.place}: {self.found}; {self.do}."


def check_sources(project: Project) -> tuple[Breach, ...]:
    """Return every breach in `hidden_tests/*.py`, in the order of files and lines."""
    breaches = []
    for path in sorted(project.hidden_tests.glob("*.py")):
        breaches += list(_check_file(path, str(path.relative_to(project.root))))
    return tuple(breaches)


def _check_file(path: Path, name: str) -> Iterator[Breach]:
    try:
        tree = ast.parse(path.read_bytes(), filename=name)
    except SyntaxError as error:
        yield Breach(f"{name}:{error.lineno}", f"Python cannot read it ({error.msg})", "mend it")
        return
    found = [*_random_calls(tree), *_tolerances(tree)]
    if path.name.startswith("test_"):
        found += list(_markers(tree))
    for line, what, do in sorted(found):
        yield Breach(f"{name}:{line}", what, do)


_Found = tuple[int, str, str]


def _random_calls(tree: ast.Module) -> Iterator[_Found]:
    """Find calls that draw from a generator which the grading seed does not reach."""
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in ("random", "numpy.random")
        for alias in node.names
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        module, _, function = name.rpartition(".")
        if module not in ("np.random", "numpy.random", "random") and name not in imported:
            continue
        if function in _NOT_RANDOM or (function in _SEEDLESS and _has_seed(node)):
            continue
        yield (
            node.lineno,
            f"{name}() draws what no seed reproduces",
            "draw from the fixture rng instead",
        )


def _has_seed(call: ast.Call) -> bool:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(not (isinstance(v, ast.Constant) and v.value is None) for v in given)


def _tolerances(tree: ast.Module) -> Iterator[_Found]:
    """Find literal tolerances that rounding alone can break."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.keyword) or node.arg not in _TOLERANCES:
            continue
        value = node.value
        if (
            isinstance(value, ast.Constant)
            and isinstance(value.value, float)
            and 0 < value.value < TIGHTEST
        ):
            yield (
                value.lineno,
                f"{node.arg}={value.value:g} is tighter than float rounding",
                f"allow at least {TIGHTEST:g}, or compare by the fixture compare",
            )


def _markers(tree: ast.Module) -> Iterator[_Found]:
    """Find tests without a case marker, or with one that lacks something."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test"):
            continue
        markers = [
            call
            for call in node.decorator_list
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.case"
        ]
        if len(markers) != 1:
            yield (
                node.lineno,
                f"{node.name} has {'no' if not markers else 'more than one'} case marker",
                "put one @pytest.mark.case(id=..., weight=..., about=...) above it",
            )
            continue
        given = {keyword.arg: keyword.value for keyword in markers[0].keywords}
        missing = [name for name in _MARKER if name not in given]
        if missing:
            yield (
                markers[0].lineno,
                f"the case marker of {node.name} lacks {', '.join(missing)}",
                "give id, weight and about",
            )
