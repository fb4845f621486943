"""Read from the calls that trusted layers recorded how a student's ``fit`` trained.

A step is counted by the loss's ``backward``: a fit may also run any number of forward passes to
watch the loss or the accuracy, and those are no training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from expected_values import Array
from trusted_layers import Journal, Network


@dataclass(frozen=True)
class Step:
    """One training step: a batch forward, backward and an update.

    Attributes
    ----------
    x, t : ndarray
        Rows that the first layer saw last before the backward pass, and the loss's targets;
        empty if it saw none.
    forward_is_fresh : bool
        Whether all layers and the loss ran forward since the step before was updated.
    backward_places : tuple of int
        Places of the layers run backward, in order.
    updates : tuple of (place, lr)
        Updates of the layers with parameters, in order.
    updates_follow_gradients : bool
        Whether each of those layers had run backward when it was updated.
    """

    x: Array
    t: Array
    forward_is_fresh: bool
    backward_places: tuple[int, ...]
    updates: tuple[tuple[int, float], ...]
    updates_follow_gradients: bool


def training_steps(network: Network) -> list[Step]:
    """Divide the recorded calls into training steps.

    Parameters
    ----------
    network : Network
        Layers that a student's ``fit`` has trained.

    Returns
    -------
    list of Step
    """
    calls = network.journal.calls
    loss_place = len(network.layers)
    starts = [
        index
        for index, call in enumerate(calls)
        if (call.place, call.method) == (loss_place, "backward")
    ]
    steps = []
    last_update = -1
    for start, end in pairwise([*starts, len(calls)]):
        forward_at = _latest_forward(network.journal, loss_place, start)
        backward_places: list[int] = []
        updates: list[tuple[int, float]] = []
        in_order = True
        fresh = len(forward_at) == loss_place + 1 and min(forward_at.values()) > last_update
        for index in range(start + 1, end):
            call = calls[index]
            if call.method == "backward":
                backward_places.append(call.place)
            elif call.method == "update_param" and call.place in network.full_places:
                in_order &= call.place in backward_places
                updates.append((call.place, float(call.arguments[0])))
                last_update = index
        x = calls[forward_at[0]].arguments[0] if 0 in forward_at else np.empty((0, 0))
        t = calls[forward_at[loss_place]].arguments[1] if loss_place in forward_at else x[:0]
        steps.append(Step(x, t, fresh, tuple(backward_places), tuple(updates), in_order))
    return steps


def rows_of(batch: Array, data: Array) -> list[int | None]:
    """Tell which rows of `data` the rows of `batch` are.

    Parameters
    ----------
    batch : ndarray of shape (n_b, n_f)
    data : ndarray of shape (n, n_f)
        Its rows differ from each other.

    Returns
    -------
    list of int or None
        For each row of `batch` its number in `data`, None if it is not there.
    """
    numbers = {tuple(row): number for number, row in enumerate(data.tolist())}
    return [numbers.get(tuple(row) if isinstance(row, list) else (row,)) for row in batch.tolist()]


def epochs_of(steps: Sequence[Step], epochs: int) -> list[Sequence[Step]]:
    """Divide steps into equally many for each epoch; none are left over if `epochs` divides them.

    Parameters
    ----------
    steps : sequence of Step
    epochs : int

    Returns
    -------
    list of sequence of Step
    """
    each = len(steps) // epochs
    return [steps[epoch * each : (epoch + 1) * each] for epoch in range(epochs)]


def _latest_forward(journal: Journal, loss_place: int, before: int) -> dict[int, int]:
    """Return for each place the index of its last forward call before a moment."""
    latest: dict[int, int] = {}
    for index in range(before - 1, -1, -1):
        call = journal.calls[index]
        if call.method == "forward":
            latest.setdefault(call.place, index)
        if len(latest) == loss_place + 1:
            break
    return latest
