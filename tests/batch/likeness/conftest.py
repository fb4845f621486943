"""Solutions of the lab, written independently of each other, and disguises for copies of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from grader.batch.likeness import fingerprint as prints
from grader.batch.likeness.fingerprint import NOTHING, Hashes, Work, fingerprint, template_hashes
from grader.lab import Project

Files = Mapping[str, bytes]
SOLUTIONS = Path(__file__).with_name("solutions")


@pytest.fixture(scope="session")
def solutions() -> dict[str, Files]:
    """Return whole submissions by the name of their style."""
    return {
        folder.name: {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*.py"))
        }
        for folder in sorted(SOLUTIONS.iterdir())
    }


@pytest.fixture(scope="session")
def known(project: Project) -> Hashes:
    """Return the template's hashes."""
    return template_hashes(template_of(project))


def template_of(project: Project) -> dict[str, bytes]:
    return {
        path.relative_to(project.template).as_posix(): path.read_bytes()
        for path in sorted(project.template.rglob("*.py"))
    }


def work_of(key: str, files: Files, known: Hashes = NOTHING) -> Work:
    return prints.work_of(key, (fingerprint(path, data, known) for path, data in files.items()))
