"""Notes how the loss went while a network was trained: a few points, however long it took.

It runs beside the student's code, which could change all of it: the points are for show.
"""

from __future__ import annotations

from typing import Any

import numpy as np

MOST = 128
"""Points; where there are more, the stretches that they stand for are doubled."""
FINE = 4
"""Points of a pass in a short training; a longer one has its averages by pass."""
SHORT = 8
"""Passes."""

Point = tuple[int, float]


class LossLog:
    """Averages of the loss over stretches of rows.

    Attributes
    ----------
    pass_rows : int
        Rows of a pass through what is trained on; 0 while nobody knows.
    """

    def __init__(self) -> None:
        self.pass_rows = 0
        self._points: list[Point] = []
        self._rows = 0
        self._width = 0.0
        self._open = 0
        self._sum = 0.0

    def note(self, rows: int, value: Any) -> None:
        """Note the average loss over some rows; what is no number is passed over."""
        loss = _number(value)
        if loss is None or rows < 1:
            return
        self._width = self._width or self.pass_rows / FINE or 1.0
        before = self._rows // self._width
        self._rows += rows
        self._open += rows
        self._sum += rows * loss
        if self._rows // self._width > before:
            self._points.append((self._rows, self._sum / self._open))
            self._open, self._sum = 0, 0.0
            self._keep_few()

    def points(self) -> list[Point]:
        """Return the rows so far and the average loss over those since the point before."""
        if not self._open:
            return self._points
        last = (self._rows, self._sum / self._open)
        if not self._points or self._open >= self._width / 2:
            return [*self._points, last]
        # A short stretch at the end would be a leap in the curve.
        *others, (end, loss) = self._points
        begin = others[-1][0] if others else 0
        both = (end - begin) * loss + self._sum
        return [*others, (self._rows, both / (self._rows - begin))]

    def _keep_few(self) -> None:
        if self._width < self.pass_rows < self._rows / SHORT:
            self._widen(self.pass_rows)
        elif len(self._points) > MOST:
            self._widen(2 * self._width)

    def _widen(self, width: float) -> None:
        """Put points together that stand in one stretch of that width."""
        self._width = width
        wider: list[Point] = []
        begin, before, total = 0, 0, 0.0
        for end, loss in self._points:
            total += (end - before) * loss
            before = end
            if end // width > begin // width:
                wider.append((end, total / (end - begin)))
                begin, total = end, 0.0
        self._points = wider
        self._open, self._sum = before - begin, total


def _number(value: Any) -> float | None:
    if value is None:
        return None
    try:
        found = np.asarray(value, dtype=np.float64)
    except Exception:
        return None
    return float(found.ravel()[0]) if found.size == 1 else None
