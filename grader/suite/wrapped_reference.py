"""Wraps the reference's classes to try the tests on: in the handout's limits, or in rounding."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent


def guarded_reference(files: Mapping[str, bytes], classes: Mapping[str, str]) -> dict[str, bytes]:
    """Return the reference with classes that refuse what the handout does not allow.

    Parameters
    ----------
    files : mapping of str to bytes
        The right solution.
    classes : mapping of str to str
        Class names with their modules.
    """
    return _wrapped(files, classes, "handout_guard", "guarded")


def rounding_reference(files: Mapping[str, bytes], classes: Mapping[str, str]) -> dict[str, bytes]:
    """Return the reference with classes whose results are off by a few roundings.

    Parameters
    ----------
    files, classes
        As for `guarded_reference`.
    """
    return _wrapped(files, classes, "rounding_noise", "rounding")


def _wrapped(
    files: Mapping[str, bytes], classes: Mapping[str, str], module: str, function: str
) -> dict[str, bytes]:
    """Wrap each class wherever a test can import it from."""
    lines = ["import sys", f"from layers.{module} import {function}"]
    for name, home in classes.items():
        lines += [
            f"from {home} import {name}",
            f"{name} = sys.modules[{home!r}].{name} = {function}({name})",
        ]
    return {
        **files,
        f"layers/{module}.py": (HERE / f"{module}.py").read_bytes(),
        "layers/__init__.py": ("\n".join(lines) + "\n").encode(),
    }
