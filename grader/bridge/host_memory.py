"""Bounds the memory that host objects may take, so that there is some left for those who judge.

Student code decides what a host object is given and how often, and so how much it keeps. Were there
one bound for all of a run, host objects could take the very last byte of it, and the next list that
pytest makes would end the run.
"""

from __future__ import annotations

import resource
from typing import TypeAlias

from grader.bridge.kernel_files import mapped_bytes

_Limit: TypeAlias = tuple[int, int]
"""Soft and hard, in bytes of address space."""


class _Bounds:
    """Those of the process; nothing is bounded while they are None."""

    hosts: _Limit | None = None
    all: _Limit | None = None
    present: _Limit | None = None


def bound_memory(hosts: int, reserve: int) -> None:
    """Bound this process for good.

    The limits are soft, so that sandboxes started from here can set their own.

    Parameters
    ----------
    hosts : int
        Bytes on top of what is taken now, from which on host objects get no more.
    reserve : int
        Bytes that everything else may have on top of that.
    """
    mapped = mapped_bytes()
    if not mapped:  # not Linux
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = mapped + hosts
    _Bounds.hosts, _Bounds.all = (most, hard), (most + reserve, hard)
    leave(_Bounds.all)


def enter() -> _Limit | None:
    """Begin work of a host object's; returns what `leave` is to be given after it."""
    before = _Bounds.present
    leave(_Bounds.hosts)
    return before


def leave(before: _Limit | None) -> None:
    """Go on with what was done before."""
    if before is not None:
        # Nothing that takes memory: there may be none.
        resource.setrlimit(resource.RLIMIT_AS, before)
        _Bounds.present = before
