"""Makes a reference that refuses what the handout does not allow, to try the tests' inputs on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

GUARD = Path(__file__).with_name("handout_guard.py")


def guarded_reference(files: Mapping[str, bytes], classes: Mapping[str, str]) -> dict[str, bytes]:
    """Return the reference with each class wrapped wherever a test can import it from.

    Parameters
    ----------
    files : mapping of str to bytes
        The right solution.
    classes : mapping of str to str
        Class names with their modules.
    """
    lines = ["import sys", "from layers.handout_guard import guarded"]
    for name, module in classes.items():
        lines += [
            f"from {module} import {name}",
            f"{name} = sys.modules[{module!r}].{name} = guarded({name})",
        ]
    package = ("\n".join(lines) + "\n").encode()
    return {
        **files,
        "layers/handout_guard.py": GUARD.read_bytes(),
        "layers/__init__.py": package,
    }
