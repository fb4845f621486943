"""Names the process that owns something on the machine, so that others can tell if it is dead.

A process number alone would not do: it is given out again after the process's end.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
from functools import cache
from pathlib import Path

# The machine's run since it was started, the namespace that the number is of, the number, and
# when the process began: all in hex, joined by dots. Short, for it is part of a socket's path.
_NAME = re.compile(r"([0-9a-f]{8})\.([0-9a-f]+)\.([0-9a-f]+)\.([0-9a-f]+)")
_STARTED = 19
"""Index of the start time in /proc/PID/stat, counted from the field after the program's name."""


@cache
def own_name() -> str:
    """Return the name of this very process, of letters, digits and dots."""
    pid = os.getpid()
    _, began = _shown(pid) or ("", 0)
    return f"{_boot()}.{_pid_namespace():x}.{pid:x}.{began:x}"


os.register_at_fork(after_in_child=own_name.cache_clear)


def machine() -> str:
    """Return what tells this machine from others, through restarts, in 16 letters and digits."""
    try:
        told = Path("/etc/machine-id").read_text()
    except OSError:
        told = socket.gethostname()
    # Systemd's page asks that the number itself be given to no one.
    return hashlib.sha256(f"nn-lab {told.strip()}".encode()).hexdigest()[:16]


def is_dead(name: str) -> bool:
    """Return whether the process of that name has surely ended.

    False also for what is no such name, and for a process of another pid namespace, such as a
    grader in a container of its own, of which nothing is known from here.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return False
    boot, namespace, pid, started = found[1], *(int(part, 16) for part in found.groups()[1:])
    if boot != _boot():
        return True
    if namespace != _pid_namespace():
        return False
    shown = _shown(pid)
    if shown is None:
        # It may only be hidden, as /proc can hide other users' processes.
        return not _exists(pid)
    state, began = shown
    return state in ("Z", "X") or began != started


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    except OSError:
        return "0" * 8


def _pid_namespace() -> int:
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0


def _shown(pid: int) -> tuple[str, int] | None:
    """Return a process's state, and when it began in ticks since the machine did, if shown."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The program's name is in parentheses and may hold spaces and parentheses itself.
    state, *fields = line.rpartition(")")[2].split()
    return state, int(fields[_STARTED - 1])


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
