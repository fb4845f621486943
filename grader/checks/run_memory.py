"""What memory a run may take, and when it looks for some to give back."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

import numpy as np

from grader.bridge.host_memory import bound_memory

TRUSTED_MEMORY = 1 << 30
"""Bytes that student code can make a run take, such as through a host object, on top of what is
loaded: far above what honest cases need. Two small arrays that broadcast to a huge one then raise
MemoryError in the case that asked, where the kernel would have killed the whole grading."""
RESERVE = 1 << 28
"""Bytes that a run has for itself then."""
YOUNG_OBJECTS = 10_000
"""How many the garbage collector lets be before it looks among them: a run is short, and little of
what it makes is in cycles."""
KEPT_ARRAY = 32 << 20
"""Bytes of an array whose memory is kept when it is freed: the most that glibc allows."""
RUN_ARRAYS = 20 << 20
"""Bytes that are about as many as the tests' arrays take."""
# From glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def settle_memory() -> None:
    """Set this process, a run's, for what its cases make: many small objects, a few large arrays.

    Glibc by itself gives a large array's memory back at once, and the kernel clears each page anew
    for the next one, which was half of a run's page faults. The first time it did so for each page
    alone; now the memory of all is taken as one array, for which numpy asks for huge pages.
    """
    bound_memory(TRUSTED_MEMORY, RESERVE)
    gc.set_threshold(YOUNG_OBJECTS)
    with suppress(AttributeError):  # Another C library.
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, KEPT_ARRAY)
        mallopt(M_TRIM_THRESHOLD, TRUSTED_MEMORY)
        np.empty(RUN_ARRAYS, np.uint8)  # Freed at once, and kept.
