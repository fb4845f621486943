"""Measures a trained network on test images: by its weights, its predictions, or its answers."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from grader.bridge.faults import BrokenProtocol, StudentRaised
from grader.bridge.service_client import ServiceClient
from grader.dataset.split import Split

BATCH = 128
"""Images in one question."""
CHUNK_BYTES = 8 << 20
MOST_WEIGHTS = 64 << 20
"""Elements of all W together beyond which a network is asked instead: 512 MiB."""
SAME = 0.99
"""Fraction of the held-back slice on which the weights and `predict` must agree."""
PLAIN = frozenset({"FullLayer", "ReluLayer", "SoftMaxLayer"})

Floats = npt.NDArray[np.float64]
Classes = npt.NDArray[np.int64]


class Way(StrEnum):
    """How a network's answers on the test images were had."""

    WEIGHTS = "weights"
    """Computed here from its weights: it never saw the test images."""

    PREDICT = "predict"
    """Its `predict` was asked in the sandbox, after the training."""

    ANSWERS = "answers"
    """The script asked it, with inputs that the script had transformed."""


class Described(msgspec.Struct, frozen=True):
    """What the sandbox says of a network. It is believed for show, and to choose what to ask."""

    layers: list[tuple[str, list[int]]]
    fits: int
    trained: bool
    seed: int | None
    score: float | None
    transformed: bool
    answers: int
    losses: list[tuple[float, float]] = []
    pass_rows: float = 0.0
    copied: bool = False

    @property
    def widths(self) -> tuple[int, ...]:
        """Inputs, then the outputs of each full layer; empty if there is none."""
        shapes = [shape for name, shape in self.layers if len(shape) == 2]
        return (shapes[0][1], *(shape[0] for shape in shapes)) if shapes else ()


def predicted(
    client: ServiceClient, number: int, network: Described, split: Split, seconds: float
) -> tuple[Way, Classes] | None:
    """Return a network's classes for the test images.

    Parameters
    ----------
    client : ServiceClient
        The training's process, the script ended.
    number : int
        The network's, in that process.
    network : Described
        What it says of itself.
    split : Split
        The data it was trained on.
    seconds : float
        For each question.

    Returns
    -------
    (Way, ndarray of int, shape (n,)) or None
        None if it gives no usable answer.

    Raises
    ------
    StudentFault
        If the process is lost.
    """
    by_weights = _by_weights(client, number, network, split, seconds)
    if by_weights is not None:
        return Way.WEIGHTS, by_weights
    asked = _ask(client, number, pixels(split.test_x), split.classes, seconds)
    return None if asked is None else (Way.PREDICT, asked)


def answered(
    client: ServiceClient, number: int, network: Described, split: Split, seconds: float
) -> tuple[Way, Classes] | None:
    """Return what the script itself learned from a network about the test images.

    The last answers that together are as many as the images count; None if there are none.
    """
    parts: list[Classes] = []
    missing = len(split.test_y)
    for index in reversed(range(network.answers)):
        part = classes_of(client.call("answer", number, index, seconds=seconds), split.classes)
        if part is None or len(part) > missing:
            return None
        parts.insert(0, part)
        missing -= len(part)
        if missing == 0:
            return Way.ANSWERS, np.concatenate(parts)
    return None


def pixels(images: npt.NDArray[np.uint8]) -> Floats:
    """Return images as the lab's loader gives them: ``value / 255 - 0.5``."""
    scaled: Floats = images / 255.0 - 0.5
    return scaled


def classes_of(answer: object, classes: int) -> Classes | None:
    """Read an answer as class indices, one a row; None if it is nothing of the kind.

    Integers or floats, `(n,)` or `(n, 1)`; or scores, `(n, classes)`.
    """
    if not isinstance(answer, np.ndarray) or answer.dtype.kind not in "biuf":
        return None
    if answer.ndim == 2 and answer.shape[1] == classes > 1:
        found: Classes = np.argmax(answer, axis=1).astype(np.int64)
        return found
    if answer.ndim > 2 or (answer.ndim == 2 and 1 not in answer.shape):
        return None
    flat = answer.ravel().astype(np.float64)
    return np.where(np.isfinite(flat), flat, -1).astype(np.int64)


def _ask(
    client: ServiceClient, number: int, x: Floats, classes: int, seconds: float
) -> Classes | None:
    parts = []
    for start in range(0, len(x), BATCH):
        rows = x[start : start + BATCH]
        try:
            part = classes_of(client.call("predict", number, rows, seconds=seconds), classes)
        except StudentRaised:
            return None
        if part is None or len(part) != len(rows):
            return None
        parts.append(part)
    return np.concatenate(parts)


def _by_weights(
    client: ServiceClient, number: int, network: Described, split: Split, seconds: float
) -> Classes | None:
    """Compute the classes here, if that is what the network's own `predict` does.

    The held-back slice, which the script knows, shows whether it is. So a `predict` that
    recognises the test images gains nothing: it never gets to see them.
    """
    full = [(n, shape) for n, (name, shape) in enumerate(network.layers) if name == "FullLayer"]
    size = sum(int(np.prod(shape)) for _, shape in full)
    if {name for name, _ in network.layers} - PLAIN or not full or size > MOST_WEIGHTS:
        return None
    try:
        weights = {n: _weights(client, number, n, shape, seconds) for n, shape in full}
        own = _ask(client, number, pixels(split.slice_x), split.classes, seconds)
        ours = _forward(network.layers, weights, pixels(split.slice_x))
    except (StudentRaised, ValueError):
        return None
    if own is None or np.mean(own == np.argmax(ours, axis=1)) < SAME:
        return None
    outputs = _forward(network.layers, weights, pixels(split.test_x))
    found: Classes = np.argmax(outputs, axis=1).astype(np.int64)
    return found


def _weights(
    client: ServiceClient, number: int, layer: int, shape: Sequence[int], seconds: float
) -> tuple[Floats, Floats]:
    n_o, n_i = shape
    step = max(1, CHUNK_BYTES // (8 * max(n_i, 1)))
    parts = [
        _numbers(client.call("weights", number, layer, start, start + step, seconds=seconds))
        for start in range(0, n_o, step)
    ]
    w = np.concatenate(parts)
    b = _numbers(client.call("biases", number, layer, seconds=seconds)).ravel()
    if w.shape != (n_o, n_i) or b.size not in (1, n_o):
        raise ValueError("weights of another shape than they were said to have")
    return w, b


def _numbers(value: Any) -> Floats:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iuf":
        raise BrokenProtocol("the process that ran your code sent weights that are no numbers")
    return value.astype(np.float64)


def _forward(
    layers: Sequence[tuple[str, Sequence[int]]],
    weights: dict[int, tuple[Floats, Floats]],
    x: Floats,
) -> Floats:
    """Compute a network's scores; a softmax at its end would not change the largest."""
    with np.errstate(all="ignore"):
        for n, (name, _) in enumerate(layers):
            if n in weights:
                w, b = weights[n]
                x = x @ w.T + b
            elif name == "ReluLayer":
                x = np.maximum(x, 0.0)
    return x
