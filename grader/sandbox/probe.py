"""What runs inside a sandbox to try its promises: code that does what a hostile student would.

It stands for a submission: an item process imports it, and what it prints comes back as output.
"""

from __future__ import annotations

from typing import Final

HELD: Final = "held"
BROKEN: Final = "BROKEN"

PROBE: Final = r"""
import ctypes, os, resource, signal, socket, threading, time

libc = ctypes.CDLL(None, use_errno=True)

def refused(step):
    try:
        return not step()
    except (OSError, RuntimeError, MemoryError):
        return True

def network():
    addresses = [(socket.AF_INET, ("1.1.1.1", 53)), (socket.AF_INET6, ("2606:4700:4700::1111", 53))]
    def out(family, address):
        with socket.socket(family, socket.SOCK_DGRAM) as way:
            return way.sendto(b"x", address)
    return all(refused(lambda a=a: out(*a)) for a in addresses)

def families():
    def make(family):
        socket.socket(family).close()
        return True
    return all(refused(lambda f=f: make(f)) for f in range(64) if f != socket.AF_UNIX)

def kernel():
    x86 = os.uname().machine == "x86_64"
    calls = [(425, 1, None), (250 if x86 else 219, 0, -3, 0), (101 if x86 else 117, 0, 0, 0, 0),
             (321 if x86 else 280, 0, None, 0), (272 if x86 else 97, 0x10000000),
             (323 if x86 else 282, 1)]
    def made(call):
        ctypes.set_errno(0)
        return libc.syscall(*call) >= 0 or ctypes.get_errno() not in (1, 38)
    return not any(made(call) for call in calls)

def files():
    places = ("/", "/etc", "/usr", "/usr/bin", "/var", "/bridge", "/dev", "/dev/shm", "/root",
              "/runtime", "/opt/worker", "/proc/sys/kernel")
    return all(refused(lambda p=p: open(p + "/written", "w")) for p in places)

def private():
    return all(refused(lambda p=p: os.listdir(p)) for p in PRIVATE) and os.getuid() != 0

def worker():
    steps = [lambda: open("/proc/1/mem", "r+b", buffering=0), lambda: os.listdir("/proc/1/fd")]
    for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGINT):
        os.kill(1, number)
    return os.getppid() == 1 and all(refused(step) for step in steps)

def processes():
    children = []
    try:
        while len(children) < PROCESSES + 10:
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            children.append(child)
    except OSError:
        pass
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return len(children) < PROCESSES

def memory():
    # Above the limit by children that are all below it; never more than one step above.
    children, dead = [], []
    told, tell = os.pipe()
    for _ in range(4):
        child = os.fork()
        if child == 0:
            try:
                eaten = bytearray(MEMORY // 3)
                eaten[::4096] = b"x" * len(eaten[::4096])
            except MemoryError:
                os._exit(1)
            os.write(tell, b".")
            time.sleep(60)
        children.append(child)
    # Until one of them has had to go, or all have what they wanted.
    os.set_blocking(told, False)
    full, until = 0, time.monotonic() + 60
    while not dead and full < 4 and time.monotonic() < until:
        time.sleep(0.05)
        try:
            full += len(os.read(told, 4))
        except BlockingIOError:
            pass
        dead = [child for child in children if os.waitpid(child, os.WNOHANG)[0]]
    for child in set(children) - set(dead):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return bool(dead)

def disk():
    written = 0
    try:
        with open("fill", "wb", buffering=0) as file:
            while written <= SCRATCH:
                written += file.write(b"x" * (1 << 20))
    except OSError:
        pass
    os.unlink("fill")
    return written <= SCRATCH

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for promise in (network, families, kernel, files, private, worker, processes, disk, memory):
    try:
        held = promise()
    except Exception as error:
        held = False
        print("note", promise.__name__, type(error).__name__, error, flush=True)
    print("promise", promise.__name__, "held" if held else "BROKEN", flush=True)
"""

PROMISES: Final = {
    "network": ("No way out to a network", "UDP over IPv4 and IPv6"),
    "families": ("No socket but the bridge's kind", "64 families, vsock among them"),
    "kernel": ("The kernel's other doors are closed", "io_uring, keyctl, ptrace, bpf, unshare"),
    "files": ("Nothing is written but in its own folder", "12 folders of the system's"),
    "private": ("Project and home are out of reach", "their folders listed"),
    "worker": ("The worker cannot be killed, stopped or read", "3 signals, its memory and files"),
    "processes": ("Processes are limited", "forks until the limit and 10 more"),
    "disk": ("Room is limited", "one file until the limit and 1 MiB more"),
    "memory": ("Memory is limited for all together", "4 children with a third of it each"),
}
"""What each of the probe's functions tries: the promise, and how it is tried."""
