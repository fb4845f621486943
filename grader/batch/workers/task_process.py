"""A process that performs one task after the other for a cluster's worker, told through its pipes.

    python -m grader.batch.workers.task_process PARENT

On stdin comes a `Setup`, then tasks; on stdout goes a `Ready` or `Refused`, then what the tasks say
and what comes of them. Each message is its length, four bytes, and msgpack. The cluster's worker
itself has threads and may not fork; this process does nothing else, and ends with it.
"""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

import msgspec

from grader.batch.workers.perform import perform
from grader.batch.workers.stamp import Stamp, stamp_of
from grader.batch.workers.tasks import Told, encode
from grader.checks.kept_collector import keep_collector
from grader.dataset.store import find_dataset
from grader.errors import GraderError
from grader.lab import find_project
from grader.pipeline import Plan
from grader.sandbox.choice import SandboxKind, choose_sandbox
from grader.sandbox.lifetime import end_with


class Setup(msgspec.Struct, frozen=True):
    """How a batch's tasks are to be performed.

    Attributes
    ----------
    batch : str
        Its name, of random characters.
    sandbox : str or None
        As `--sandbox` takes it; None where no student code runs.
    items : tuple of str
        The rubric items that are asked for.
    seed : int
        The grading seed.
    trains : bool
        Whether data are needed.
    """

    batch: str
    sandbox: str | None
    items: tuple[str, ...]
    seed: int
    trains: bool


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """What this machine has."""

    stamp: Stamp


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Why this machine cannot perform anything."""

    why: str


class Said(msgspec.Struct, frozen=True, tag="said"):
    """A `Told`, encoded."""

    told: bytes


class Came(msgspec.Struct, frozen=True, tag="came"):
    """What came of a task: a `Result`, encoded."""

    result: bytes


Message = Ready | Refused | Said | Came


def read_message(stream: BinaryIO) -> bytes | None:
    """Read one message; None at the stream's end."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    size = int.from_bytes(head)
    data = stream.read(size)
    return data if len(data) == size else None


def write_message(stream: BinaryIO, data: bytes) -> None:
    """Write one message."""
    stream.write(len(data).to_bytes(4) + data)
    stream.flush()


def plan_for(setup: Setup) -> Plan:
    """Return the plan of this machine.

    Raises
    ------
    GraderError
        If something is missing here.
    """
    project = find_project()
    sandbox = None
    if setup.sandbox is not None:
        sandbox = choose_sandbox(SandboxKind(setup.sandbox), project.root, _log)
    dataset = find_dataset(project) if setup.trains else None
    return Plan(project, sandbox, setup.seed, setup.items, dataset)


def _log(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main() -> None:
    """Perform tasks until stdin ends."""
    # Whatever is printed goes to stderr: stdout is for messages.
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    end_with(int(sys.argv[1]))
    keep_collector()

    def send(message: Message) -> None:
        write_message(sink, msgspec.msgpack.encode(message))

    def tell(told: Told) -> None:
        send(Said(encode(told)))

    setup = read_message(source)
    if setup is None:
        return
    try:
        plan = plan_for(msgspec.msgpack.decode(setup, type=Setup))
        send(Ready(stamp_of(plan)))
    except GraderError as error:
        send(Refused(str(error)))
        return
    while (task := read_message(source)) is not None:
        send(Came(perform(task, plan, tell)))


if __name__ == "__main__":
    main()
