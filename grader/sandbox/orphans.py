"""Ends what bubblewrap leaves behind when it is killed while it makes a sandbox.

It forks the sandbox's first process, which then waits for a word from it. If the word never comes,
that process waits for ever: it ties its life to bubblewrap's only afterwards.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from grader import owner
from grader.sandbox.launch import BRIDGE
from grader.sandbox.leftovers import owner_of

PROGRAM = "bwrap"
PATIENCE_SECONDS = 2.0


def end_orphans() -> list[str]:
    """Kill the bubblewrap processes of graders that have died, and return their names."""
    ended = []
    for process, folder in _bubblewraps():
        if owner.is_dead(owner_of(folder)):
            # Another grader may be faster, and another user's are not ours to end.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(process.name), signal.SIGKILL)
                ended.append(f"bwrap process {process.name}")
                _wait_for_end(process)
    return ended


def _bubblewraps() -> Iterator[tuple[Path, Path]]:
    """Yield each bubblewrap of a cell's, by its folder in /proc and the cell's folder."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if Path(os.fsdecode(words[0])).name == PROGRAM and BRIDGE.encode() in words:
                bridge = words[words.index(BRIDGE.encode()) - 1]
                yield process, Path(os.fsdecode(bridge)).parent


def _wait_for_end(process: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    with contextlib.suppress(OSError):
        # A process that has ended has no command line, even before anybody has asked about it.
        while (process / "cmdline").read_bytes() and time.monotonic() < deadline:
            time.sleep(0.01)
