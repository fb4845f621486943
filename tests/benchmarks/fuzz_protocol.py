"""Mutates real frames and reads them as the trusted side would: `fuzz_protocol.py [COUNT]`.

Each mutated payload is either read or refused with BadFrame; anything else is printed and ends the
run with exit code 1. At the end come the counts and the largest memory that one payload took.
"""

from __future__ import annotations

import argparse
import random
import struct
import sys
import time
import tracemalloc

import msgspec
import numpy as np

from grader.bridge import protocol, values
from grader.bridge.frames import BadFrame

DEFAULT_COUNT = 1_000_000
# Memory is measured on a share of the payloads: measuring each would take ten times as long.
MEASURED_SHARE = 20
LENGTHS = (0, 1, 2**7, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1)


def seeds() -> list[bytes]:
    """Return real replies of every kind, with arrays in every layout among their values."""
    whole = np.arange(24.0).reshape(4, 6)
    arrays = [values.array_to_wire(a) for a in (whole, whole.T, whole[:, ::2], np.empty((0, 3)))]
    scalar = protocol.Scalar(np.dtype("float64").str, bytes(8))
    handle = protocol.Remote(1 << 32, "a set")
    deep: protocol.Value = protocol.Tuple([scalar, handle, None, 1, -0.0, "text"])
    for _ in range(6):
        deep = protocol.Dict(["key"], [protocol.List([deep])])
    named = protocol.Dict(["lr"], [0.1])
    frames = [protocol.Frame("layers/full.py", 12, "forward")]
    mutated = [protocol.Mutation(7, 0, arrays[0])]
    messages: list[protocol.Wire] = [
        *(protocol.Returned(7, array) for array in arrays),
        protocol.Returned(7, deep, mutated),
        protocol.Raised(7, "MyError", "ValueError", "no", frames, 0, mutated),
        protocol.HostCall(7, 0, "forward", [arrays[1], deep], named),
        protocol.HostGet(7, 0, "W"),
        protocol.HostSet(7, 0, "W", arrays[2]),
        protocol.Foresaw(7, bytes(32)),
    ]
    return [protocol.encode(message) for message in messages]


def mutate(payload: bytes, other: bytes, chance: random.Random) -> bytes:
    """Return the payload with a few changes of the kinds that break parsers."""
    data = bytearray(payload)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[at : at + chance.randint(1, 8)]
            case 2:
                data[at:at] = data[at : at + chance.randint(1, 32)]
            case 3:
                start = chance.randrange(len(other))
                data[at : at + 4] = other[start : start + chance.randint(1, 32)]
            case 4:
                header = chance.choice(b"\xc6\xdb\xdd\xdf\xc9")
                data[at : at + 5] = struct.pack(">BI", header, chance.choice(LENGTHS))
            case _:
                data[at : at + 9] = struct.pack(">BQ", 0xCF, chance.choice(LENGTHS) << 32)
    return bytes(data)


def read(payload: bytes) -> bool:
    """Read a payload and every value in it; False if it was refused."""
    try:
        reply = protocol.decode(payload, protocol.replies)
        for change in getattr(reply, "mutated", []):
            values.array_from_wire(change.array)
        match reply:
            case protocol.Returned() | protocol.HostSet():
                values.from_wire(reply.value, lambda wire: wire)
            case protocol.HostCall():
                for item in reply.args:
                    values.from_wire(item, lambda wire: wire)
                values.dict_from_wire(reply.kwargs, lambda wire: wire)
    except BadFrame:
        return False
    return True


def measured(payload: bytes) -> tuple[bool, int]:
    """Read a payload; return also the most bytes that were allocated meanwhile."""
    tracemalloc.start()
    try:
        return read(payload), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def main() -> int:
    """Run the mutations and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=DEFAULT_COUNT)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    payloads = seeds()
    counts = {"read": 0, "refused": 0}
    most = longest = 0
    started = time.monotonic()
    for number in range(options.count):
        data = mutate(chance.choice(payloads), chance.choice(payloads), chance)
        try:
            if number % MEASURED_SHARE:
                taken = read(data)
            else:
                taken, peak = measured(data)
                most, longest = max(most, peak), max(longest, len(data))
        except Exception as error:
            print(f"payload {number}: {type(error).__name__}: {error}\n{data.hex()}")
            return 1
        counts["read" if taken else "refused"] += 1
    seconds = time.monotonic() - started
    print(f"msgspec {msgspec.__version__}, numpy {np.__version__}, seed {options.seed}")
    print(f"{options.count} payloads in {seconds:.0f} s: {counts}")
    print(f"at most {most} bytes allocated for one payload of at most {longest} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
