"""The tasks of a batch and what comes of them, as bytes: all that goes to a worker and back.

Both sides are ours, and so may be the pickles that carry these bytes between machines; what a
student wrote is inside them as plain bytes, and msgpack of a known type at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from grader.baseline.measure import Job, Run
from grader.checks.better_cifar import Training
from grader.model import Judged, Progress

KILLED = "The process that graded it was killed. Make room in memory, and grade it again."


class Short(msgspec.Struct, frozen=True, tag="short"):
    """Judge items of an archive that take seconds."""

    key: str
    archive: bytes
    name: str
    items: tuple[str, ...]


class Train(msgspec.Struct, frozen=True, tag="train"):
    """Run an archive's better_cifar.py."""

    key: str
    archive: bytes
    name: str


class Reference(msgspec.Struct, frozen=True, tag="reference"):
    """Train the reference once, on the classes of a student's number."""

    key: str
    seed: int
    job: Job


class Drawing(msgspec.Struct, frozen=True, tag="drawing"):
    """Draw the reference's curves."""

    key: str
    seed: int
    runs: tuple[Run, ...]


Task = Short | Train | Reference | Drawing


class JudgedItems(msgspec.Struct, frozen=True, tag="judged"):
    """What came of `Short`, with the seconds that each check took."""

    judged: tuple[Judged, ...]
    seconds: dict[str, float]


class Trained(msgspec.Struct, frozen=True, tag="trained"):
    """What came of `Train`."""

    training: Training | None


class Measured(msgspec.Struct, frozen=True, tag="measured"):
    """What came of `Reference`."""

    run: Run


class Drawn(msgspec.Struct, frozen=True, tag="drawn"):
    """What came of `Drawing`: a PNG file."""

    picture: bytes


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """What went wrong on our side, in a sentence or two."""

    why: str


Result = JudgedItems | Trained | Measured | Drawn | Failed


class Told(msgspec.Struct, frozen=True):
    """What is going on in a task, by its key; `progress` is None at its end."""

    key: str
    progress: Progress | None


def encode(value: Task | Result | Told) -> bytes:
    """Return anything of this module as bytes."""
    return msgspec.msgpack.encode(value, enc_hook=_plain)


def decode_task(data: bytes) -> Task:
    """Read a task."""
    task: Task = msgspec.msgpack.decode(data, type=Task)
    return task


def decode_result(data: bytes) -> Result:
    """Read what came of a task."""
    result: Result = msgspec.msgpack.decode(data, type=Result)
    return result


def decode_told(data: bytes) -> Told:
    """Read what is going on."""
    return msgspec.msgpack.decode(data, type=Told)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(type(value).__name__)
