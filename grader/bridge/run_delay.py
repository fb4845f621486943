"""Tells how long a process was ready to run and had no processor, as the kernel counts it.

A busy machine makes right code slow. What it had to wait is no part of the time that it took.
"""

from __future__ import annotations

from pathlib import Path

from grader.bridge.kernel_files import contents

LEAST_SECONDS = 0.2
"""A shorter wait is not made up for: to ask takes time as well."""
_SECOND = 1e9
_PROCESSES = "/proc"


def own_delay_seconds() -> float:
    """Return how long this thread has waited for a processor; 0 if nobody counts."""
    return _counted(f"{_PROCESSES}/thread-self")[1]


def delay_seconds(pid: int, neighbours: bool) -> float:
    """Return how long a process has waited for a processor that others had; 0 if nobody counts.

    What its own threads have used is not counted, for it could make itself wait by them; nor what
    all others have that are to be seen, where they are of its own making too.

    Parameters
    ----------
    pid : int
    neighbours : bool
        Whether all processes to be seen but the first one are of its making.
    """
    _, waited = _counted(f"{_PROCESSES}/{pid}")
    makers = (maker for maker in _numbers(_PROCESSES) if maker != 1) if neighbours else (pid,)
    used = sum(
        _counted(f"{_PROCESSES}/{maker}/task/{thread}")[0]
        for maker in makers
        for thread in _numbers(f"{_PROCESSES}/{maker}/task")
        if thread != pid
    )
    return max(waited - used, 0.0)


def _counted(thread: str) -> tuple[float, float]:
    """Return how long a thread has run, and waited to, in seconds."""
    fields = contents(f"{thread}/schedstat").split()
    return (int(fields[0]) / _SECOND, int(fields[1]) / _SECOND) if len(fields) > 1 else (0.0, 0.0)


def _numbers(folder: str) -> list[int]:
    """Return the names of a folder that are numbers."""
    try:
        return [int(path.name) for path in Path(folder).iterdir() if path.name.isdigit()]
    except OSError:
        return []
