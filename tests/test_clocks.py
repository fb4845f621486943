"""The time of day is written down and never reckoned with: it can be set back at any moment."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import grader

PACKAGE = Path(grader.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "siblings" not in path.parts)
OF_THE_DAY = {"time.time", "time.time_ns", "time.localtime", "time.gmtime", "date.today"}
NOW = {"datetime.now", "datetime.utcnow", "datetime.today"}
WRITES_DOWN = {"isoformat", "strftime", "astimezone"}
RECKONS = {
    # How old a kept result is counts in days; a clock that is wrong keeps or drops a few more.
    "batch/results/cache.py": {"time.time"},
}


def name_of(node: ast.AST) -> str:
    """Return the last two names of a dotted one."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
        owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
        return f"{owner}.{node.attr}"
    return ""


def reckonings(tree: ast.AST) -> Iterator[str]:
    """Yield each use of the time of day that does not at once become text."""
    written = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in WRITES_DOWN
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (f"time.{alias.name}" for alias in node.names)
        elif name_of(node) in OF_THE_DAY:
            yield name_of(node)
        elif isinstance(node, ast.Call) and id(node) not in written and name_of(node.func) in NOW:
            yield name_of(node.func)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_deadline_is_of_the_time_of_day(path: Path) -> None:
    allowed = RECKONS.get(str(path.relative_to(PACKAGE)), set())
    assert {*reckonings(ast.parse(path.read_bytes()))} == allowed


@pytest.mark.parametrize(
    "line",
    [
        "end = time.time() + 5",
        "from time import time",
        "end = datetime.now() + limit",
        "left = end - datetime.datetime.now(UTC)",
    ],
)
def test_reckoning_with_it_is_seen(line: str) -> None:
    assert [*reckonings(ast.parse(line))]


def test_writing_it_down_is_not_reckoning() -> None:
    assert not [*reckonings(ast.parse("x = datetime.now(UTC).isoformat(); y = time.monotonic()"))]
