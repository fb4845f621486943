"""A run's process keeps the memory that its cases use again, and takes only so much."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from grader.bridge import host_memory, protocol
from grader.checks.run_memory import RESERVE, RUN_ARRAYS, TRUSTED_MEMORY, settle_memory

ARRAY = 3 << 20
"""Bytes: larger than what glibc keeps by itself of several, smaller than what gets huge pages."""

HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage")

glibc = pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="is glibc's")


def in_a_run(holds: Callable[[], bool]) -> bool:
    """Tell what a fork says whose memory is settled."""
    process = os.fork()
    if process == 0:
        try:
            settle_memory()
            os._exit(not holds())
        finally:
            os._exit(2)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status) == 0


def keeps_arrays() -> bool:
    """Make three arrays, twice, and tell whether the second time took few new pages."""

    def pages() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        arrays = [np.ones(ARRAY, np.uint8) for _ in range(3)]
        assert len(arrays) == 3
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    pages()
    return pages() * resource.getpagesize() < ARRAY // 4


def in_huge_pages() -> int:
    """Return how much memory is to be in huge pages, in bytes."""
    total = size = 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if line.startswith("Size:"):
            size = int(line.split()[1]) << 10
        elif line.startswith("VmFlags:") and "hg" in line.split():
            total += size
    return total


@glibc
def test_freed_arrays_memory_is_used_again() -> None:
    assert in_a_run(keeps_arrays)


@glibc
@pytest.mark.skipif(not HUGE_PAGES.exists(), reason="this kernel has none")
def test_a_runs_arrays_come_in_huge_pages() -> None:
    assert in_a_run(lambda: in_huge_pages() > RUN_ARRAYS // 2)


def test_an_array_beyond_all_honest_needs_is_refused() -> None:
    def is_refused() -> bool:
        with pytest.raises(MemoryError):
            np.ones(2 * TRUSTED_MEMORY, np.uint8)
        return True

    assert in_a_run(is_refused)


def test_host_objects_cannot_take_what_the_run_itself_needs() -> None:
    def has_some_left() -> bool:
        taken = []
        before = host_memory.enter()
        with suppress(MemoryError):
            while True:
                taken.append(bytearray(4 << 20))
        host_memory.leave(before)
        return len(taken) > 100 and len(bytearray(RESERVE // 2)) > 0

    assert in_a_run(has_some_left)


def test_a_message_that_there_is_no_memory_for_is_no_end_of_the_run() -> None:
    """Msgspec's own buffer, where it cannot grow, takes the process with it."""

    def is_refused_until_there_is_some() -> bool:
        message = protocol.WriteFile("x", b"x" * (15 << 20))
        taken = []
        with suppress(MemoryError):
            while True:
                taken.append(bytearray(4 << 20))
        refused = 0
        while taken:
            try:
                return len(protocol.encode_or_raise(message)) > 15 << 20 and refused > 0
            except MemoryError:
                refused += 1
                taken.pop()
        return False

    assert in_a_run(is_refused_until_there_is_some)
