"""Reads the hidden tests' sources and finds what must not be in them, by line."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec

from grader.lab import Project

# Relative to the values compared, float64 rounding alone reaches this in sums of a few terms.
TIGHTEST = 1e-14
_RANDOM = ("numpy.random", "random", "secrets")
_SEEDED = frozenset({"default_rng", "RandomState", "SeedSequence", "PCG64", "Random"})
_NOT_RANDOM = frozenset({"Generator", "BitGenerator", "SeedSequence"})
_OF_THE_MACHINE = frozenset(
    {
        *("os.urandom", "uuid.uuid1", "uuid.uuid4", "os.getpid", "time.time", "time.time_ns"),
        *("time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns"),
        *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"),
        "datetime.date.today",
    }
)
"""Other calls that give something else each time."""
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
    items = project.lab.test_items
    for path in sorted(project.hidden_tests.glob("*.py")):
        name = str(path.relative_to(project.root))
        if path.name.startswith("test_") and path.stem.removeprefix("test_") not in items:
            breaches.append(
                Breach(
                    f"{name}:1",
                    "the file belongs to no rubric item, so that none of its tests would run",
                    f"name it test_<item>.py with one of {', '.join(items)}",
                )
            )
        breaches += list(_check_file(path, name))
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
    meanings = _meanings(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        meaning = _meaning(name, meanings)
        module, _, function = meaning.rpartition(".")
        if meaning not in _OF_THE_MACHINE and (
            module not in _RANDOM
            or function in _NOT_RANDOM
            or (function in _SEEDED and _has_seed(node))
        ):
            continue
        yield (
            node.lineno,
            f"{name}() gives what no seed reproduces",
            "draw from the fixture rng instead",
        )


def _meanings(tree: ast.Module) -> dict[str, str]:
    """Return what names stand for that an import or an assignment gave to something dotted."""
    meanings: dict[str, str] = {}
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.stmt))
    for node in sorted(nodes, key=lambda node: node.lineno):
        match node:
            case ast.Import():
                meanings |= {
                    alias.asname: alias.name for alias in node.names if alias.asname is not None
                }
            case ast.ImportFrom():
                meanings |= {
                    alias.asname or alias.name: f"{node.module}.{alias.name}"
                    for alias in node.names
                }
            case ast.Assign(
                targets=[ast.Name(id=name)], value=(ast.Attribute() | ast.Name()) as value
            ):
                meanings[name] = _meaning(ast.unparse(value), meanings)
    return meanings


def _meaning(name: str, meanings: dict[str, str]) -> str:
    """Return a dotted name with its first part replaced by what that stands for."""
    first, dot, rest = name.partition(".")
    return meanings.get(first, first) + dot + rest


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
