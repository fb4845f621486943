"""Names the large libraries that a submission's layers import, for the worker to import once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from grader.checks.syntax_tree import LARGEST_SOURCE

LARGE = ("matplotlib", "scipy", "sklearn")
"""What real submissions import in their layers that takes long; the image has all of it."""
LAYERS = "layers/"
MOST_MODULES = 16

_LIBRARY = rf"(?:{'|'.join(LARGE)})(?:\.[A-Za-z]\w*)*"
# Where a module is executed, that is, not in a function.
_IMPORT = re.compile(
    rf"^(?:import[ \t]+({_LIBRARY})|from[ \t]+({_LIBRARY})[ \t]+import[ \t(]+([A-Za-z]\w*))\b",
    re.MULTILINE | re.ASCII,
)


def large_libraries(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return the modules of large libraries that a submission's layers seem to import.

    A guess will do: a module too many or too few costs time and nothing else.

    Parameters
    ----------
    files : mapping of str to bytes
        The submission's files, by path.

    Returns
    -------
    tuple of str
        Names for `importlib.import_module`, some of which may be functions. A library is not
        among them if the submission has something of that name in any folder: sources may add it to
        the path.
    """
    own = {part.removesuffix(".py") for path in files for part in path.split("/")}
    named = {
        name: None
        for path, source in files.items()
        if path.startswith(LAYERS) and path.endswith(".py") and len(source) <= LARGEST_SOURCE
        for name in _imported(source.decode("ascii", "replace"))
        if name.partition(".")[0] not in own
    }
    return tuple(named)[:MOST_MODULES]


def _imported(source: str) -> Iterator[str]:
    for whole, module, first in _IMPORT.findall(source):
        if whole:
            yield whole
        else:
            yield module
            yield f"{module}.{first}"
