"""Siblings of the hidden cases of layers/cross_entropy.py (HANDOUT.md, section 6)."""

from collections.abc import Callable
from typing import Any

import numpy as np
from draws import batch_shapes, memory_layouts, one_shape
from layers import CrossEntropyLayer
from util import (
    as_numbers,
    check_close,
    check_gradient,
    check_not_zero,
    check_number,
    check_unchanged,
    numerical_gradient,
)

AVERAGE = "The loss is minus the sum of t log x, divided by the number of samples n_b."
GRADIENT = "dx = -(1/n_b) t / x. The factor 1/n_b of the loss belongs to its gradient, too."
LATEST = "Each forward replaces what the layer remembers."


class Batch:
    """Probabilities and labels for which each sample's part of the loss was chosen first.

    The right class of a sample whose part is `a` has the probability ``exp(-a)``; the other
    classes share the rest unevenly. The last class is right for some sample, and some right class
    has a probability below 0.1.

    Attributes
    ----------
    x, t : ndarray of shape (n_b, n_c)
        Probabilities and one-hot labels.
    loss : float
        The average of the samples' parts.
    x_grad : ndarray of shape (n_b, n_c)
        Gradient of the loss with respect to `x`.
    """

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int]) -> None:
        n_b, n_c = shape
        parts, classes = rng.uniform(0.1, 2.9, size=n_b), rng.integers(n_c, size=n_b)
        parts[0], classes[0] = rng.uniform(2.4, 2.9), n_c - 1
        self.x, self.t, self.x_grad = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for sample, (part, right) in enumerate(zip(parts, classes, strict=True)):
            others = rng.uniform(0.2, 1.0, size=n_c)
            others[right] = 0.0
            self.x[sample] = (1.0 - np.exp(-part)) * others / np.sum(others)
            self.x[sample, right] = np.exp(-part)
            self.t[sample, right] = 1.0
            self.x_grad[sample, right] = -np.exp(part) / n_b
        self.loss = float(np.mean(parts))


def loss_of(layer: CrossEntropyLayer, t: np.ndarray) -> Callable[[np.ndarray], Any]:
    """Return the loss as a function of the probabilities alone."""
    return lambda x: layer.forward(x, t.copy())


def test_loss(rng: np.random.Generator) -> None:
    """Forward returns the average over the samples, one number, whatever the shape."""
    for shape in batch_shapes(rng):
        batch = Batch(rng, shape)
        what = f"forward(x, t) for {shape[0]} samples and {shape[1]} classes"
        loss = CrossEntropyLayer().forward(batch.x.copy(), batch.t.copy())
        check_number(loss, batch.loss, what, AVERAGE)


def test_gradient(rng: np.random.Generator) -> None:
    """Backward returns the gradient of the average, whatever the shape."""
    for shape in batch_shapes(rng):
        batch = Batch(rng, shape)
        layer = CrossEntropyLayer()
        layer.forward(batch.x.copy(), batch.t.copy())
        what = f"backward() for {shape[0]} samples and {shape[1]} classes"
        check_close(layer.backward(), batch.x_grad, what, GRADIENT)


def test_unlikely(rng: np.random.Generator) -> None:
    """The gradient is right, and large, where the right class is very improbable."""
    n_b, n_c = one_shape(rng)
    labels, rows = rng.integers(n_c, size=n_b), np.arange(n_b)
    labels[0] = n_c - 1
    x = rng.uniform(0.5, 1.0, size=(n_b, n_c))
    x[rows, labels] = 0.0
    x /= np.sum(x, axis=1, keepdims=True)
    x[rows, labels] = rng.uniform(2e-5, 2e-4, size=n_b)
    expected = np.zeros(x.shape)
    expected[rows, labels] = -1.0 / (n_b * x[rows, labels])
    layer = CrossEntropyLayer()
    layer.forward(x.copy(), np.eye(n_c)[labels])
    check_gradient(layer.backward(), expected, "backward() for improbable classes", GRADIENT)


def test_central_differences(rng: np.random.Generator) -> None:
    """The gradient agrees with a numerical one of the layer's own loss."""
    n_b, n_c = int(rng.integers(2, 5)), int(rng.integers(5, 8))
    # No small probabilities: a numerical gradient is poor where the loss bends sharply.
    x = rng.uniform(0.5, 1.0, size=(n_b, n_c))
    x = x / np.sum(x, axis=1, keepdims=True)
    t = np.eye(n_c)[rng.integers(n_c, size=n_b)]
    layer = CrossEntropyLayer()
    expected = numerical_gradient(loss_of(layer, t), x, 1.0, "forward(x, t)")
    check_not_zero(expected, "The numerical gradient of forward")
    layer.forward(x.copy(), t.copy())
    check_gradient(layer.backward(), expected, "backward()", GRADIENT)


