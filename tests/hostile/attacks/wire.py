"""Attacks on the protocol: code that writes to the grader's connection itself."""

from __future__ import annotations

import textwrap

from grader.model import Outcome
from tests.hostile.attack import Attack

# The connection and the request that is being answered, found as any student could find them.
_CONNECTION = """
import os, struct, sys, time
from grader.bridge import protocol, values
from grader.bridge.frames import Stream

def server_frame():
    frame = sys._getframe(1)
    while not hasattr(frame.f_locals.get("request"), "id"):
        frame = frame.f_back
    return frame

def connection():
    return server_frame().f_locals["self"]._stream

def request():
    return server_frame().f_locals["request"]

def send(message):
    connection().send(message if isinstance(message, bytes) else protocol.encode(message))

def send_instead(message):
    "Send a reply, and keep the honest one from being sent after it."
    send(message)
    honest_hold = Stream.hold
    def swallow(stream, payload):
        Stream.hold = honest_hold
    Stream.hold = swallow
"""

# What no honest process sends, with what each is after. The connection ends with every one of
# them, and the next case, in a fresh process, sends the next.
_BAD_FRAMES = {
    "garbage": (
        "no message at all",
        r'send(b"\xc1\xff garbage" * 9)',
    ),
    "empty": (
        "a frame of no bytes",
        'send(b"")',
    ),
    "4-gib": (
        "a header for which a careless grader would make room",
        'connection()._connection.sendall(struct.pack(">I", 2**32 - 1) + b"x" * 100)',
    ),
    "unknown-type": (
        "a message of a type that there is not",
        r'send(b"\x91\xa3boo")',
    ),
    "unknown-field": (
        "a reply with one field more than the protocol knows",
        r"""
reply = protocol.encode(protocol.Returned(request().id, 1.0))
send(reply.replace(b"\x94", b"\x95", 1) + b"\x01")
""",
    ),
    "two-in-one": (
        "two replies in one frame",
        "send(protocol.encode(protocol.Returned(request().id, 1.0)) * 2)",
    ),
    "wrong-id": (
        "the number of another request",
        "send(protocol.Returned(request().id ^ 1, 1.0))",
    ),
    "sent-early": (
        "replies to the requests to come, under numbers that they may have",
        """
for number in range(request().id + 1, request().id + 50):
    send(protocol.Returned(number, 1.0))
""",
    ),
    "second-hello": (
        "another Hello on the same connection",
        'send(protocol.Hello("me"))',
    ),
    "control-message": (
        "what only a worker says",
        'send(protocol.Ended(0, False, "all passed"))',
    ),
    "nested-too-deep": (
        "lists in lists, deeper than a stack holds",
        r"""
nested = b"\x92\xa1l\x91" * 100_000 + b"\xc0"
send(protocol.encode(protocol.Returned(request().id, "X")).replace(b"\xa1X", nested))
""",
    ),
    "unknown-host-object": (
        "a question to an object that the grader never handed out",
        'send(protocol.HostGet(1, 10**6, "W"))',
    ),
    "change-of-no-argument": (
        "a change to an argument that there was not",
        """
array = protocol.Array("<f8", [1], "C", memoryview(b"x" * 8))
number = request().id
send(protocol.Returned(number, None, [protocol.Mutation(number, 7, array)]))
""",
    ),
    "change-of-no-request": (
        "a change to an argument of a request that there was not",
        """
array = protocol.Array("<f8", [1], "C", memoryview(b"x" * 8))
send(protocol.Returned(request().id, None, [protocol.Mutation(request().id ^ 1, 0, array)]))
""",
    ),
    "change-of-shape": (
        "another shape for an argument",
        """
number = request().id
array = protocol.Array("<f8", [1], "C", memoryview(b"x" * 8))
send(protocol.Returned(number, None, [protocol.Mutation(number, 0, array)]))
""",
    ),
    "changes-without-end": (
        "the same change, as often as a frame has room for",
        """
number = request().id
array = protocol.Array("<f8", [1], "C", memoryview(b"x" * 8))
send(protocol.Returned(number, None, [protocol.Mutation(number, 0, array)] * 100_000))
""",
    ),
}

