"""Notices what student code does to the arrays it is given, during the call and after it.

A layer may keep an array and write into it in a later call. In-process the test would see that, so
it must see it across the bridge.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial

import msgspec

from grader.bridge import protocol, values

MOST_CALLS = 64
MOST_BYTES = 1 << 20
"""How far back arrays are watched once their call is over: no array from before the last
`MOST_CALLS` calls that brought any, and none that makes `MOST_BYTES` with all that came later."""


class _Watched(msgspec.Struct):
    """One array, what was last known of it, and how much had been given when it came."""

    request: int
    index: int
    array: Callable[[], values.AnyArray | None]
    before: bytes
    dtype: str
    shape: tuple[int, ...]
    calls: int
    size: int


class ArgumentWatch:
    """The arrays among the arguments of a case's calls, as the item process holds them.

    Whoever serves a call holds its arrays until `changes` has been asked for its reply.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything, as for a new case."""
        self._watched: list[_Watched] = []
        self._calls = 0
        self._bytes = 0

    def add(self, request: int, arrays: list[values.AnyArray]) -> None:
        """Watch the arrays of one request, in order of appearance, as they are now."""
        if not arrays:
            return
        calls, size = self._calls, self._bytes
        for index, array in enumerate(arrays):
            # What nobody else holds, nobody can change, and it need not be looked at again. A
            # strided array is a view, which others may hold by its base alone.
            found = weakref.ref(array) if array.base is None else partial(_itself, array)
            before = array.tobytes()
            dtype, shape = array.dtype.str, array.shape
            self._watched.append(_Watched(request, index, found, before, dtype, shape, calls, size))
            self._bytes += len(before)
        self._calls += 1

    def changes(self) -> list[protocol.Mutation]:
        """Return what has changed since the last time, and forget what need not be watched."""
        if not self._watched:
            return []
        changed = []
        kept = []
        for one in self._watched:
            array = one.array()
            if array is None:
                continue
            now = array.tobytes()
            if now != one.before:
                one.before = now
                # In the shape that it was given in: a layer may have set another.
                wire = protocol.Array(one.dtype, list(one.shape), "C", memoryview(now))
                changed.append(protocol.Mutation(one.request, one.index, wire))
            if self._calls - one.calls <= MOST_CALLS and self._bytes - one.size <= MOST_BYTES:
                kept.append(one)
        self._watched = kept
        return changed


def _itself(array: values.AnyArray) -> values.AnyArray:
    return array
