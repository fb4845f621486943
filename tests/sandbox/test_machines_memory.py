"""A machine that runs out of memory costs no student a point, though student code goes first."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from grader.bridge.channel import Channel
from grader.bridge.faults import ProcessLost
from grader.bridge.protocol import Ended
from grader.errors import GraderError
from grader.lab import Project
from grader.sandbox import cgroup
from grader.sandbox.bubblewrap import BubblewrapSandbox
from grader.sandbox.cell import Cell
from grader.sandbox.cgroup import Place, Places

MACHINE_MIB = 256
GREEDY = b"""
eaten = bytearray(400 << 20)
eaten[::4096] = b"x" * len(eaten[::4096])
"""


@pytest.fixture
def small_machine(bubblewrap_sandbox: BubblewrapSandbox, project: Project) -> Iterator[Places]:
    """A group around the sandbox's own, with less memory than that one may use."""
    place = Places.find().of.get("memory")
    if place is None:
        pytest.skip("no control group can limit memory here")
    limits = msgspec.structs.replace(project.lab.limits, memory_mib=MACHINE_MIB)
    machine = Places({"memory": place}).make(limits)
    assert machine.memory is not None
    assert cgroup._can_make("memory", machine.memory, place.version)
    yield Places({"memory": Place(machine.memory, place.version)})
    machine.remove()


def end_of_the_greedy(sandbox: BubblewrapSandbox, project: Project, mib: int) -> Ended:
    """Have student code use 400 MiB where it may use so much, and say how its process ended."""
    limits = msgspec.structs.replace(project.lab.limits, memory_mib=mib)
    with Cell(sandbox, project.lab, {"layers/full.py": GREEDY}, limits) as cell:
        channel = Channel(cell.start(), {})
        try:
            with pytest.raises(ProcessLost):
                channel.prepare("FullLayer", "layers.full", alone=True, seconds=60)
            return cell.end(lost=True)
        finally:
            channel.close()


@pytest.mark.bubblewrap
def test_who_is_killed_for_the_machines_lack_of_memory_is_not_blamed(
    bubblewrap_sandbox: BubblewrapSandbox,
    project: Project,
    small_machine: Places,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bubblewrap_sandbox, "_places", small_machine)
    with pytest.raises(GraderError, match="The machine ran out of memory"):
        end_of_the_greedy(bubblewrap_sandbox, project, 1024)
    # The same code where it is its own limit that it meets.
    assert end_of_the_greedy(bubblewrap_sandbox, project, 128).out_of_memory
