"""Attacks on resources: time, memory, processes, room, and the grader's patience."""

from __future__ import annotations

from grader.model import Outcome
from tests.hostile.attack import Attack

_QUICK = {"case_seconds": 1.0, "lost_processes": 1}

EXHAUSTING = (
    Attack(
        name="infinite-loop",
        tries="A forward that never returns.",
        code="""
def forward(self, x):
    print("CANARY: loops", flush=True)
    while True:
        pass

SoftMaxLayer.forward = forward
""",
        outcome=Outcome.TIMEOUT,
        limits=_QUICK,
        harmless=True,
    ),
    Attack(
        name="deaf-sleeper",
        tries="A forward that sleeps and ignores every signal that can be ignored.",
        code="""
import signal, time

def forward(self, x):
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(number, signal.SIG_IGN)
        except OSError:
            continue
    print("CANARY: sleeps", flush=True)
    time.sleep(10_000)

SoftMaxLayer.forward = forward
""",
        outcome=Outcome.TIMEOUT,
        limits=_QUICK,
        harmless=True,
    ),
    Attack(
        name="fork-bomb",
        tries="As many processes as there can be, all of which want to outlive the item.",
        code="""
import os, time

made = 0
while made < 1000:
    try:
        if os.fork() == 0:
            os.setsid()
            time.sleep(10_000)
    except OSError:
        break
    made += 1
print("CANARY: forked", made, flush=True)
if made >= 100:
    print("GAINED: no limit on processes", flush=True)
""",
    ),
    Attack(
        name="memory-bomb",
        tries="More memory than the sandbox may have.",
        code="""
def forward(self, x):
    print("CANARY: eats memory", flush=True)
    eaten = []
    while True:
        eaten.append(np.ones(1 << 20))

SoftMaxLayer.forward = forward
""",
        outcome=Outcome.MEMORY,
        limits={"lost_processes": 1, "memory_mib": 256},
    ),
    Attack(
        name="child-only-memory-bomb",
        tries="A child takes more memory than there is, so that its parent lives on in its stead.",
        code="""
import os

child = os.fork()
if child == 0:
    eaten = []
    while True:
        eaten.append(np.ones(1 << 20))
status = os.waitpid(child, 0)[1]
print("CANARY: the child ended with", status, flush=True)
if not os.WIFSIGNALED(status) and os.waitstatus_to_exitcode(status) == 0:
    print("GAINED: no limit on memory", flush=True)
""",
        limits={"memory_mib": 256},
    ),
    Attack(
        name="divided-memory-bomb",
        tries="Each of several children stays below the limit that all of them are above.",
        code="""
import os, time

children = []
for _ in range(8):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        eaten = np.ones(100 << 17)
        os.write(write, b"eaten")
        time.sleep(10_000)
    children.append(child)
    # One after the other: while several grow, their parent may be the largest, which is killed.
    os.close(write)
    os.read(read, 5)
alive, until = children, time.monotonic() + 5
while len(alive) > 3 and time.monotonic() < until:
    time.sleep(0.1)
    alive = [child for child in alive if os.waitpid(child, os.WNOHANG)[0] == 0]
print("CANARY: children with 100 MB each:", len(alive), "of", len(children), flush=True)
if len(alive) > 3:
    print("GAINED: no limit on all of them together", flush=True)
""",
        limits={"memory_mib": 256},
    ),
    Attack(
        name="thread-bomb",
        tries="As many threads as there can be, all of which sleep for ever.",
        code="""
import threading, time

made = 0
try:
    while made < 1000:
        threading.Thread(target=time.sleep, args=(10_000,), daemon=True).start()
        made += 1
except (RuntimeError, MemoryError):
    pass
print("CANARY: started", made, "threads", flush=True)
if made >= 100:
    print("GAINED: no limit on threads", flush=True)
""",
    ),
    Attack(
        name="socket-flood",
        tries="The grader's socket is called again and again, and its queue kept full.",
        code="""
import os, socket

with open(f"/proc/{os.getppid()}/cmdline") as file:
    address = next(word for word in file.read().split("\\0") if word.endswith("grader.sock"))
callers, called = [], 0
for _ in range(5000):
    caller = socket.socket(socket.AF_UNIX)
    caller.setblocking(False)
    try:
        caller.connect(address)
        called += 1
        caller.send(b"x" * 1000)
    except OSError:
        pass
    callers.append(caller)
    if len(callers) > 100:
        callers.pop(0).close()
print("CANARY: called", called, "times", flush=True)
""",
        limits={"start_seconds": 6.0},
        harmless=True,
    ),
    Attack(
        name="printed-flood",
        tries="Far more output than is kept, in hope that somebody waits for it to be read.",
        code="""
import sys

print("CANARY: floods", flush=True)
for stream in (sys.stdout, sys.stderr):
    for _ in range(160):
        stream.write("\\x1b[2Jflood " * 10_000)
""",
        harmless=True,
    ),
    Attack(
        name="full-disk",
        tries="Every place that can be written is filled, with bytes and with empty files.",
        code="""
import os

written = 0
for folder in ("/tmp", os.getcwd()):
    try:
        for number in range(10_000):
            open(f"{folder}/{number}", "w").close()
    except OSError:
        pass
    try:
        with open(f"{folder}/0", "wb", buffering=0) as file:
            while written < 1 << 30:
                written += file.write(b"x" * (1 << 20))
    except OSError:
        pass
print("CANARY: filled", written, "bytes", flush=True)
if written > 64 << 20:
    print("GAINED: more room than there should be", flush=True)
""",
        limits={"scratch_mib": 16},
    ),
    Attack(
        name="broken-memory",
        tries="A write through a null pointer ends the process in the middle of a case.",
        code="""
import ctypes

def forward(self, x):
    print("CANARY: writes to address 0", flush=True)
    ctypes.memset(0, 1, 1)

SoftMaxLayer.forward = forward
""",
        outcome=Outcome.CRASHED,
        harmless=True,
    ),
)
