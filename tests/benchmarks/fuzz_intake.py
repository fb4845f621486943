"""Mutates real zips and takes them in as an upload would be: `fuzz_intake.py [COUNT] [--seed N]`.

Each one gives a submission or a rejection of one sentence; anything else is printed and ends the
run with exit code 1. Watched are also every attempt to open a file for writing, to make a folder
or to start a program, and the memory that an input takes. At the end come the counts.
"""

from __future__ import annotations

import argparse
import io
import random
import struct
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import msgspec

from grader.demo import EXAMPLES, example_files, zip_files
from grader.intake import Rejection, read_archive_bytes
from grader.lab import Lab, find_project
from grader.plain_text import printable

DEFAULT_COUNT = 100_000
NAME = "EVE_HOSTILE_LAB3"
# Memory is measured on a share of the inputs: measuring each would take several times as long.
MEASURED_SHARE = 50
SMALL = {"archive_mib": 1, "unpacked_mib": 2, "file_mib": 1, "entries": 200}
MOST_MEMORY = 16 << 20
"""Bytes that one input may take: what is unpacked, its copies, and the zip's own records."""
SIGNATURES = (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07")
PATHS = (
    b"../",
    b"/etc",
    b"C:\\x",
    b"\0\0\0\0",
    b"\x1b[2J",
    b"\xff\xfe\xfd",
    b"\xe2\x80\xae",
    b"con",
)
NAMES = (b"relu.py", b"layers/", b"HANDOUT.md", b"full.py", b"softmax", NAME.encode(), b"/large")
EVIL_NAMES = (
    *(
        b"../../../../../../x",
        b"/etc/passwd/x/x/x/x",
        b"C:/windows/x/x/x/xx",
        b"..\\..\\x\\x\\x\\x",
    ),
    *(
        b"\x1b[2J\x1b[0m\x07\x08\x0d\n",
        b"\xe2\x80\xae\xe2\x81\xa6xxxxxx",
        b"\0\0\0\0/\0\0\0",
        b"\xff" * 16,
    ),
    *(b"RELU.PY", b"relu.py/", b"//////////////////", b"./././././././././."),
)
WRITES = frozenset({"os.mkdir", "os.rename", "os.remove", "os.symlink", "os.link", "os.chmod"})
STARTS = frozenset({"subprocess.Popen", "os.system", "os.fork", "os.exec", "os.posix_spawn"})


class Escaped(BaseException):
    """Taking an archive in did something to the machine; no `except Exception` catches it."""


class Watch:
    """Raises whenever the interpreter is about to write to the machine, while it is on."""

    def __init__(self) -> None:
        self.on = False
        sys.addaudithook(self._see)

    def _see(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.on:
            return
        writes = event == "open" and isinstance(arguments[1], str) and {*arguments[1]} & {*"wax+"}
        if writes or event in WRITES or event in STARTS:
            raise Escaped(f"{event} {arguments}")


def seeds() -> list[bytes]:
    """Return real archives of every kind: stored, deflated, nested, empty, with all extras."""
    project = find_project()
    right = example_files(project, EXAMPLES[0])
    few = dict(list(right.items())[:3])
    made = [zip_files(files, NAME) for files in (right, few, {})]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = b"a comment"
        archive.writestr(f"{NAME}/layers/", b"")
        archive.writestr(f"{NAME}/layers/relu.py", b"x = 1\n")
        archive.writestr(f"{NAME}/läyers.txt", b"y" * 1000, zipfile.ZIP_DEFLATED)
        archive.writestr(f"{NAME}/inner.zip", made[1], zipfile.ZIP_DEFLATED)
        with archive.open(f"{NAME}/large", "w", force_zip64=True) as large:
            large.write(b"\0" * 100_000)
    return [*made, buffer.getvalue(), zip_files({"inner.zip": made[1]}, None)]


def mutate(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Return the archive with a few changes, most of them in its records."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        at = _place(changed, chance)
        # Most keep the length: where all offsets are wrong, nothing else is looked at.
        match chance.choice((0, 0, 2, 2, 3, 6, 6, 1, 4, 5, 7, 7, 7, 7)):
            case 0:
                changed[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del changed[at : at + chance.randint(1, 40)]
            case 2:
                number = chance.choice((0, 1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
                changed[at : at + 4] = struct.pack("<I", number)
            case 3:
                word = chance.choice(PATHS)
                changed[at : at + len(word)] = word
            case 4:
                start = chance.randrange(len(other))
                changed[at:at] = other[start : start + chance.randint(1, 200)]
            case 5:
                del changed[at:]
            case 6:
                changed[at : at + 2] = struct.pack("<H", chance.choice((0, 1, 8, 9, 12, 14, 99)))
            case 7:
                # In both of a file's headers alike, which are compared.
                old = chance.choice(NAMES)
                new = chance.choice(EVIL_NAMES)[: len(old)].ljust(len(old), b"x")
                changed = changed.replace(old, new)
    return bytes(changed)


def _place(data: bytearray, chance: random.Random) -> int:
    """Return where to change something: in seven of ten cases, in one of the zip's records."""
    found = data.find(chance.choice(SIGNATURES), chance.randrange(len(data) + 1))
    if found >= 0 and chance.random() < 0.7:
        return min(found + chance.randrange(60), len(data))
    return chance.randrange(len(data) + 1)


def small_lab() -> Lab:
    """Return the lab with limits that a fuzzed archive can reach."""
    lab = find_project().lab
    return msgspec.structs.replace(lab, intake=msgspec.structs.replace(lab.intake, **SMALL))


def fuzz(count: int, seed: int) -> tuple[int, int, int]:
    """Take in mutated archives; return how many were accepted and refused, and the most bytes.

    Raises
    ------
    Escaped
        If one of them made the interpreter write or start something.
    AssertionError
        If one was refused in more than a sentence, or took too much memory.
    Exception
        Whatever intake let through.
    """
    lab, originals, chance, watch = small_lab(), seeds(), random.Random(seed), Watch()
    accepted = refused = most = 0
    for number in range(count):
        data = mutate(chance.choice(originals), chance.choice(originals), chance)
        measured = number % MEASURED_SHARE == 0
        if measured:
            tracemalloc.start()
        watch.on = True
        try:
            taken_in = read_archive_bytes(f"{NAME}.zip", data, lab)
        except BaseException:
            watch.on = False
            Path(f"fuzz-intake-{number}.zip").write_bytes(data)
            print(f"input {number} is in fuzz-intake-{number}.zip", file=sys.stderr)
            raise
        finally:
            watch.on = False
        if measured:
            most = max(most, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        if isinstance(taken_in, Rejection):
            refused += 1
            assert printable(taken_in.reason, 2000) == taken_in.reason, taken_in.reason
            assert 0 < len(taken_in.reason) < 2000, taken_in.reason
        else:
            accepted += 1
            for path in taken_in.files:
                assert not path.startswith("/"), path
                assert ".." not in path.split("/"), path
    assert most < MOST_MEMORY, f"an input took {most} bytes"
    return accepted, refused, most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=DEFAULT_COUNT)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    accepted, refused, most = fuzz(options.count, options.seed)
    seconds = time.monotonic() - started
    print(
        f"{accepted + refused} archives in {seconds:.0f} s: {accepted} accepted, {refused} "
        f"refused; at most {most / 2**20:.1f} MiB for one (limits: {SMALL})"
    )


if __name__ == "__main__":
    main()
