"""Values on the wire: plain Python values and numpy arrays of a closed list of types."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from grader.bridge import protocol
from grader.bridge.frames import BadFrame

DTYPES: dict[str, np.dtype[Any]] = {
    np.dtype(name).str: np.dtype(name)
    for name in (
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    )
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_NARROWED: dict[np.dtype[Any], np.dtype[Any]] = {
    np.dtype("longdouble"): np.dtype("float64"),
    np.dtype("clongdouble"): np.dtype("complex128"),
}
"""What is sent of numbers whose form depends on the machine: tests compute in doubles."""
MAX_DIMENSIONS = 32
MAX_DEPTH = 32
MAX_INT = 2**63
MAX_EXTENT = 2**60
"""Largest product of the dimensions other than 0, in bytes; room to double one of them."""

_PLAIN = frozenset({type(None), bool, float, str})
_PLAIN_ON_WIRE = _PLAIN | {int}

_NOTHING = protocol.Dict([], [])

AnyArray: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class Unwirable(Exception):
    """The value has no plain form; the caller sends a handle in its place."""


def array_to_wire(array: AnyArray) -> protocol.Array:
    """Encode an array, keeping dtype, shape and whether it is C, Fortran or strided.

    Long doubles become doubles.

    Raises
    ------
    Unwirable
        If the dtype is not in `DTYPES` in the machine's byte order or any other.
    """
    if type(array) is not np.ndarray:
        array = np.asarray(array)
    dtype = _NAMES.get(array.dtype)
    if dtype is None:
        native = array.dtype.newbyteorder("=")
        native = _NARROWED.get(native, native)
        dtype = _NAMES.get(native)
        if dtype is None:
            raise Unwirable(f"an array of dtype {array.dtype}")
        array = array.astype(native)
    flags = array.flags
    if flags.c_contiguous:
        layout, data = "C", array.tobytes()
    elif flags.f_contiguous:
        layout, data = "F", array.tobytes("F")
    else:
        layout, data = "S", array.tobytes()
    return protocol.Array(dtype, list(array.shape), layout, memoryview(data))


def array_from_wire(wire: protocol.Array) -> AnyArray:
    """Decode an array into memory of its own, after checking everything it claims.

    Raises
    ------
    BadFrame
        If the dtype is not in the closed list, a dimension is negative or there are too many,
        the layout is unknown, or the bytes are not as many as dtype and shape ask for.
    """
    dtype = DTYPES.get(wire.dtype)
    if dtype is None:
        raise BadFrame(f"an array of unknown dtype {wire.dtype[:40]!r}")
    shape = wire.shape
    if len(shape) > MAX_DIMENSIONS or (shape and min(shape) < 0):
        raise BadFrame(f"an array of impossible shape {shape[:MAX_DIMENSIONS]}")
    size = math.prod(shape)
    if size * dtype.itemsize != len(wire.data):
        raise BadFrame(
            f"an array of shape {shape} and dtype {wire.dtype} with {len(wire.data)} bytes"
        )
    if not size and math.prod(n or 1 for n in shape) * dtype.itemsize > MAX_EXTENT:
        # Numpy refuses to make one of such a shape.
        raise BadFrame(f"an empty array of shape {shape}")
    if wire.layout == "C":
        return np.ndarray(shape, dtype, wire.data).copy()
    if wire.layout == "F":
        return np.ndarray(shape, dtype, wire.data, order="F").copy("F")
    if wire.layout == "S" and wire.shape:
        # Every second element along the last axis: a view that is contiguous in no order.
        wide = np.zeros([*shape[:-1], 2 * shape[-1]], dtype)
        view = wide[..., ::2]
        view[...] = np.ndarray(shape, dtype, wire.data)
        return view
    raise BadFrame(f"an array of unknown layout {wire.layout[:10]!r}")


def to_wire(
    value: object,
    handle: Callable[[object], protocol.Remote | protocol.Host],
    arrays: list[AnyArray] | None = None,
    depth: int = 0,
) -> protocol.Value:
    """Encode a value; whatever is not plain goes through `handle`.

    Parameters
    ----------
    value : object
        What to send.
    handle : callable
        Turns an object that has no plain form into a handle.
    arrays : list, optional
        Collects the arrays met, in order, so that changes to them can be written back.
    depth : int
        How deep in nested containers this value lies.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value  # type: ignore[return-value]
    try:
        if kind is int:
            # bool and int subclasses aside, an int beyond 64 bits has no msgpack form.
            return value if -MAX_INT <= value < MAX_INT else handle(value)  # type: ignore[operator,return-value]
        if isinstance(value, np.ndarray):
            wire = array_to_wire(value)
            if arrays is not None:
                arrays.append(value)
            return wire
        if isinstance(value, np.generic):
            if value.dtype.str in DTYPES:
                return protocol.Scalar(value.dtype.str, value.tobytes())
            if value.dtype in _NARROWED:
                return to_wire(_NARROWED[value.dtype].type(value), handle)
            return handle(value)
    except Unwirable:
        return handle(value)
    if isinstance(value, float):
        return float(value)
    if depth < MAX_DEPTH:
        if kind is list or kind is tuple:
            items = [to_wire(item, handle, arrays, depth + 1) for item in value]  # type: ignore[attr-defined]
            return protocol.List(items) if kind is list else protocol.Tuple(items)
        if kind is dict and all(type(key) is str for key in value):  # type: ignore[attr-defined]
            return dict_to_wire(value, handle, arrays, depth)  # type: ignore[arg-type]
    return handle(value)


