"""Values on the wire: every plain value comes back bit for bit, and a false claim is refused."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from grader.bridge import protocol, values
from grader.bridge.frames import BadFrame

AnyArray = values.AnyArray

LAYOUTS: dict[str, Callable[[AnyArray], AnyArray]] = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "reversed": lambda a: a[::-1],
    "every second": lambda a: a[..., ::2],
    "transposed": lambda a: a.T,
    "broadcast": lambda a: np.broadcast_to(a, (2, *a.shape)),
}


def crossed(value: object, handle: Callable[[Any], Any] | None = None) -> Any:
    """Send a value through real messages, as a reply's result."""
    wired = values.to_wire(value, handle or _no_handle)
    payload = protocol.encode(protocol.Returned(1, wired))
    return values.from_wire(protocol.decode(payload, protocol.replies).value, _no_handle)


def _no_handle(value: object) -> Any:
    raise AssertionError(f"{value!r} has no plain form")


def same(a: Any, b: Any) -> bool:
    """Whether two plain values are of the same types and bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray | np.generic):
        same_kind = a.dtype == b.dtype and a.shape == b.shape
        return bool(same_kind and a.tobytes() == b.tobytes())
    if isinstance(a, float):
        return bool(np.float64(a).tobytes() == np.float64(b).tobytes())
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


dtypes = st.sampled_from(list(values.DTYPES.values()))
plain_arrays = dtypes.flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text()
    | plain_arrays
    | dtypes.flatmap(lambda dtype: hnp.arrays(dtype, ())).map(lambda array: array[()])
)
nested = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(nested)
def test_nested_values_come_back_with_the_same_types_and_bits(value: object) -> None:
    assert same(crossed(value), value)


@settings(max_examples=150, deadline=None)
@given(array=plain_arrays, layout=st.sampled_from(list(LAYOUTS)))
def test_arrays_keep_their_bits_and_their_kind_of_layout(array: AnyArray, layout: str) -> None:
    # The layouts that take a view need an axis to take it along.
    sent = LAYOUTS[layout](array) if array.ndim else array
    came = crossed(sent)
    assert same(came, np.asarray(sent))
    assert came.flags.writeable
    if sent.size:
        assert came.flags.c_contiguous == sent.flags.c_contiguous
        assert came.flags.f_contiguous == sent.flags.f_contiguous


@pytest.mark.parametrize("bits", [0x8000000000000000, 0x7FF8000000000123, 0xFFF0000000000001])
def test_negative_zero_and_nan_payloads_survive(bits: int) -> None:
    number = np.array([bits], np.uint64).view(np.float64)
    assert crossed(number).view(np.uint64)[0] == bits
    assert np.array([crossed(number[0])]).view(np.uint64)[0] == bits


def test_a_python_negative_zero_keeps_its_sign() -> None:
    assert math.copysign(1, crossed(-0.0)) == -1


def test_an_array_shares_no_memory_with_the_frame_it_came_in() -> None:
    payload = bytearray(protocol.encode(protocol.Returned(1, values.array_to_wire(np.ones(3)))))
    came = values.from_wire(protocol.decode(payload, protocol.replies).value, _no_handle)
    payload[:] = bytes(len(payload))
    assert came.tolist() == [1, 1, 1]


def test_an_array_in_the_other_byte_order_arrives_in_the_machines_own() -> None:
    came = crossed(np.arange(5, dtype=">f8"))
    assert came.dtype == np.float64
    assert came.tolist() == [0, 1, 2, 3, 4]


def test_an_empty_batch_of_many_features_crosses() -> None:
    assert crossed(np.empty((0, 3072))).shape == (0, 3072)


class ListLike(list[int]):
    """A list that could lie about itself."""


@pytest.mark.parametrize(
    "value",
    [
        *({1, 2}, {1: "not a string"}, ListLike(), np.datetime64("2026-01-01")),
        *(np.array([object()]), np.array(["text"]), 2**63, -(2**63) - 1, b"bytes", 1j, len),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_plain_form_becomes_a_handle(value: object) -> None:
    handled: list[object] = []

    def handle(value: object) -> protocol.Remote:
        handled.append(value)
        return protocol.Remote(7, "thing")

    wired = values.to_wire([value], handle)
    assert wired == protocol.List([protocol.Remote(7, "thing")])
    assert handled[0] is value


def test_a_list_that_holds_itself_ends_in_a_handle_instead_of_a_recursion() -> None:
    endless: list[Any] = []
    endless.append(endless)
    handled: list[object] = []

    def handle(value: object) -> protocol.Remote:
        handled.append(value)
        return protocol.Remote(1, "")

    values.to_wire(endless, handle)
    assert handled == [endless]


def test_arrays_are_collected_in_the_order_in_which_both_sides_meet_them() -> None:
    sent = [np.array([1]), {"a": (np.array([2]), [np.array([3])])}, np.array([4])]
    ours: list[AnyArray] = []
    theirs: list[AnyArray] = []
    wired = values.to_wire(sent, _no_handle, ours)
    values.from_wire(wired, _no_handle, theirs)
    assert [int(a[0]) for a in ours] == [int(a[0]) for a in theirs] == [1, 2, 3, 4]


F8 = np.dtype("float64").str
FALSE_CLAIMS = {
    "unknown dtype": ("|O", [1], "C", 8),
    "text dtype": ("<U2", [1], "C", 8),
    "too few bytes": (F8, [2, 2], "C", 24),
    "too many bytes": (F8, [2, 2], "C", 40),
    "negative": (F8, [-1], "C", 8),
    "two negatives": (F8, [-2, -1], "C", 16),
    "33 dimensions": (F8, [1] * 33, "C", 8),
    "overflow to zero": (F8, [2**32, 2**32], "C", 0),
    "beyond 64 bits": (F8, [2**63, 2**63], "C", 8),
    "huge and empty": (F8, [2**63, 0], "C", 0),
    "many and empty": (F8, [1000] * 31 + [0], "C", 0),
    "unknown layout": (F8, [1], "K", 8),
    "strided scalar": (F8, [], "S", 8),
}


@pytest.mark.parametrize("claim", FALSE_CLAIMS.values(), ids=FALSE_CLAIMS.keys())
def test_an_array_that_is_not_what_it_claims_is_refused_before_memory_is_taken(
    claim: tuple[str, list[int], str, int],
) -> None:
    dtype, shape, layout, length = claim
    wire = protocol.Array(dtype, shape, layout, memoryview(bytes(length)))
    tracemalloc.start()
    try:
        with pytest.raises(BadFrame, match=r"an (empty )?array of"):
            values.array_from_wire(wire)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


@pytest.mark.parametrize("layout", ["C", "F", "S"])
@pytest.mark.parametrize("shape", [[2**40, 2**18, 0], [0, 2**59], [2**58, 0]])
def test_an_empty_array_of_any_shape_is_made_or_refused_and_nothing_else(
    shape: list[int], layout: str
) -> None:
    try:
        made = values.array_from_wire(protocol.Array(F8, shape, layout, memoryview(b"")))
    except BadFrame:
        return
    assert list(made.shape) == shape


def test_a_scalar_with_the_wrong_number_of_bytes_is_refused() -> None:
    with pytest.raises(BadFrame):
        values.from_wire(protocol.Scalar(F8, b"1234567"), _no_handle)


def test_a_dict_with_more_keys_than_values_is_refused() -> None:
    with pytest.raises(BadFrame, match="keys and values"):
        values.from_wire(protocol.Dict(["a", "b"], [1]), _no_handle)


def test_containers_nested_deeper_than_any_sender_nests_are_refused() -> None:
    deep: protocol.Value = 1
    for _ in range(values.MAX_DEPTH + 3):
        deep = protocol.List([deep])
    with pytest.raises(BadFrame, match="nested too deep"):
        values.from_wire(deep, _no_handle)


def test_the_deepest_value_that_is_sent_is_also_taken() -> None:
    deep: Any = 1
    for _ in range(values.MAX_DEPTH):
        deep = [deep]
    assert crossed(deep) == deep


def test_a_float_of_a_class_of_its_own_comes_as_a_float() -> None:
    class Loss(float):
        def __str__(self) -> str:
            return "small"

    assert same(crossed([Loss(0.1), Loss("nan")]), [0.1, math.nan])


def test_long_doubles_come_as_doubles() -> None:
    tenth = np.longdouble(1) / 10
    for dtype in (tenth.dtype, tenth.dtype.newbyteorder()):
        assert same(crossed(np.array([[tenth, -tenth]], dtype)), np.array([[0.1, -0.1]]))
    assert same(crossed(tenth), np.float64(0.1))
    assert same(crossed(np.clongdouble(tenth)), np.complex128(0.1))