def test_order_of_rows(rng: np.random.Generator) -> None:
    """The loss does not depend on the order of the samples."""
    batch = Batch(rng, (int(rng.integers(5, 9)), 3))
    layer = CrossEntropyLayer()
    check_number(layer.forward(batch.x, batch.t), batch.loss, "forward(x, t)", AVERAGE)
    # Any two ways to add up the samples give the same average.
    order = rng.permutation(len(batch.x))
    check_number(
        layer.forward(batch.x[order], batch.t[order]),
        batch.loss,
        "forward(x, t) with the samples in another order",
        AVERAGE,
    )


def test_equal_rows(rng: np.random.Generator) -> None:
    """A batch of equal samples has the loss of one such sample."""
    one = Batch(rng, (1, int(rng.integers(3, 7))))
    rows = int(rng.integers(8, 12))
    x, t = np.tile(one.x, (rows, 1)), np.tile(one.t, (rows, 1))
    loss = CrossEntropyLayer().forward(x, t)
    check_number(loss, one.loss, f"forward(x, t) of {rows} equal samples", AVERAGE)


def test_uniform_prediction(rng: np.random.Generator) -> None:
    """With equal probabilities for all classes, the loss is the logarithm of their number."""
    n_b, n_c = one_shape(rng)
    t = np.eye(n_c)[rng.integers(n_c, size=n_b)]
    check_number(
        CrossEntropyLayer().forward(np.full((n_b, n_c), 1.0 / n_c), t),
        np.log(n_c),
        f"forward(x, t) where each of {n_c} classes has the probability 1/{n_c}",
        f"{AVERAGE} log is the natural logarithm.",
    )


def test_last_forward(rng: np.random.Generator) -> None:
    """Loss and gradient belong to the latest forward, whatever was there before."""
    n_b, n_c = one_shape(rng)
    layer = CrossEntropyLayer()
    for number, rows in (("first", n_b + 2), ("second", n_b), ("third", n_b)):
        watched, batch = Batch(rng, (rows, n_c)), Batch(rng, (rows, n_c))
        layer.forward(watched.x, watched.t)  # without a backward, to watch the loss
        loss = layer.forward(batch.x.copy(), batch.t.copy())
        check_number(loss, batch.loss, f"forward(x, t) of the {number} batch", LATEST)
        what = f"backward() after the {number} batch, of {rows} samples,"
        check_close(layer.backward(), batch.x_grad, what, LATEST)


def test_two_layers(rng: np.random.Generator) -> None:
    """Two losses remember their own batches."""
    shape = one_shape(rng)
    batches, layers = [Batch(rng, shape) for _ in range(2)], [CrossEntropyLayer() for _ in range(2)]
    for layer, batch in zip(layers, batches, strict=True):
        layer.forward(batch.x.copy(), batch.t.copy())
    hint = "What a layer remembers belongs to self, not to the class or the module."
    for name, layer, batch in zip(("first", "second"), layers, batches, strict=True):
        check_close(layer.backward(), batch.x_grad, f"backward() of the {name} of two losses", hint)


def test_integers(rng: np.random.Generator) -> None:
    """One-hot labels of an integer dtype give the same as labels that are floats."""
    batch = Batch(rng, one_shape(rng))
    hint = "An array made like t (zeros_like, empty_like, astype(t.dtype)) cuts off fractions."
    layer = CrossEntropyLayer()
    loss = layer.forward(batch.x.copy(), batch.t.astype(np.int64))
    check_number(loss, batch.loss, "forward(x, t) for labels that are integers", hint)
    check_close(layer.backward(), batch.x_grad, "backward() after labels that are integers", hint)


def test_memory_layout(rng: np.random.Generator) -> None:
    """How an array lies in memory does not matter."""
    batch = Batch(rng, one_shape(rng))
    layouts = zip(memory_layouts(batch.x), memory_layouts(batch.t), strict=True)
    for (layout, x_given), (_, t_given) in layouts:
        hint = "Use indices, products and sums; leave strides, buffers and ravel orders alone."
        layer = CrossEntropyLayer()
        loss = layer.forward(x_given, t_given)
        check_number(loss, batch.loss, f"forward(x, t), where x {layout},", hint)
        check_close(layer.backward(), batch.x_grad, f"backward(), where x {layout},", hint)


def test_arguments_unchanged(rng: np.random.Generator) -> None:
    """Forward and backward do not write into the arrays that they are given."""
    batch = Batch(rng, one_shape(rng))
    x, t = batch.x.copy(), batch.t.copy()
    layer = CrossEntropyLayer()
    check_number(layer.forward(x, t), batch.loss, "forward(x, t)")
    x_grad = as_numbers(layer.backward(), "backward()", shapes=[x.shape])
    check_not_zero(x_grad, "backward()")
    check_unchanged(x, batch.x, "The x given to forward")
    check_unchanged(t, batch.t, "The t given to forward")
