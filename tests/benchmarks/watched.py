"""Runs something in a fork and looks at the time and the memory that it takes."""

from __future__ import annotations

import os
import resource
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

PAUSE = 0.1
"""Seconds between two looks."""


class Took(NamedTuple):
    """What a batch took: seconds, and bytes at its largest."""

    wall: float
    cpu: float
    own: int
    together: int


def watched(run: Callable[[], object]) -> Took:
    """Run in a fork and look at its memory, and its descendants', meanwhile."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            run()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    own = together = 0
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        own = max(own, _kib(Path(f"/proc/{child}/status"), "VmHWM"))
        family = _family(child)
        together = max(together, sum(_kib(Path(f"/proc/{p}/smaps_rollup"), "Pss") for p in family))
        time.sleep(PAUSE)
    wall = time.monotonic() - started
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise SystemExit("a batch ended early")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(wall, cpu, own << 10, together << 10)


def _kib(path: Path, name: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:  # It has ended.
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def _family(process: int) -> list[int]:
    family = [process]
    for member in family:
        for task in Path(f"/proc/{member}/task").glob("*/children"):
            try:
                family += map(int, task.read_text().split())
            except OSError:
                continue
    return family
