"""Keeps a collector from one submission to the next, in a process that grades many."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from grader.checks.collector import Collector, Subject
from grader.checks.pytest_session import test_folders
from grader.file_digest import file_digest


class _Kept(msgspec.Struct, frozen=True):
    subject: Subject
    stamp: str
    collector: Collector

    def serves(self, subject: Subject) -> bool:
        own, sandbox = self.subject, self.subject.sandbox
        return (
            set(subject.items) <= set(own.items)
            and (subject.project, subject.suites, subject.only)
            == (own.project, own.suites, own.only)
            and (subject.sandbox.kind, subject.sandbox.runtime_digest())
            == (sandbox.kind, sandbox.runtime_digest())
            and _stamp(subject) == self.stamp
        )


class _Keeping:
    """Whether this process keeps its collector, and which one it has."""

    on = False
    kept: _Kept | None = None


def keep_collector() -> None:
    """Have this process keep its collector, and start cells ahead; it ends with the process.

    For a process that grades many submissions, one after the other.
    """
    _Keeping.on = True


@contextmanager
def keeping_collector() -> Iterator[None]:
    """Have this process keep its collector meanwhile, for as many submissions as there are."""
    keep_collector()
    try:
        yield
    finally:
        kept, _Keeping.kept, _Keeping.on = _Keeping.kept, None, False
        if kept is not None:
            kept.collector.close()


@contextmanager
def collector_for(subject: Subject, run_seconds: float) -> Iterator[Collector]:
    """Give a collector: the one that was kept, if it has collected what is asked for.

    Parameters
    ----------
    subject : Subject
        What it must have collected.
    run_seconds : float
        After so long a run is stuck for a reason that is not the student's.

    Raises
    ------
    OSError
        If no process can be made.
    """
    kept = _Keeping.kept
    if kept is not None and not kept.serves(subject):
        kept.collector.close()
        kept = _Keeping.kept = None
    if kept is None:
        stamp = _stamp(subject)
        kept = _Kept(subject, stamp, Collector(subject, run_seconds, ahead=_Keeping.on))
    _Keeping.kept = None
    try:
        yield kept.collector
    except BaseException:
        kept.collector.close()
        raise
    if _Keeping.on and not kept.collector.failed:
        _Keeping.kept = kept
    else:
        kept.collector.close()


def _stamp(subject: Subject) -> str:
    """Return a digest of the test files, as they are now."""
    digest = hashlib.sha256()
    folders = {*test_folders(subject.project, subject.suites), subject.project.public_tests}
    for path in sorted(path for folder in folders for path in folder.glob("*.py")):
        digest.update(str(path).encode() + b"\0" + file_digest(path))
    return digest.hexdigest()