def dict_to_wire(
    value: dict[str, Any],
    handle: Callable[[object], protocol.Remote | protocol.Host],
    arrays: list[AnyArray] | None = None,
    depth: int = 0,
) -> protocol.Dict:
    """Encode a dict with string keys, such as keyword arguments."""
    if not value:
        return _NOTHING
    return protocol.Dict(
        list(value), [to_wire(item, handle, arrays, depth + 1) for item in value.values()]
    )


def from_wire(
    wire: protocol.Value,
    handle: Callable[[protocol.Remote | protocol.Host], object],
    arrays: list[AnyArray] | None = None,
    depth: int = 0,
) -> Any:
    """Decode a value; handles go through `handle`.

    Raises
    ------
    BadFrame
        If an array is not what it claims, or containers are nested too deep.
    """
    kind = type(wire)
    # The most frequent first: `match` looks at one kind after the other.
    if kind is protocol.Array:
        array = array_from_wire(wire)  # type: ignore[arg-type]
        if arrays is not None:
            arrays.append(array)
        return array
    if kind in _PLAIN_ON_WIRE:
        return wire
    if depth > MAX_DEPTH + 1:
        raise BadFrame("containers nested too deep")
    match wire:
        case protocol.Scalar():
            return array_from_wire(protocol.Array(wire.dtype, [], "C", memoryview(wire.data)))[()]
        case protocol.List():
            return [from_wire(item, handle, arrays, depth + 1) for item in wire.items]
        case protocol.Tuple():
            return tuple([from_wire(item, handle, arrays, depth + 1) for item in wire.items])
        case protocol.Dict():
            return dict_from_wire(wire, handle, arrays, depth)
        case protocol.Remote() | protocol.Host():
            return handle(wire)
    raise BadFrame(f"a value of unknown kind {type(wire).__name__}")


def dict_from_wire(
    wire: protocol.Dict,
    handle: Callable[[protocol.Remote | protocol.Host], object],
    arrays: list[AnyArray] | None = None,
    depth: int = 0,
) -> dict[str, Any]:
    """Decode a dict.

    Raises
    ------
    BadFrame
        If it has not as many keys as values.
    """
    if len(wire.keys) != len(wire.items):
        raise BadFrame("a dict whose keys and values differ in number")
    if not wire.items:
        return {}
    values = [from_wire(item, handle, arrays, depth + 1) for item in wire.items]
    return dict(zip(wire.keys, values, strict=True))
