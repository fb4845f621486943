"""A lab of one's own: small test suites in a temporary folder, run on small submissions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grader.checks.layer_tests import run_layer_tests
from grader.lab import Project
from grader.model import Identity, ItemResult, Submission, Suite
from grader.sandbox.launch import Sandbox

HIDDEN_CONFTEST = """
def pytest_addoption(parser):
    parser.addoption("--seed", type=int)

def pytest_configure(config):
    config.addinivalue_line("markers", "case(id, weight, about): a case")
"""

RunTests = Callable[..., tuple[ItemResult, ...]]


@pytest.fixture
def run_tests(tmp_path: Path, project: Project, process_sandbox: Sandbox) -> RunTests:
    """Run test files given as source on modules given as source, in a plain process.

    Keywords change the lab's limits.
    """

    def run(
        modules: Mapping[str, str],
        public: Mapping[str, str] | None = None,
        hidden: Mapping[str, str] | None = None,
        items: Sequence[str] = ("full",),
        seed: int = 1,
        files: Mapping[str, bytes] | None = None,
        **limits: Any,
    ) -> tuple[ItemResult, ...]:
        lab = msgspec.structs.replace(
            project.lab, limits=msgspec.structs.replace(project.lab.limits, **limits)
        )
        small = Project(root=tmp_path, lab=lab)
        small.public_tests.mkdir(parents=True, exist_ok=True)
        small.hidden_tests.mkdir(exist_ok=True)
        (small.hidden_tests / "conftest.py").write_text(HIDDEN_CONFTEST)
        for folder, sources in ((small.public_tests, public), (small.hidden_tests, hidden)):
            for item, source in (sources or {}).items():
                (folder / f"test_{item}.py").write_text(source)
        suites = [Suite.PUBLIC] * (public is not None) + [Suite.HIDDEN] * (hidden is not None)
        lines = "".join(f"from layers.{name} import *\n" for name in modules)
        handed = {"layers/__init__.py": lines.encode(), **(files or {})}
        handed |= {f"layers/{name}.py": source.encode() for name, source in modules.items()}
        submission = Submission("A_B_LAB3.zip", "0" * 64, Identity("A", "B"), files=handed)
        return run_layer_tests(submission, small, process_sandbox, items, suites, seed)

    return run
