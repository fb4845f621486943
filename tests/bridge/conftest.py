"""Small submissions in a plain-process cell, for the tests of the bridge."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import msgspec
import pytest

from grader.bridge import proxy
from grader.bridge.foreseen import Foreseen
from grader.bridge.session import Session
from grader.checks.case_run import make_session
from grader.lab import Project
from grader.sandbox.cell import Cell
from grader.sandbox.launch import Sandbox


class Student:
    """A submission in a cell; `case` starts a case and gives what the test would import."""

    def __init__(self, session: Session, layers: ModuleType) -> None:
        self.session = session
        self._layers = layers

    def case(self, item: str = "full", seed: int = 1, foreseen: Foreseen | None = None) -> Any:
        """Begin a case of an item; return the `layers` package across the bridge."""
        self.session.begin_case(item, seed, foreseen)
        return self._layers

    def end_case(self) -> None:
        """End a case that nothing went wrong in."""
        self.session.finish_case()


def package(modules: Mapping[str, str]) -> dict[str, bytes]:
    """Return a submission's files: the modules of `layers`, and a template's `__init__.py`."""
    lines = [f"from layers.{name} import *\n" for name in modules if name != "__init__"]
    sources = {"__init__": "".join(lines), **modules}
    return {f"layers/{name}.py": source.encode() for name, source in sources.items()}


@pytest.fixture
def student(process_sandbox: Sandbox, project: Project) -> Iterator[Callable[..., Student]]:
    """Make students from the sources of their modules; keywords change the lab's limits."""
    with contextlib.ExitStack() as stack:

        def make(
            modules: Mapping[str, str],
            files: Mapping[str, bytes | None] | None = None,
            **limits: Any,
        ) -> Student:
            limited = msgspec.structs.replace(project.lab.limits, **limits)
            lab = msgspec.structs.replace(project.lab, limits=limited)
            written = {**package(modules), **(files or {})}
            cell = Cell(
                process_sandbox,
                lab,
                {path: data for path, data in written.items() if data is not None},
            )
            stack.enter_context(cell)
            session = make_session(cell, lab)
            stack.callback(session.end_item)
            layers = proxy.layers_package(lab.classes, session.channel)["layers"]
            return Student(session, layers)

        yield make
