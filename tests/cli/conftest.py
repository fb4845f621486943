"""Runs `grader` commands as its users do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from grader.cli.main import main
from grader.demo import EXAMPLES, example_files, write_examples, zip_files
from grader.lab import Project

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command; stdout and stderr come apart in its result."""
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments: str | Path) -> Result:
        return CliRunner().invoke(main, [str(word) for word in arguments])

    return invoke


@pytest.fixture(scope="session")
def examples(project: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the demo's archives by file name."""
    folder = tmp_path_factory.mktemp("examples")
    return {path.name: path for path in write_examples(project, folder)}


@pytest.fixture
def right_folder(project: Project, tmp_path: Path) -> Path:
    """Return a lab folder with the right solution."""
    folder = tmp_path / "my-lab"
    for name, content in example_files(project, EXAMPLES[0]).items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return folder


@pytest.fixture
def make_zip(tmp_path: Path) -> Callable[..., Path]:
    """Make a zip of given entries."""

    def make(name: str, files: dict[str, bytes], folder: str | None = None) -> Path:
        path = tmp_path / name
        path.write_bytes(zip_files(files, folder))
        return path

    return make
