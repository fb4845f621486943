"""How the grader runs pytest: on its own test files, with nothing of the machine's settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from grader.checks.siblings import sibling_node
from grader.lab import Project
from grader.model import Suite


def test_folders(project: Project, suites: Sequence[Suite]) -> dict[Path, Suite]:
    """Return the folders of test files, each with its suite."""
    folders = {
        project.public_tests: Suite.PUBLIC,
        project.hidden_tests: Suite.HIDDEN,
        project.siblings: Suite.SIBLING,
    }
    return {folder: suite for folder, suite in folders.items() if suite in suites}


def session_arguments(
    place: Path,
    project: Project,
    items: Sequence[str],
    folders: Sequence[Path],
    only: str | None = None,
) -> list[str]:
    """Make this process ready for `pytest.main`, and return the arguments to give it.

    Parameters
    ----------
    place : Path
        A private folder, for the settings file that takes the place of all others.
    project : Project
        Whose root node ids are relative to.
    items : sequence of str
        Rubric items; each folder has a `test_<item>.py`.
    folders : sequence of Path
        Where the test files and their helpers lie.
    only : str or None
        A sibling to run alone.
    """
    # Siblings use the public tests' helpers.
    sys.path[:0] = [str(folder) for folder in dict.fromkeys([*folders, project.public_tests])]
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    if only is None:
        tests = [str(folder / f"test_{item}.py") for item in items for folder in folders]
    else:
        tests = [sibling_node(project, only)]
    settings = place / "pytest.ini"
    settings.write_text("[pytest]\n")
    return [
        *("-c", str(settings), f"--rootdir={project.root}", "--import-mode=importlib"),
        *("-p", "no:cacheprovider", "-q"),
        *tests,
    ]