# Values that no honest process sends, in a reply that is otherwise right.
_BAD_VALUES = {
    "huge-shape": (
        "exabytes",
        'protocol.Array("<f8", [2**40, 2**20], "C", memoryview(b"x" * 64))',
    ),
    "negative-shape": (
        "two negative dimensions whose product fits the bytes",
        'protocol.Array("<f8", [-2, -4], "C", memoryview(b"x" * 64))',
    ),
    "many-dimensions": (
        "more dimensions than numpy can count",
        'protocol.Array("<f8", [1] * 65, "C", memoryview(b"x" * 8))',
    ),
    "empty-but-huge": (
        "dimensions that overflow beside a 0",
        'protocol.Array("<f8", [0, 2**62, 2**62], "S", memoryview(b""))',
    ),
    "object-dtype": (
        "bytes that would be pointers, were they an array of objects",
        'protocol.Array("|O", [8], "C", memoryview(b"x" * 64))',
    ),
    "no-item-size": (
        "any number of items in no bytes",
        'protocol.Array("|V0", [2**40], "C", memoryview(b""))',
    ),
    "record-dtype": (
        "a dtype in numpy's own small language",
        'protocol.Array("f8,O", [4], "C", memoryview(b"x" * 64))',
    ),
    "unknown-layout": (
        "a memory layout that there is not",
        'protocol.Array("<f8", [8], "Z", memoryview(b"x" * 64))',
    ),
    "long-scalar": (
        "a scalar with the bytes of many",
        'protocol.Scalar("<f8", b"x" * 64)',
    ),
    "lopsided-dict": (
        "more keys than values",
        'protocol.Dict(["a", "b"], [1.0])',
    ),
    "unknown-host-value": (
        "a host object that the grader never handed out",
        "protocol.Host(3, [], [])",
    ),
}


def _one_after_the_other(forms: dict[str, str]) -> str:
    """Write a forward that takes the next form each time; a file counts, for processes end."""
    functions = "\n".join(
        f"def form_{number}():\n{textwrap.indent(body, '    ')}\n"
        for number, body in enumerate(forms.values())
    )
    return f"""{_CONNECTION}
{functions}
NAMES = {list(forms)!r}

def forward(self, x):
    with open("forms-done", "ab") as done:
        number = done.tell() % len(NAMES)
        done.write(b".")
    print("CANARY", NAMES[number], flush=True)
    globals()[f"form_{{number}}"]()

SoftMaxLayer.forward = forward
"""


_FORMS = {
    **{name: body for name, (_, body) in _BAD_FRAMES.items()},
    **{
        name: f"send(protocol.Returned(request().id, {value}))"
        for name, (_, value) in _BAD_VALUES.items()
    },
}
_QUICK = {"case_seconds": 1.0, "lost_processes": 1}

