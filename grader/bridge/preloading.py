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

from grader.bridge.headless import make_headless

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
        # With pyplot imported, to ask for a window fails at once and not when there is to be one.
        make_headless()
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


def _forget(library: str) -> None:
    """Have a library be imported anew by whoever imports it next."""
    for name in [*sys.modules]:
        if name.partition(".")[0] == library:
            del sys.modules[name]
