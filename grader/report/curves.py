"""Draws the reference's training curves, which people hold beside a student's."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from grader.baseline.measure import Baseline, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def curves_png(runs: Sequence[Run], title: str) -> bytes:
    """Draw loss by epoch and accuracy by learning rate, side by side.

    Parameters
    ----------
    runs : sequence of Run
        One for each learning rate.
    title : str
        Above both.

    Returns
    -------
    bytes
        A PNG file.

    Notes
    -----
    A diverged run's curve ends with its last finite loss, and a cross on the upper edge marks the
    epoch in which it stopped being finite; the axis is logarithmic then, as the losses before may
    be a hundred times the others'.
    """
    figure = _figure(10, 4)
    figure.suptitle(title)
    losses, accuracies = figure.subplots(1, 2)
    _draw_losses(losses, runs)
    _draw_accuracies(accuracies, runs)
    return _png(figure)


def losses_png(runs: Sequence[Run], title: str) -> bytes:
    """Draw the loss by epoch alone, as `curves_png` does."""
    return _single(_draw_losses, runs, title)


def accuracies_png(runs: Sequence[Run], title: str) -> bytes:
    """Draw the accuracy by learning rate alone, as `curves_png` does."""
    return _single(_draw_accuracies, runs, title)


def _single(draw: Callable[[Axes, Sequence[Run]], None], runs: Sequence[Run], title: str) -> bytes:
    figure = _figure(6, 4)
    axes = figure.subplots()
    axes.set_title(title)
    draw(axes, runs)
    return _png(figure)


def _draw_losses(axes: Axes, runs: Sequence[Run]) -> None:
    for run in runs:
        finite = _finite(run)
        label = f"learning rate {run.job.lr:g}"
        if finite < len(run.losses):
            label += f": diverged in epoch {finite + 1}"
        (line,) = axes.plot(range(1, finite + 1), run.losses[:finite], marker=".", label=label)
        if finite < len(run.losses):
            edge = axes.get_xaxis_transform()
            axes.plot(finite + 1, 1, "X", color=line.get_color(), transform=edge, clip_on=False)
            axes.set_yscale("log")
    axes.set(xlabel="epoch", ylabel="average training loss")
    axes.locator_params(axis="x", integer=True)
    axes.legend()


def _draw_accuracies(axes: Axes, runs: Sequence[Run]) -> None:
    ordered = sorted(runs, key=lambda run: run.job.lr)
    axes.plot([run.job.lr for run in ordered], [run.accuracy for run in ordered], marker="o")
    axes.set(xscale="log", xlabel="learning rate", ylabel="test accuracy", ylim=(0, 1))


def baseline_png(baseline: Baseline, title: str) -> bytes:
    """Draw the loss by epoch of each of the baseline's runs; returns a PNG file."""
    figure = _figure(6, 4)
    axes = figure.subplots()
    axes.set(title=title, xlabel="epoch", ylabel="average training loss")
    for run in baseline.runs:
        epochs = range(1, len(run.losses) + 1)
        label = f"first weights {run.job.seed}: {100 * run.accuracy:.1f} % of the test images"
        axes.plot(epochs, run.losses, marker=".", label=label)
    axes.locator_params(axis="x", integer=True)
    axes.legend()
    return _png(figure)


def _finite(run: Run) -> int:
    """Return the number of epochs before the loss stopped being finite."""
    for epoch, loss in enumerate(run.losses):
        if not math.isfinite(loss):
            return epoch
    return len(run.losses)


def _figure(width: int, height: int) -> Figure:
    """Begin a figure, in inches."""
    # Only here: every command would wait for it, and few draw.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
