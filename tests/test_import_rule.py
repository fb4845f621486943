"""Imports run one way only, and what goes into the sandbox knows nothing of grading."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import grader
from grader.bridge.services import SERVICES
from grader.sandbox.image import WORKER_FILES

PACKAGE = Path(grader.__file__).parent

# From the ground floor up. A part imports itself and parts of lower floors, never its own floor's
# neighbours and never upwards; a longer name takes precedence over a shorter one.
FLOORS: tuple[tuple[str, ...], ...] = (
    (
        "grader",
        "grader.errors",
        "grader.model",
        "grader.plain_text",
        "grader.owner",
        "grader.file_digest",
        "grader.one_thread",
    ),
    ("grader.lab", "grader.atomic_file", "grader.picture", "grader.sandbox.lifetime"),
    ("grader.intake", "grader.bridge", "grader.dataset", "grader.publication"),
    ("grader.sandbox", "grader.baseline", "grader.roster"),
    ("grader.checks",),
    ("grader.scoring", "grader.packing", "grader.report"),
    ("grader.overrides",),
    ("grader.pipeline", "grader.suite"),
    ("grader.demo", "grader.batch.source"),
    ("grader.batch.results",),
    ("grader.batch.folder", "grader.batch.workers"),
    ("grader.batch.likeness", "grader.batch.review"),
    ("grader.batch",),
    ("grader.batch.regrade",),
    ("grader.service", "grader.autograder"),
    ("grader.cli",),
)

# The bridge's half that is sent into sandboxes, beside the packages' own `__init__.py`.
IN_THE_SANDBOX = frozenset(
    f"grader.{file.removesuffix('.py').replace('/', '.')}"
    for file in WORKER_FILES
    if not file.endswith("__init__.py")
)
SANDBOX_PACKAGES = {"grader", "msgspec", "numpy"}

# Who alone may import what.
ONLY_IN = {
    "distributed": "grader.batch",
    "docker": "grader.sandbox.docker",
    "click": "grader.cli",
    "rich": "grader.cli",
    "flask": "grader.service",
    "werkzeug": "grader.service",
    "matplotlib": "grader.report",
    "pickle": "grader.dataset",
}
NOBODY = ("reference", "hidden_tests", "student_template", "layers", "tests")


# Test files that travel with the package: pytest runs them by path, and no module imports them.
TEST_FILES = PACKAGE / "siblings"


def modules() -> dict[str, Path]:
    """Return all modules of the grader by their dotted names."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if TEST_FILES in path.parents:
            continue
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


MODULES = modules()


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted names of what a module imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide what is imported"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else str(node.module)


def belongs(name: str, part: str) -> bool:
    return name == part or (part != "grader" and name.startswith(f"{part}."))


def place(name: str) -> tuple[int, str]:
    """Return a module's floor and the part of it that it belongs to."""
    found = [(n, part) for n, floor in enumerate(FLOORS) for part in floor if belongs(name, part)]
    assert found, f"{name} has no place in FLOORS: put it where its imports allow"
    return max(found, key=lambda place: len(place[1]))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_its_own_part_and_lower_floors(name: str) -> None:
    floor, part = place(name)
    for imported in imports(MODULES[name]):
        if imported.partition(".")[0] != "grader":
            continue
        other_floor, other_part = place(imported)
        # `from grader import __version__` is as good as a neighbour on the ground floor.
        assert other_part == part or other_floor < floor, f"{name} must not import {imported}"


def test_every_part_that_has_a_place_is_there() -> None:
    for part in (part for floor in FLOORS for part in floor):
        assert any(belongs(name, part) for name in MODULES), f"{part} is gone: mend FLOORS"


@pytest.mark.parametrize("name", MODULES)
def test_a_package_is_imported_only_where_it_belongs(name: str) -> None:
    for imported in imports(MODULES[name]):
        top = imported.partition(".")[0]
        assert top not in NOBODY, f"{name} imports {imported}"
        assert not belongs(imported, f"grader.{TEST_FILES.name}"), f"{name} imports {imported}"
        if top in ONLY_IN:
            assert belongs(name, ONLY_IN[top]), f"{name} imports {imported}"


@pytest.mark.parametrize("name", sorted(IN_THE_SANDBOX))
def test_what_goes_into_the_sandbox_imports_nothing_of_ours_but_itself(name: str) -> None:
    for imported in imports(MODULES[name]):
        top = imported.partition(".")[0]
        assert top in SANDBOX_PACKAGES or top in sys.stdlib_module_names, imported
        if top == "grader":
            assert imported in IN_THE_SANDBOX or imported == "grader.bridge", imported


def test_the_files_that_go_into_the_sandbox_are_all_that_the_worker_needs() -> None:
    needed, waiting = set(), ["grader.bridge.worker", *(module for module, _ in SERVICES.values())]
    while waiting:
        name = waiting.pop()
        needed.add(name)
        waiting += [
            imported
            for imported in imports(MODULES[name])
            if imported in IN_THE_SANDBOX and imported not in needed
        ]
    assert needed == IN_THE_SANDBOX


def test_the_package_files_that_go_along_import_nothing() -> None:
    for name in ("grader", "grader.bridge"):
        assert list(imports(MODULES[name])) == []
