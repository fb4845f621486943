"""The test's arrays that student code was given in a case, so that it hears what became of them."""

from __future__ import annotations

import msgspec
import numpy as np

from grader.bridge import protocol, values
from grader.bridge.argument_watch import MOST_BYTES, MOST_CALLS
from grader.bridge.frames import BadFrame

# Twice what an item process watches, so that an honest one never names an array that was
# forgotten here. It may have counted less than was sent: arguments that it could not read.
KEPT_CALLS = 2 * MOST_CALLS
KEPT_BYTES = 2 * MOST_BYTES


class _Given(msgspec.Struct, frozen=True):
    """One request's arrays, and how many calls and bytes there were before it."""

    arrays: list[values.AnyArray]
    calls: int
    bytes: int


class GivenArrays:
    """Arrays by the request that brought them and their order of appearance in it."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything, as for a new case."""
        self._given: dict[int, _Given] = {}
        self._calls = 0
        self._bytes = 0

    def add(self, request: int, arrays: list[values.AnyArray]) -> None:
        """Keep the arrays of one request, at least one."""
        self._given[request] = _Given(arrays, self._calls, self._bytes)
        self._calls += 1
        for array in arrays:
            self._bytes += array.nbytes

    def forget_old(self) -> None:
        """Forget what is out of bounds; only while the item process has received all requests."""
        if self._calls <= KEPT_CALLS and self._bytes <= KEPT_BYTES:
            return
        while self._given:
            request, oldest = next(iter(self._given.items()))
            if (
                self._calls - oldest.calls <= KEPT_CALLS
                and self._bytes - oldest.bytes <= KEPT_BYTES
            ):
                return
            del self._given[request]

    def write_back(self, changes: list[protocol.Mutation]) -> None:
        """Repeat on the test's arrays what the student's code did to its copies of them.

        Raises
        ------
        BadFrame
            If a change is of an array that was not given, or to another shape or dtype.
        """
        if len(changes) > sum(len(one.arrays) for one in self._given.values()):
            raise BadFrame("more changes to arguments than there were arguments")
        for change in changes:
            given = self._given.get(change.request)
            if given is None or not 0 <= change.index < len(given.arrays):
                raise BadFrame("a change to an argument that there was not")
            ours, theirs = given.arrays[change.index], values.array_from_wire(change.array)
            if ours.dtype.newbyteorder("=") != theirs.dtype or ours.shape != theirs.shape:
                raise BadFrame("a change to an argument of another shape or dtype")
            if ours.flags.writeable:
                np.copyto(ours, theirs)
