"""The test-side objects that student code has been handed, and what it may do with them."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from grader.bridge import protocol
from grader.bridge.frames import BadFrame
from grader.bridge.protocol import COPY, DEEP_COPY

LARGEST_REGISTRY = 10_000
_COPIES = {COPY: copy.copy, DEEP_COPY: copy.deepcopy}


@dataclass(frozen=True)
class Reach:
    """The names on host objects that student code can reach.

    Attributes
    ----------
    methods, attributes : frozenset of str
        All others, such as the expected values that a spy keeps, stay on the trusted side.
    copies : bool
        Whether it may have copies made of them, which are as far in its reach.
    """

    methods: frozenset[str]
    attributes: frozenset[str] = frozenset()
    copies: bool = False


LAYER_REACH = Reach(
    methods=frozenset({"forward", "backward", "update_param"}),
    attributes=frozenset({"W", "b", "x", "y", "t", "W_grad", "b_grad"}),
    copies=True,
)
"""All within reach."""


class HostRegistry:
    """Host objects by number.

    Parameters
    ----------
    spellings : dict of str to list of str
        Other accepted names for a method or attribute.
    reach : Reach
        What student code may do with a host object.
    """

    def __init__(self, spellings: dict[str, list[str]], reach: Reach = LAYER_REACH) -> None:
        self._reach = reach
        self._canonical = {other: name for name, others in spellings.items() for other in others}
        self._methods = self._spelled(reach.methods)
        self._attributes = self._spelled(reach.attributes)
        self._objects: list[object] = []
        self._wires: dict[int, protocol.Host] = {}
        self._exceptions: list[Exception] = []

    def __len__(self) -> int:
        return len(self._objects)

    def clear(self) -> None:
        """Forget every object and exception."""
        self._objects.clear()
        self._wires.clear()
        self._exceptions.clear()

    def register(self, value: object) -> protocol.Host:
        """Return the object's handle, the same each time."""
        known = self._wires.get(id(value))
        if known is not None:
            return known
        if len(self._objects) >= LARGEST_REGISTRY:
            raise BadFrame("requests for more host objects than a case can need")
        number = len(self._objects)
        self._objects.append(value)
        methods = [
            name for name in self._methods if callable(getattr(value, self._name(name), None))
        ]
        poses_as = getattr(type(value), "poses_as", None)
        wire = protocol.Host(number, methods, self._attributes, poses_as)
        self._wires[id(value)] = wire
        return wire

    def find(self, number: int) -> object:
        """Return the object; BadFrame if there is none of that number."""
        if not 0 <= number < len(self._objects):
            raise BadFrame("a host object that there is not")
        return self._objects[number]

    def call(self, number: int, method: str, args: list[Any], kwargs: dict[str, Any]) -> object:
        """Call a method within reach, or make a copy."""
        if method in _COPIES and self._reach.copies:
            return _COPIES[method](self.find(number))
        target, name = self.find(number), self._name(method)
        if name not in self._reach.methods:
            raise AttributeError(f"this object has no method {method[:60]!r}")
        return getattr(target, name)(*args, **kwargs)

    def get(self, number: int, name: str) -> object:
        """Read an attribute within reach."""
        target = self.find(number)
        if self._name(name) not in self._reach.attributes:
            raise AttributeError(f"this object has no attribute {name[:60]!r}")
        return getattr(target, self._name(name))

    def set(self, number: int, name: str, value: object) -> None:
        """Set an attribute within reach."""
        target = self.find(number)
        if self._name(name) not in self._reach.attributes:
            raise AttributeError(f"this object has no attribute {name[:60]!r}")
        setattr(target, self._name(name), value)

    def remember(self, error: Exception) -> int:
        """Keep an exception that goes to the student's code, and return its number."""
        if len(self._exceptions) >= LARGEST_REGISTRY:
            raise BadFrame("asks for more that host objects refuse than a case can need")
        # A traceback would keep alive all that the student's code sent.
        self._exceptions.append(error.with_traceback(None))
        return len(self._exceptions) - 1

    def exception(self, number: int | None) -> Exception | None:
        """Return the exception of that number; None where there is none."""
        if number is None or not 0 <= number < len(self._exceptions):
            return None
        return self._exceptions[number]

    def _spelled(self, names: frozenset[str]) -> list[str]:
        """Return the names in every accepted spelling."""
        others = {other for other, name in self._canonical.items() if name in names}
        return sorted(names | others)

    def _name(self, name: str) -> str:
        return self._canonical.get(name, name)
