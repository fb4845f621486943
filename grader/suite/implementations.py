"""The two implementations that are always there: the reference, and the untouched template."""

from __future__ import annotations

from grader.errors import ConfigurationError
from grader.lab import Project


def right_solution(project: Project) -> dict[str, bytes]:
    """Return the files of the reference that a student would hand in."""
    reference = project.root / "reference"
    solution = {
        f"layers/{path.name}": path.read_bytes() for path in (reference / "layers").glob("*.py")
    }
    if not solution:
        raise ConfigurationError(
            f"There is no reference solution in {reference}.",
            "Run this command in a full checkout of the project.",
        )
    solution["better_cifar.py"] = (reference / "better_cifar.py").read_bytes()
    return solution


def template_files(project: Project) -> dict[str, bytes]:
    """Return the files of the untouched template, by path below its root."""
    folder = project.template
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and ".pytest_cache" not in path.parts
    }