WIRE = (
    Attack(
        name="bad-frames",
        tries="Frames that no honest process sends, another one in each case.",
        code=_one_after_the_other(_FORMS),
        forms=tuple(_FORMS),
        outcome=Outcome.CRASHED,
        limits={"lost_processes": 100},
        harmless=True,
    ),
    Attack(
        name="false-changes",
        tries="With every reply come changes, well formed and false, of all arrays that this and "
        "earlier calls brought: to what the wrong answers are right for.",
        item="cross_entropy",
        neighbour="softmax",
        code=f"""{_CONNECTION}
held = []

def forge(result):
    "Reply with a result, and with ones in place of every array that the case has brought."
    watched = server_frame().f_locals["self"]._watch._watched
    changes = [
        protocol.Mutation(one.request, one.index, values.array_to_wire(np.ones_like(one.array())))
        for one in watched
    ]
    print("CANARY: forged", len(changes), "changes", flush=True)
    send_instead(protocol.Returned(request().id, values.to_wire(result, None), changes))

def forward(self, x, t):
    held.append((x, t))  # What nobody holds is forgotten, and cannot be named any more.
    self.gradient = np.zeros(x.shape)
    self.gradient[:, 0] = -1 / len(x)
    forge(0.0)

def backward(self, y_grad=None):
    forge(self.gradient)

CrossEntropyLayer.forward, CrossEntropyLayer.backward = forward, backward
""",
        outcome=Outcome.FAILED,
        harmless=True,
    ),
    Attack(
        name="replies-out-of-order",
        tries="The next request is read and answered before the one that is being served.",
        item="full",
        code=f"""{_CONNECTION}
def init(self, n_i, n_o):
    print("CANARY: answers the later request first", flush=True)
    later = protocol.decode(connection().receive(), protocol.requests)
    send(protocol.Returned(later.id, 1.0))

FullLayer.__init__ = init
""",
        outcome=Outcome.CRASHED,
        limits={"case_seconds": 2.0},
        harmless=True,
    ),
    Attack(
        name="frame-that-never-ends",
        tries="A frame arrives byte by byte, always one more before the grader could give up.",
        code=f"""{_CONNECTION}
def forward(self, x):
    print("CANARY: sends for ever", flush=True)
    raw = connection()._connection
    raw.sendall(struct.pack(">I", 10**6))
    while True:
        raw.sendall(b"x")
        time.sleep(0.05)

SoftMaxLayer.forward = forward
""",
        outcome=Outcome.TIMEOUT,
        limits=_QUICK,
        harmless=True,
    ),
    Attack(
        name="unknown-object",
        tries="The reply is an object that is not there, and whose name would clear a terminal.",
        code=f"""{_CONNECTION}
def forward(self, x):
    print("CANARY: returns what is not there", flush=True)
    x[...] = 0
    send_instead(protocol.Returned(request().id, protocol.Remote(-1, "ndarray\\x1b[2J")))

SoftMaxLayer.forward = forward
""",
        outcome=Outcome.FAILED,
        harmless=True,
    ),
    Attack(
        name="forged-exception",
        tries="An exception whose names, text, frames and cause are all made up.",
        code=f"""{_CONNECTION}
def forward(self, x):
    print("CANARY: raises what never was", flush=True)
    text = "\\x1b[2J\\u202e" * 10_000
    frames = [protocol.Frame(text, -1, text)] * 50
    send_instead(protocol.Raised(request().id, "Skipped", "Skipped", text, frames, 0))

SoftMaxLayer.forward = forward
""",
        outcome=Outcome.FAILED,
        harmless=True,
    ),
    Attack(
        name="slow-reader",
        tries="A large answer is read so slowly that every write makes progress and none ends.",
        item="sequential",
        code=f"""{_CONNECTION}
def init(self, layers, loss):
    print("CANARY: reads slowly", flush=True)
    handle = loss._wire.handle
    send(protocol.HostSet(1, handle, "x", protocol.List([1.0] * 10**6)))
    connection().receive()
    send(protocol.HostGet(2, handle, "x"))
    while True:
        connection()._connection.recv(100_000)
        time.sleep(0.1)

Sequential.__init__ = init
""",
        outcome=Outcome.TIMEOUT,
        limits=_QUICK,
        harmless=True,
    ),
    Attack(
        name="endless-questions",
        tries="A host object is asked for ever, so that the grader is always busy answering.",
        item="sequential",
        code="""
def init(self, layers, loss):
    print("CANARY: asks for ever", flush=True)
    while True:
        loss.x = 1.0

Sequential.__init__ = init
""",
        outcome=Outcome.TIMEOUT,
        limits=_QUICK,
        harmless=True,
    ),
    Attack(
        name="silent-callers",
        tries="Connections that never say Hello wait in front of the next item's, and stay open "
        "when their owner is dead, as file descriptors on their way through each other.",
        code="""
import os, socket

with open(f"/proc/{os.getppid()}/cmdline") as file:
    address = next(word for word in file.read().split("\\0") if word.endswith("grader.sock"))
callers = []
for _ in range(7):
    caller = socket.socket(socket.AF_UNIX)
    caller.connect(address)
    callers.append(caller)
socket.send_fds(callers[-1], [b"x"], [caller.fileno() for caller in callers[:-1]])
print("CANARY: left", len(callers), "callers waiting", flush=True)
""",
        limits={"start_seconds": 6.0},
        harmless=True,
    ),
    Attack(
        name="stolen-token",
        tries="The worker's own token, and guesses, open further connections as the worker or as "
        "an item's process.",
        code="""
import os, socket
from grader.bridge import protocol
from grader.bridge.frames import Stream

with open(f"/proc/{os.getppid()}/cmdline") as file:
    words = file.read().strip("\\0").split("\\0")
address = next(word for word in words if word.endswith("grader.sock"))
for token in (words[-1], "", "0" * 32):
    caller = socket.socket(socket.AF_UNIX)
    caller.connect(address)
    stream = Stream(caller, 1 << 20)
    stream.send(protocol.encode(protocol.Hello(token)))
    stream.send(protocol.encode(protocol.Ended(0, False, "GAINED: spoke for the worker")))
    # A child holds the connection open, for as long as it lives.
    if os.fork() == 0:
        os.setsid()
        while True:
            stream.receive()
            print("GAINED: the grader answered", flush=True)
print("CANARY: connected with a stolen token", flush=True)
""",
        limits={"start_seconds": 6.0},
        harmless=True,
    ),
)
