"""Where the lines, ticks and labels of a chart of losses stand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from grader.model import LossCurve

WIDTH, HEIGHT = 560, 250
LEFT, RIGHT, TOP, BOTTOM = 54, 10, 10, 44
"""Margins of the area in which the lines are."""
GROWN = 5.0
"""How many times its first value a loss must be where the axis becomes logarithmic."""
LEAST = 1e-9
"""The shortest range of an axis."""


class Tick(msgspec.Struct, frozen=True):
    """A number on an axis, and where."""

    at: float
    text: str


class Line(msgspec.Struct, frozen=True):
    """A curve.

    Attributes
    ----------
    points : str
        As SVG takes it.
    name : str
        Whose it is.
    end : tuple of float
        Where it ends.
    diverged : bool
        Whether the loss was no finite number any more from there on.
    said : str
        Where it begins and ends, in words.
    """

    points: str
    name: str
    end: tuple[float, float]
    diverged: bool
    said: str


class LossChart(msgspec.Struct, frozen=True):
    """A chart; all lengths are in the same unit, from the top left corner."""

    lines: tuple[Line, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    logarithmic: bool
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def loss_chart(curves: Sequence[LossCurve]) -> LossChart | None:
    """Lay a chart out; None if there is not a point to draw."""
    drawn = [curve for curve in curves if curve.losses]
    if not drawn:
        return None
    far = max(LEAST, *(curve.passes[-1] for curve in drawn))
    values = [loss for curve in drawn for loss in curve.losses]
    low, high = min(values), max(values)
    logarithmic = low > 0 and high > GROWN * min(curve.losses[0] for curve in drawn)
    if logarithmic:
        bottom, top = math.log10(low), math.log10(high)
        marks = _powers(low, high)
    else:
        bottom, top = min(0.0, low), max(LEAST, high)
        marks = _round_numbers(bottom, top)
    scale = math.log10 if logarithmic else float
    span = top - bottom

    def place(passes: float, loss: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * passes / far
        share = (scale(loss) - bottom) / span
        return round(x, 1), round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share, 1)

    lines = []
    for curve in drawn:
        places = [place(*point) for point in zip(curve.passes, curve.losses, strict=True)]
        text = " ".join(f"{x:g},{y:g}" for x, y in places)
        said = f"from {curve.losses[0]:.3g} to {curve.losses[-1]:.3g}"
        said += f" in {curve.passes[-1]:.3g} passes"
        lines.append(Line(text, curve.name, places[-1], curve.diverged, said))
    return LossChart(
        tuple(lines),
        tuple(Tick(place(mark, high)[0], f"{mark:g}") for mark in _round_numbers(0.0, far)),
        tuple(Tick(place(0.0, mark)[1], f"{mark:g}") for mark in marks),
        logarithmic,
    )


def _round_numbers(low: float, high: float) -> list[float]:
    """Return from three to eight numbers in a range that people like to count by."""
    raw = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * k for k in (1, 2, 5, 10) if unit * k >= raw)
    return [step * n for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _powers(low: float, high: float) -> list[float]:
    """Return some of 1, 2 and 5 times the powers of ten in a range."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if last - first <= 2 else (1,)
    found = [k * 10.0**n for n in range(first, last + 1) for k in factors]
    inside = [value for value in found if low <= value <= high]
    return inside[:: len(inside) // 8 + 1]
