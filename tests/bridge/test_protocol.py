"""Messages: each kind comes back as it was, and no bytes at all do more harm than a BadFrame."""

from __future__ import annotations

import random
import struct
import tracemalloc
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.bridge import protocol, values
from grader.bridge.frames import BadFrame

ARRAY = values.array_to_wire(np.arange(6.0).reshape(2, 3))
NOTHING = protocol.Dict([], [])
NAMED = protocol.Dict(["lr"], [0.1])

MESSAGES: dict[str, list[protocol.Wire]] = {
    "orders": [
        protocol.Setup("/root", True, 10, {"CORE": 0}, {"a": ["b"]}, {"FullLayer": "layers.full"}),
        protocol.WriteFile("layers/full.py", b"\0\xff"),
        protocol.Start("token", "layers"),
        protocol.End(lost=True),
    ],
    "worker_replies": [
        protocol.Hello("token"),
        protocol.Done(),
        protocol.Done("no room"),
        protocol.Ended(9, True, "printed"),
    ],
    "requests": [
        protocol.Prepare(1, "FullLayer", "layers.full", False),
        protocol.BeginCase(2, 3),
        protocol.BeginCase(2, 3, msgspec.Raw(msgspec.msgpack.encode({b"tag": b"sealed"}))),
        protocol.New(4, 5, "FullLayer", "layers.full", [3, 2], NAMED),
        protocol.Call(
            6, 5, "forward", [ARRAY, protocol.Host(0, ["forward"], ["W"], "FullLayer")], NOTHING
        ),
        protocol.Get(7, 5, "W"),
        protocol.Set(8, 5, "W", ARRAY),
        protocol.HostReturned(9, protocol.Tuple([None, True, "text"])),
        protocol.HostRaised(10, 0, "TypeError", "no"),
    ],
    "replies": [
        protocol.Hello("token"),
        protocol.Returned(1, protocol.Scalar("<f8", bytes(8)), [protocol.Mutation(1, 0, ARRAY)]),
        protocol.Raised(2, "MyError", "ValueError", "no", [protocol.Frame("full.py", 3, "f")], 0),
        protocol.HostCall(3, 0, "forward", [protocol.List([ARRAY])], NAMED),
        protocol.HostGet(4, 0, "W"),
        protocol.HostSet(5, 0, "W", protocol.Remote(1 << 32, "a set")),
        protocol.Foresaw(2, b"link"),
    ],
}
EVERY = [(name, message) for name, messages in MESSAGES.items() for message in messages]
NAMES = [f"{name}-{type(message).__name__}" for name, message in EVERY]


@pytest.mark.parametrize(("decoder", "message"), EVERY, ids=NAMES)
def test_each_message_comes_back_as_it_was(decoder: str, message: protocol.Wire) -> None:
    assert protocol.decode(protocol.encode(message), getattr(protocol, decoder)) == message


@pytest.mark.parametrize(("decoder", "message"), EVERY, ids=NAMES)
def test_a_message_with_a_field_too_many_or_too_few_is_refused(
    decoder: str, message: protocol.Wire
) -> None:
    tag, *fields = msgspec.msgpack.decode(protocol.encode(message))
    required = [f for f in msgspec.structs.fields(message) if f.required]
    refused: list[Any] = [[tag, *fields, 1], ["nonsense", *fields], fields, []]
    refused += [[tag, *fields[: len(required) - 1]]] * bool(required)
    refused += [{"t": tag, **dict(zip(message.__struct_fields__, fields, strict=True))}]
    for wrong in refused:
        with pytest.raises(BadFrame):
            protocol.decode(msgspec.msgpack.encode(wrong), getattr(protocol, decoder))


@pytest.mark.parametrize(("decoder", "message"), EVERY, ids=NAMES)
def test_a_message_with_bytes_behind_it_is_refused(decoder: str, message: protocol.Wire) -> None:
    with pytest.raises(BadFrame):
        protocol.decode(protocol.encode(message) + b"\xc0", getattr(protocol, decoder))


def test_a_message_of_another_conversation_is_refused() -> None:
    with pytest.raises(BadFrame):
        protocol.decode(protocol.encode(protocol.End(lost=False)), protocol.replies)
    with pytest.raises(BadFrame):
        protocol.decode(protocol.encode(protocol.Returned(1, None)), protocol.worker_replies)


def test_nesting_that_would_exhaust_the_stack_is_refused() -> None:
    opening = msgspec.msgpack.encode(["l", [None]])[:-1]
    payload = protocol.encode(protocol.HostReturned(1, None))
    head = payload[: payload.rindex(b"\xc0")]
    with pytest.raises(BadFrame):
        protocol.decode(head + opening * 100_000 + b"\xc0", protocol.requests)


@pytest.mark.parametrize("header", [b"\xdd", b"\xc6", b"\xdb"], ids=["array", "bytes", "text"])
def test_lengths_that_are_promised_inside_a_message_take_no_memory(header: bytes) -> None:
    payload = protocol.encode(protocol.Returned(1, protocol.List([])))
    at = payload.index(b"\x90", payload.index(b"\xa1l"))
    lie = payload[:at] + header + struct.pack(">I", 2**32 - 1) + b"\xc0" * 10
    tracemalloc.start()
    try:
        with pytest.raises(BadFrame):
            protocol.decode(lie, protocol.replies)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_or_read_and_nothing_else(data: bytes) -> None:
    read(data)


def test_mutated_messages_are_refused_or_read_and_nothing_else() -> None:
    chance = random.Random(1)  # a failure names its bytes
    payloads = [protocol.encode(message) for message in MESSAGES["replies"]]
    refused = 0
    for _ in range(20_000):
        data = bytearray(chance.choice(payloads))
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        refused += not read(bytes(data))
    # Both ways of ending were met, so that the test has tried what it is about.
    assert 1_000 < refused < 20_000


def read(data: bytes) -> bool:
    """Read what could be a reply, values included; whether it was one."""
    try:
        reply = protocol.decode(data, protocol.replies)
        for field in msgspec.structs.asdict(reply).values():
            read_field(field)
    except BadFrame:
        return False
    return True


def read_field(field: object) -> None:
    if isinstance(field, list):
        for item in field:
            read_field(item)
    elif isinstance(field, protocol.Mutation):
        values.array_from_wire(field.array)
    elif isinstance(field, protocol.Dict):
        values.dict_from_wire(field, lambda wire: wire)
    elif not isinstance(field, protocol.Frame):
        values.from_wire(field, lambda wire: wire)  # type: ignore[arg-type]
