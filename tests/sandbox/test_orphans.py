"""What bubblewrap leaves of a sandbox that it could not finish is ended, and nothing else is."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader import owner
from grader.sandbox.orphans import end_orphans

DEAD = "00000000.1.1.1"


def look_alike(name: str, folder: str, *more: str) -> subprocess.Popen[bytes]:
    """Start a process that waits, under a command line like bubblewrap's."""
    words = [name, "-c", "read line", *more, "--ro-bind", f"{folder}/bridge", "/bridge"]
    process = subprocess.Popen(words, executable="/bin/sh", stdin=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while name.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline
    return process


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    made = {
        "a dead grader's": look_alike("bwrap", f"/tmp/nn-lab-cell-{DEAD}-abc"),
        "by its path": look_alike("/usr/bin/bwrap", f"{tmp_path}/nn-lab-cell-{DEAD}-abc"),
        "a living grader's": look_alike("bwrap", f"/tmp/nn-lab-cell-{owner.own_name()}-abc"),
        "another program": look_alike("editor", f"/tmp/nn-lab-cell-{DEAD}-abc"),
        "another folder": look_alike("bwrap", f"/tmp/their-cell-{DEAD}-abc"),
    }
    yield made
    for process in made.values():
        process.kill()
        process.communicate()


def test_only_the_processes_of_dead_graders_are_ended(
    processes: dict[str, subprocess.Popen[bytes]],
) -> None:
    named = {f"bwrap process {processes[name].pid}" for name in ("a dead grader's", "by its path")}
    assert named <= set(end_orphans())
    ended = {name for name, process in processes.items() if process.poll() is not None}
    assert ended == {"a dead grader's", "by its path"}
