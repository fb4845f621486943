"""Imports large libraries once for all item processes, so that none of them notices it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)

IMPORTED_BY_STUDENTS = ("matplotlib.pyplot", "matplotlib.pylab")
"""What student code must be the first to import in its process. Before that, `matplotlib.use`
notes a backend down; after it, the backend is loaded at once, and one with windows is not there."""

_LOADERS = (
    (ExtensionFileLoader, EXTENSION_SUFFIXES),
    (SourceFileLoader, SOURCE_SUFFIXES),
    (SourcelessFileLoader, BYTECODE_SUFFIXES),
)


class Libraries:
    """What the worker has imported for its item processes."""

    def __init__(self) -> None:
        self._brought: set[str] = set()

    def load(self, names: Sequence[str]) -> None:
        """Import modules; what is wrong with one comes up again where student code imports it."""
        before = {*sys.modules}
        for name in names:
            with suppress(BaseException):
                importlib.import_module(name)
        for name in IMPORTED_BY_STUDENTS:
            _forget(name)
        self._brought |= {name.partition(".")[0] for name in sys.modules.keys() - before}

    def give_way(self, folder: str) -> None:
        """Forget modules that came along where the folder has some of the same name.

        A file `fractions.py` in the submission's root goes before Python's own, which a library
        may have imported here.
        """
        finder = FileFinder(folder, *_LOADERS)
        for name in self._brought:
            found = finder.find_spec(name)
            # A folder without an `__init__.py` goes before nothing.
            if found is not None and found.loader is not None:
                _forget(name)
        self._brought.clear()


def _forget(name: str) -> None:
    """Have a module and those below it imported anew by whoever imports them next."""
    package, _, attribute = name.rpartition(".")
    with suppress(KeyError, AttributeError):
        delattr(sys.modules[package], attribute)
    for known in [*sys.modules]:
        if known == name or known.startswith(f"{name}."):
            del sys.modules[known]
