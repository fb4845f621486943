"""Test-side objects, such as a spy layer, as the student's code sees them in the item process."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

from grader.bridge import protocol, values
from grader.bridge.protocol import COPY, DEEP_COPY

# What a host object's exception becomes here. Code such as `hasattr(layer, "W")` or
# `try: layer.update_param() except TypeError:` must meet the type it would meet in-process.
HOST_EXCEPTIONS: dict[str, type[Exception]] = {
    error.__name__: error
    for error in (
        *(AttributeError, TypeError, ValueError, KeyError, IndexError, NotImplementedError),
        RuntimeError,
    )
}

Ask = Callable[..., Any]
"""Takes a kind of message and its fields but the number."""
_NOTHING = protocol.Dict([], [])


class HostObject:
    """Passes the lab's methods and attributes across the bridge; all else is an ordinary object.

    A student's network may number its layers or keep their outputs on them: what the lab's
    interface does not have is set here, in the item process.
    """

    __slots__ = ("__dict__", "__weakref__", "_ask", "_handle", "_wire")
    _ask: Ask
    _handle: Callable[[object], protocol.Remote | protocol.Host]
    _wire: protocol.Host

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._ask(protocol.HostGet, self._wire.handle, name)

    def __setattr__(self, name: str, value: Any) -> None:
        wire = self._wire
        if name not in wire.attributes:
            object.__setattr__(self, name, value)
            return
        self._ask(protocol.HostSet, wire.handle, name, values.to_wire(value, self._handle))

    def __copy__(self) -> HostObject:
        made: HostObject = self._ask(protocol.HostCall, self._wire.handle, COPY, [], _NOTHING)
        made.__dict__.update(self.__dict__)
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> HostObject:
        made: HostObject = self._ask(protocol.HostCall, self._wire.handle, DEEP_COPY, [], _NOTHING)
        memo[id(self)] = made
        made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return made


def make_host_object(
    wire: protocol.Host,
    ask: Ask,
    handle: Callable[[object], protocol.Remote | protocol.Host],
    find_posed: Callable[[str], Any],
) -> HostObject:
    """Make the stand-in for one host object.

    Parameters
    ----------
    wire : Host
        Its handle, its methods, and the lab class that it poses as: `isinstance` and
        `type(layer).__name__` answer as they would for that class, since a student's
        Sequential may well ask.
    ask : callable
        Sends a message of a kind, with a fresh number and these fields, and returns the grader's
        answer.
    handle : callable
        Turns an argument that has no plain form into a handle.
    find_posed : callable
        Returns the student's class of a name, or None.
    """
    kind = _kind(wire.poses_as, tuple(wire.methods), find_posed)
    made: HostObject = object.__new__(kind)
    object.__setattr__(made, "_wire", wire)
    object.__setattr__(made, "_ask", ask)
    object.__setattr__(made, "_handle", handle)
    return made


@cache
def _kind(
    poses_as: str | None, methods: tuple[str, ...], find_posed: Callable[[str], Any]
) -> type[HostObject]:
    """Make the class of the stand-ins that pose as one lab class, or as none."""
    members: dict[str, Any] = {"__slots__": (), **{name: _method(name) for name in methods}}
    if poses_as is not None:
        members["__class__"] = property(lambda self: find_posed(poses_as) or type(self))
    return type(poses_as or "HostObject", (HostObject,), members)


def _method(name: str) -> Callable[..., Any]:
    def call(self: HostObject, /, *args: Any, **kwargs: Any) -> Any:
        items = [values.to_wire(item, self._handle) for item in args]
        named = values.dict_to_wire(kwargs, self._handle)
        return self._ask(protocol.HostCall, self._wire.handle, name, items, named)

    call.__name__ = name
    return call


def handle_of(host_object: HostObject) -> int:
    """Return the number under which the grader knows the object."""
    return host_object._wire.handle
