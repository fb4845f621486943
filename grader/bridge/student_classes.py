"""Finds the student's classes and the names they go by, inside the item process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any


class StudentClasses:
    """Finds the student's classes, also when the package cannot be imported as a whole."""

    def __init__(self, root: str, modules: dict[str, str]) -> None:
        self._root = root
        self._modules = modules
        self._found: dict[str, Any] = {}
        self._failed: dict[str, BaseException] = {}
        self.alone = False

    def prepare(self, name: str, module: str, alone: bool) -> None:
        """Import the class; `alone` leaves out the package's own `__init__.py`."""
        self.alone = alone
        self.find(name, module)

    def find(self, name: str, module: str) -> Any:
        """Return the class; raises what the student's code raised on import."""
        if name in self._failed:
            raise self._failed[name]
        if name not in self._found:
            try:
                self._found[name] = self._import(name, module)
            except BaseException as error:
                self._failed[name] = error
                raise
        return self._found[name]

    def find_posed(self, name: str) -> Any:
        """Return the class that a host object stands for, or None."""
        try:
            return self.find(name, self._modules[name])
        except BaseException:
            return None

    def _import(self, name: str, module: str) -> Any:
        if not self.alone:
            try:
                return getattr(importlib.import_module("layers"), name)
            except AttributeError:
                if "layers" in sys.modules:
                    return getattr(importlib.import_module(module), name)
            except BaseException:
                # `layers/__init__.py` imports every module, so that one broken module would
                # cost all of them their points. Each is tried without the package's own code.
                for loaded in [n for n in sys.modules if n.split(".")[0] == "layers"]:
                    del sys.modules[loaded]
        if "layers" not in sys.modules:
            sys.modules["layers"] = self._bare_package()
        return getattr(importlib.import_module(module), name)

    def _bare_package(self) -> ModuleType:
        package = ModuleType("layers")
        package.__path__ = [f"{self._root}/layers"]

        def find_attribute(name: str) -> Any:
            if name in self._modules:
                return getattr(importlib.import_module(self._modules[name]), name)
            raise AttributeError(f"module 'layers' has no attribute {name!r}")

        package.__getattr__ = find_attribute  # type: ignore[method-assign]
        return package


class Spellings:
    """Chooses between the accepted names of a method or attribute by what the object uses."""

    def __init__(self, accepted: dict[str, list[str]]) -> None:
        self._accepted = accepted
        self._used: dict[type, tuple[frozenset[str], ...]] = {}

    def of(self, target: object, name: str) -> str:
        """Return the name under which the target knows `name`.

        What is set on the object itself says most; then the classes, the most derived first: a
        base class may do nothing in `update_param` where the student wrote `update_params`.
        """
        others = self._accepted.get(name)
        if not others:
            return name
        spellings = (name, *others)
        own = [spelling for spelling in spellings if spelling in getattr(target, "__dict__", ())]
        if len(own) == 1:
            return own[0]
        kind = type(target)
        if kind not in self._used:
            self._used[kind] = tuple(frozenset(_names_used(base)) for base in kind.__mro__[:-1])
        return next(
            (spelling for used in self._used[kind] for spelling in spellings if spelling in used),
            name,
        )


def _names_used(kind: type) -> Iterator[str]:
    for name, member in vars(kind).items():
        yield name
        if isinstance(member, FunctionType):
            yield from _names_in_code(member.__code__)


def _names_in_code(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in_code(constant)
