"""What tests hold in place of the student's package, classes and objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from grader.bridge import protocol
from grader.bridge.channel import Channel
from grader.errors import GraderError
from grader.plain_text import printable

ABOUT_LENGTH = 120
METHODS = frozenset({"forward", "backward", "update_param", "fit", "predict"})


class StudentObject:
    """An object of the student's: methods and attributes go across the bridge.

    Names with a leading underscore are not looked up there: numpy and copy probe objects for
    such names, and an answer of the student's making could pass for an array.
    """

    __slots__ = ("_about", "_channel", "_handle")
    _about: str
    _channel: Channel
    _handle: int

    def __init__(self, channel: Channel, handle: int, about: str) -> None:
        object.__setattr__(self, "_channel", channel)
        object.__setattr__(self, "_handle", handle)
        object.__setattr__(self, "_about", about[: ABOUT_LENGTH + 1])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in METHODS:
            return self._channel.get(self._handle, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._channel.call(self._handle, name, args, kwargs)

        return call

    def __setattr__(self, name: str, value: object) -> None:
        self._channel.set(self._handle, name, value)

    def __repr__(self) -> str:
        return f"<{printable(self._about, ABOUT_LENGTH)}>"


class StudentClass:
    """One of the lab's classes; calling it constructs the student's object."""

    def __init__(self, name: str, module: str, channel: Callable[[], Channel]) -> None:
        self.__name__ = name
        self.__module__ = module
        self._channel = channel

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Construct the student's object in the sandbox and return its proxy."""
        return self._channel().new(self.__name__, self.__module__, args, kwargs)

    def __repr__(self) -> str:
        return f"<the student's class {self.__name__}>"


def attach(channel: Channel) -> None:
    """Have a channel show the student's objects as `StudentObject`."""

    def proxy_of(wire: protocol.Remote) -> StudentObject:
        return StudentObject(channel, wire.handle, wire.about)

    def handle_of(value: object) -> protocol.Remote | None:
        if isinstance(value, StudentClass):
            raise GraderError(
                f"A test handed the class {value.__name__} to student code.",
                "Hand it an object instead: classes do not cross the bridge.",
            )
        if isinstance(value, StudentObject):
            return protocol.Remote(value._handle, "")
        return None

    channel.use_proxies(proxy_of, handle_of)


def layers_package(
    classes: Mapping[str, str], channel: Callable[[], Channel]
) -> dict[str, ModuleType]:
    """Make the modules that tests import as `layers`, `layers.full` and so on.

    Parameters
    ----------
    classes : mapping of str to str
        Class names with the module that each belongs in.
    channel : callable
        Returns the channel of the case that is running.

    Returns
    -------
    dict of str to ModuleType
        Ready for `sys.modules`.
    """
    package = ModuleType("layers", "The student's layers, across the bridge.")
    package.__path__ = []
    modules = {"layers": package}
    for name, module_name in classes.items():
        module = modules.setdefault(module_name, ModuleType(module_name))
        proxy = StudentClass(name, module_name, channel)
        setattr(module, name, proxy)
        setattr(package, name, proxy)
        setattr(package, module_name.rpartition(".")[2], module)
    return modules
