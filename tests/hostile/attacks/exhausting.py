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
