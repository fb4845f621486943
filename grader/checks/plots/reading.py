"""Has a submission's pictures decoded in a sandbox, and checks what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from grader.bridge.faults import StudentFault, StudentRaised
from grader.bridge.host_registry import Reach
from grader.bridge.service_client import ServiceClient
from grader.lab import Lab
from grader.model import Submission
from grader.picture import Pixels
from grader.plain_text import printable
from grader.sandbox.cell import Cell
from grader.sandbox.launch import Sandbox

SECONDS = 20.0
"""For one file."""
LARGEST_SIDE = 2000
MOST_PAGES = 8
NO_REACH = Reach(frozenset())


class Read(msgspec.Struct, frozen=True):
    """What came of one file.

    Attributes
    ----------
    path : str
        Below the submission's root.
    format : str
        Such as `PNG`; empty if it could not be told.
    width, height : int
        Of the first page.
    pages : tuple of ndarray of uint8, shape (rows, columns, 3)
        What people see.
    problem : str
        Why there are no more pages, if that is so.
    """

    path: str
    format: str = ""
    width: int = 0
    height: int = 0
    pages: tuple[Pixels, ...] = ()
    problem: str = ""


def read_pictures(
    submission: Submission, paths: Sequence[str], lab: Lab, sandbox: Sandbox
) -> tuple[Read, ...]:
    """Decode picture files, each in a process that none of the others shares.

    Raises
    ------
    GraderError
        If the sandbox fails.
    """
    files = {path: submission.files[path] for path in paths}
    with Cell(sandbox, lab, files, lab.training_limits) as cell:
        return tuple(_read(cell, path, lab.limits.start_seconds) for path in paths)


def _read(cell: Cell, path: str, start_seconds: float) -> Read:
    client: ServiceClient | None = None
    try:
        client = ServiceClient(cell.start("pictures"), "pictures", NO_REACH, start_seconds)
        return _checked(path, client.call("read", path, seconds=SECONDS))
    except StudentRaised as error:
        return Read(path, problem=printable(str(error).partition("\n")[0], 200))
    except StudentFault as fault:
        return Read(path, problem=f"reading it ended the reader ({fault})")
    finally:
        if client is not None:
            client.close()
        cell.end()


def _checked(path: str, answer: Any) -> Read:
    """Believe of an answer what can be shown."""
    if not isinstance(answer, dict):
        return Read(path, problem="the reader gave no answer")
    pages = answer.get("pages")
    shown = tuple(
        page
        for page in (pages if isinstance(pages, list) else [])[:MOST_PAGES]
        if isinstance(page, np.ndarray)
        and page.dtype == np.uint8
        and page.ndim == 3
        and page.shape[2] == 3
        and 0 < min(page.shape) <= max(page.shape) <= LARGEST_SIDE
    )
    problem = printable(str(answer.get("problem", "")), 200)
    if not shown and not problem:
        problem = "the reader gave no picture"
    return Read(
        path,
        printable(str(answer.get("format", "")), 20),
        _number(answer.get("width")),
        _number(answer.get("height")),
        shown,
        problem,
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 1 << 31 else 0
