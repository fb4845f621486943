"""Tries on this machine what a kind of sandbox promises."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from grader.bridge.channel import Channel
from grader.bridge.faults import StudentFault, StudentRaised
from grader.lab import Project
from grader.sandbox.cell import Cell
from grader.sandbox.launch import Sandbox
from grader.sandbox.probe import HELD, PROBE, PROMISES

SECONDS = 150
MEMORY_MIB = 384
"""Small, so that trying it takes little of the machine."""


class Tried(msgspec.Struct, frozen=True):
    """One promise, and what came of trying to break it.

    Attributes
    ----------
    promise, how : str
        What is promised, and how it was tried.
    held : bool
        False also where the trial gave no answer.
    """

    promise: str
    how: str
    held: bool


def try_promises(sandbox: Sandbox, project: Project) -> list[Tried]:
    """Run the probe in a sandbox, and read what it found.

    Raises
    ------
    GraderError
        If the sandbox cannot be used.
    """
    limits = msgspec.structs.replace(project.lab.limits, memory_mib=MEMORY_MIB)
    lab = msgspec.structs.replace(project.lab, limits=limits)
    settings = {
        "PRIVATE": [str(project.root), str(Path.home())],
        "PROCESSES": limits.processes,
        "MEMORY": limits.memory_mib << 20,
        "SCRATCH": limits.scratch_mib << 20,
    }
    source = "".join(f"{name} = {value!r}\n" for name, value in settings.items()) + PROBE
    with Cell(sandbox, lab, {"layers/__init__.py": source.encode()}) as cell:
        channel = Channel(cell.start(), {})
        with contextlib.suppress(StudentFault, StudentRaised):
            channel.prepare("FullLayer", "full", False, SECONDS)
        channel.close()
        printed = cell.end().output
    found = {
        words[1]: words[2] == HELD
        for words in map(str.split, printed.splitlines())
        if len(words) == 3 and words[0] == "promise"
    }
    return [Tried(*PROMISES[name], held=found.get(name, False)) for name in PROMISES]
