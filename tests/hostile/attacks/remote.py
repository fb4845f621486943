"""Attacks on the streams over which a sandbox speaks that shares no socket with the grader."""

from __future__ import annotations

from grader.model import Outcome
from tests.hostile.attack import Attack

# The relay's own messages: a connection opened, data for the worker's and an unknown one, an end.
_FORGED = """
import os, re, socket, struct

def message(kind, number, data=b"", amount=None):
    return struct.pack(">BII", kind, number, len(data) if amount is None else amount) + data

FORGED = b"".join([
    message(0, 3), message(1, 1, b"x" * 100), message(1, 99, b"x"), message(3, 1),
    message(1, 1, amount=2**32 - 1),
])
"""

REMOTE = (
    Attack(
        name="streams-taken-over",
        tries="The worker's standard streams, through every name that they could be opened by.",
        code=_FORGED
        + """
places = [f"/proc/{process}/fd/{number}" for process in (1, os.getppid()) for number in range(32)]
places += ["/dev/console", "/dev/tty", "/dev/pts/0"]
for place in places:
    for flags in (os.O_WRONLY | os.O_NONBLOCK, os.O_RDONLY | os.O_NONBLOCK):
        try:
            descriptor = os.open(place, flags)
        except OSError:
            continue
        print("GAINED:", place, flush=True)
        if flags & os.O_WRONLY:
            os.write(descriptor, FORGED)
print("CANARY: tried", len(places), "places", flush=True)
""",
    ),
    Attack(
        name="streams-forged",
        tries="The relay's own messages, on everything that this process has or can find: its "
        "standard streams, its other files, and sockets without a name in the file system.",
        code=_FORGED
        + """
for descriptor in (0, 1, 2):
    for _ in range(200):
        os.write(descriptor, FORGED)
found = 0
for line in open("/proc/net/unix").read().splitlines()[1:]:
    name = line.split()[7:]
    if name and name[0].startswith("@"):
        found += 1
        with socket.socket(socket.AF_UNIX) as way:
            way.connect("\\0" + name[0][1:])
            way.sendall(FORGED)
print("CANARY: forged, and found", found, "sockets", flush=True)
if found:
    print("GAINED: a way to the relay", flush=True)
""",
    ),
    Attack(
        name="streams-flooded",
        tries="The grader is sent more than it takes, in frames that it has no use for, while it "
        "waits for an answer.",
        code="""
import sys
from grader.bridge import protocol

def forward(self, x):
    frame = sys._getframe(1)
    while not hasattr(frame.f_locals.get("self"), "_stream"):
        frame = frame.f_back
    connection = frame.f_locals["self"]._stream._connection
    print("CANARY: floods", flush=True)
    while True:
        connection.sendall(b"\\0" * (1 << 20))

SoftMaxLayer.forward = forward
""",
        outcome=Outcome.CRASHED,
        limits={"lost_processes": 1},
    ),
)
