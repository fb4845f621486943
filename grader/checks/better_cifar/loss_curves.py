"""The losses of a student's trainings, for people to see: they are the student's word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grader.baseline.measure import Baseline
from grader.bridge.loss_log import MOST
from grader.checks.better_cifar.training import Measured, Training
from grader.model import LossCurve

MOST_CURVES = 4
MOST_WIDTHS = 8
LARGEST = 1e9
"""A loss beyond which a training has diverged; no training sees more rows."""
GIVEN = "the given network, as the reference trains it"


def loss_curves(training: Training, baseline: Baseline | None) -> tuple[LossCurve, ...]:
    """Return the curves of the networks, the compared one's first, and of the baseline's first run.

    Parameters
    ----------
    training : Training
        Whose networks say how their losses went; one that says nothing of use has no curve.
    baseline : Baseline or None
        The given network, which was trained on the trusted side.
    """
    best = training.best
    # A copy's curve is the beginning of another's.
    others = [one for one in training.networks if one is not best and not one.described.copied]
    own = [
        curve
        for one in ([] if best is None else [best]) + others
        if (curve := _of(one, compared=one is best)) is not None
    ][:MOST_CURVES]
    if not own or baseline is None:
        return tuple(own)
    losses = baseline.runs[0].losses
    return (*own, _curve(GIVEN, [(n + 1.0, loss) for n, loss in enumerate(losses)]))


def _of(network: Measured, *, compared: bool) -> LossCurve | None:
    described = network.described
    if not 1 <= described.pass_rows <= LARGEST:
        return None
    widths = "-".join(f"{width:d}" for width in described.widths[:MOST_WIDTHS]) or "a network"
    name = f"{widths}, the one that is compared" if compared else widths
    points = _increasing(described.losses[: MOST + 1])
    curve = _curve(name, [(rows / described.pass_rows, loss) for rows, loss in points])
    return curve if curve.losses or curve.diverged else None


def _curve(name: str, points: Sequence[tuple[float, float]]) -> LossCurve:
    """Leave out what comes after a loss that is no finite number."""
    fine = 0
    while fine < len(points) and abs(points[fine][1]) <= LARGEST:
        fine += 1
    passes, losses = zip(*points[:fine], strict=True) if fine else ((), ())
    return LossCurve(name, passes, losses, fine < len(points))


def _increasing(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yield the points up to the first that is not a row or more behind the one before."""
    least = 1.0
    for rows, loss in points:
        if not least <= rows <= LARGEST:
            return
        least = rows + 1
        yield rows, loss
