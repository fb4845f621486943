"""Reads how often memory ran out, from the files that the kernel keeps for a control group.

A process can be killed for memory without having used too much: where the machine as a whole has
none left, the kernel takes it from whom it can, and student code is the first to go.
"""

from __future__ import annotations

from grader.bridge.kernel_files import contents

_EVENTS = ("memory.oom_control", "memory.events")
"""Of version 1 and 2."""
_LIMIT, _MOST = "memory.limit_in_bytes", "memory.max_usage_in_bytes"
"""Of version 1; version 2 has an event for it."""
_NEAR = 1 << 20
"""Bytes below the limit at which the kernel may refuse some more."""
_SHOWN = ("/sys/fs/cgroup/memory", "/sys/fs/cgroup")
"""Where a sandbox shows its group, in version 1 and 2."""


def own_group() -> str:
    """Return the folder of this process's group, inside a sandbox."""
    return next((folder for folder in _SHOWN if _event(folder, "oom_kill") is not None), _SHOWN[0])


def kills(folder: str) -> int:
    """Return how many processes of a group were killed for memory; 0 where nobody counts.

    Parameters
    ----------
    folder : str
        The group's folder.
    """
    return _event(folder, "oom_kill") or 0


def limit_was_reached(folder: str) -> bool:
    """Return whether a group has ever used all that it may; True where that cannot be told."""
    times = _event(folder, "oom")
    if times is not None:
        return times > 0
    limit, most = (contents(f"{folder}/{name}") for name in (_LIMIT, _MOST))
    return not (limit and most) or int(most) >= int(limit) - _NEAR


def _event(folder: str, event: str) -> int | None:
    for name in _EVENTS:
        for line in contents(f"{folder}/{name}").splitlines():
            key, _, number = line.partition(" ")
            if key == event:
                return int(number)
    return None
