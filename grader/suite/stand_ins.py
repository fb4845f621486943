"""What test files hold in place of `layers` while they are collected, before there is one.

They are collected once for many implementations; each fork then binds the names that a test file
imported from `layers` to its own.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import NoReturn

PACKAGE = "layers"


class StandIn:
    """Stands for a name of the package until `Imports.bind` finds what it means.

    Parameters
    ----------
    module : str
        The module it was imported from, such as ``layers.full``.
    name : str
        The class's name.
    """

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def __call__(self, *args: object, **kwargs: object) -> NoReturn:
        """Fail the case: the implementation has no such class, or cannot be imported."""
        # Again, for the implementation's own exception.
        getattr(importlib.import_module(self.module), self.name)
        raise ImportError(f"{self.module}.{self.name} was used while the tests were collected")


def packages(classes: Mapping[str, str]) -> dict[str, ModuleType]:
    """Return what `import layers`, and whatever tests import from it, is to give: stand-ins.

    Parameters
    ----------
    classes : mapping of str to str
        Class names with the module that each belongs in.
    """
    package = ModuleType(PACKAGE)
    package.__path__ = []
    modules = {PACKAGE: package}
    for name, module_name in classes.items():
        module = modules.setdefault(module_name, ModuleType(module_name))
        setattr(module, name, StandIn(module_name, name))
        setattr(package, name, StandIn(PACKAGE, name))
        setattr(package, module_name.rpartition(".")[2], module)
    return modules


class Imports:
    """All names in loaded modules that hold a stand-in, or a module of them."""

    def __init__(self) -> None:
        self._modules = {
            name: module
            for name, module in sys.modules.items()
            if name == PACKAGE or name.startswith(f"{PACKAGE}.")
        }
        own = {id(module): name for name, module in self._modules.items()}
        self._names: list[tuple[ModuleType, str, str, str]] = []
        for holder in list(sys.modules.values()):
            if not isinstance(holder, ModuleType) or id(holder) in own:
                continue
            for name, value in list(vars(holder).items()):
                if isinstance(value, StandIn):
                    self._names.append((holder, name, value.module, value.name))
                elif id(value) in own:
                    self._names.append((holder, name, own[id(value)], ""))

    def bind(self) -> None:
        """Give every name what it means now: from the modules loaded since, else from the path.

        A name that the implementation lacks stays as it is, and fails the cases that use it.
        """
        for name, module in self._modules.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
        for holder, name, module_name, attribute in self._names:
            try:
                module = importlib.import_module(module_name)
                meaning = getattr(module, attribute) if attribute else module
            except BaseException:  # noqa: S112 - whatever student code raises on import
                continue
            setattr(holder, name, meaning)
