"""Ties a fork's life to the process that made it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel signal this process when the one that forked it ends, however that ends.

    Parameters
    ----------
    parent : int
        The number of the process that forked this one.
    by : signal.Signals
        SIGTERM for a process that has something to clear away.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, by, 0, 0, 0)
    # It may have ended before the kernel was told.
    if os.getppid() != parent:
        os._exit(1)
