"""Starts the next submission's sandbox while the present one works, and stops used ones meanwhile.

A sandbox is used for one submission; what is started ahead of need has seen nothing of any.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from grader.errors import GraderError
from grader.lab import Lab
from grader.sandbox.cell import Cell
from grader.sandbox.launch import Sandbox


class CellsAhead:
    """At most one cell that waits to be used, and those that have been.

    Parameters
    ----------
    sandbox : Sandbox
        The kind to use; where forks cannot use what their parent started, nothing is.
    lab : Lab
        The limits, and what a worker has to know.
    """

    def __init__(self, sandbox: Sandbox, lab: Lab) -> None:
        self._sandbox = sandbox
        self._lab = lab
        self._ready: Cell | None = None
        self._used: list[Cell] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ready is not None:
            self.retire(self._ready)
            self._ready = None
        self.stop_used()

    def take(self) -> Cell:
        """Return a cell that is open and empty, or one that is still to be opened."""
        cell, self._ready = self._ready, None
        return cell if cell is not None else Cell(self._sandbox, self._lab, {})

    def prepare(self) -> None:
        """Open the next cell; if it does not open, whoever needs one is told."""
        if self._ready is not None or not self._sandbox.forkable:
            return
        cell = Cell(self._sandbox, self._lab, {})
        try:
            cell.open()
        except (GraderError, OSError):
            return
        self._ready = cell

    def retire(self, cell: Cell) -> None:
        """Have a cell stopped that is not needed any more, when there is time."""
        self._used.append(cell)

    def stop_used(self) -> None:
        """Stop the cells that are not needed any more."""
        while self._used:
            self._used.pop().close()
