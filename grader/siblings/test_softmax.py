"""Siblings of the hidden cases of layers/softmax.py (HANDOUT.md, section 5)."""

import numpy as np
from draws import batch_shapes, memory_layouts, one_shape, whole_numbers
from layers import SoftMaxLayer
from util import (
    as_numbers,
    check_close,
    check_gradient,
    check_not_zero,
    check_unchanged,
    numerical_gradient,
)

FORWARD = "Each row is a sample by itself: sum over its features (axis=1, keepdims=True)."
BACKWARD = "dx = dy (diag(z) - z^T z) for each row, z being the row's probabilities."
STABLE = "Subtract the largest score of the row before exp: the probabilities stay the same."
LATEST = "Each forward replaces what the layer remembers."


def draw_probabilities(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw rows of probabilities, none of them tiny."""
    parts = rng.uniform(0.1, 1.0, size=shape)
    return parts / np.sum(parts, axis=1, keepdims=True)


def scores_of(z: np.ndarray, largest: np.ndarray | float) -> np.ndarray:
    """Return scores that softmax turns into `z`, with this largest score in each row."""
    return np.log(z / np.max(z, axis=1, keepdims=True)) + largest


def any_scores_of(rng: np.random.Generator, z: np.ndarray) -> np.ndarray:
    """Return scores that softmax turns into `z`, moved by another number in each row."""
    return scores_of(z, rng.normal(0.0, 2.0, size=(len(z), 1)))


def input_gradient(z: np.ndarray, y_grad: np.ndarray) -> np.ndarray:
    """Add up what each probability's gradient gives the scores of its row.

    Moving score k moves probability j by ``z_j (1 - z_j)`` if k is j, and by ``-z_j z_k`` else.
    """
    x_grad = np.zeros(z.shape)
    for row in range(len(z)):
        for j, z_j in enumerate(z[row]):
            x_grad[row] -= y_grad[row, j] * z_j * z[row]
            x_grad[row, j] += y_grad[row, j] * z_j
    return x_grad


def test_forward(rng: np.random.Generator) -> None:
    """Forward finds probabilities again from their scores, whatever the shape."""
    for shape in batch_shapes(rng):
        z = draw_probabilities(rng, shape)
        what = f"forward(x) for an x of the shape {shape}"
        check_close(SoftMaxLayer().forward(any_scores_of(rng, z)), z, what, FORWARD)


def test_one_feature(rng: np.random.Generator) -> None:
    """A single feature has the probability 1 and no gradient."""
    x = rng.normal(size=(int(rng.integers(2, 9)), 1))
    hint = "A single class is certain: e^x / e^x = 1, whatever x is."
    layer = SoftMaxLayer()
    check_close(layer.forward(x.copy()), np.ones(x.shape), "forward(x) for one feature", hint)
    # A small gradient: an epsilon of 1e-12 beside the sum of exponentials is nothing wrong.
    came = layer.backward(rng.uniform(-0.5, 0.5, size=x.shape))
    check_close(came, np.zeros(x.shape), "backward(y_grad) for one feature", hint)


def test_large_logits(rng: np.random.Generator) -> None:
    """Very large scores give finite probabilities that sum to 1, and finite gradients."""
    for shape in (one_shape(rng), (1, one_shape(rng)[1])):
        largest = float(rng.uniform(750.0, 4000.0))
        z, y_grad = draw_probabilities(rng, shape), rng.normal(size=shape)
        about = f"for scores around {largest:.0f}, shape {shape}"
        layer = SoftMaxLayer()
        check_close(layer.forward(scores_of(z, largest)), z, f"forward(x) {about}", STABLE)
        came = layer.backward(y_grad.copy())
        check_close(came, input_gradient(z, y_grad), f"backward(y_grad) {about}", BACKWARD)


def test_large_logits_below_small_ones(rng: np.random.Generator) -> None:
    """Rows of very large scores stay finite where the row above them has small ones."""
    n_b, n_f = one_shape(rng)
    largest = float(rng.uniform(950.0, 4000.0))
    z, y_grad = draw_probabilities(rng, (n_b, n_f)), rng.normal(size=(n_b + 1, n_f))
    x = np.vstack([rng.normal(size=(1, n_f)), scores_of(z, largest)])
    # The first row may vanish beside the others, so only these are looked at.
    about = f"below the first row, for scores around {largest:.0f}"
    layer = SoftMaxLayer()
    y = as_numbers(layer.forward(x), "forward(x)", STABLE, shapes=[x.shape])
    check_close(y[1:], z, f"forward(x) {about}", STABLE)
    x_grad = as_numbers(layer.backward(y_grad.copy()), "backward(y_grad)", shapes=[x.shape])
    check_close(x_grad[1:], input_gradient(z, y_grad[1:]), f"backward(y_grad) {about}", BACKWARD)


def test_very_negative_logits(rng: np.random.Generator) -> None:
    """Very negative scores do not make 0 / 0."""
    largest = -float(rng.uniform(750.0, 4000.0))
    z = draw_probabilities(rng, one_shape(rng))
    what = f"forward(x) for scores around {largest:.0f}"
    check_close(SoftMaxLayer().forward(scores_of(z, largest)), z, what, STABLE)


def test_sure_of_one_class(rng: np.random.Generator) -> None:
    """A score far above all others of its row gets the probability 1."""
    shape = one_shape(rng)
    largest = float(rng.uniform(3.0, 8.0))
    z, y_grad = draw_probabilities(rng, shape), rng.normal(size=shape)
    x = scores_of(z, largest)
    # The first row is sure: all its scores but the largest lie a thousand below.
    best = int(np.argmax(z[0]))
    x[0] = largest - 1000.0
    x[0, best] = largest
    z[0] = np.eye(shape[1])[best]
    hint = f"{STABLE} No logarithm of a probability is needed, and none can be 0 / 0."
    layer = SoftMaxLayer()
    check_close(layer.forward(x.copy()), z, "forward(x), the first row sure of one class,", hint)
    came = layer.backward(y_grad.copy())
    what = "backward(y_grad), the first row sure of one class,"
    check_close(came, input_gradient(z, y_grad), what, BACKWARD)


def test_backward(rng: np.random.Generator) -> None:
    """Backward multiplies each row's gradient with the row's Jacobian, whatever the shape."""
    for shape in batch_shapes(rng):
        z, y_grad = draw_probabilities(rng, shape), rng.normal(size=shape)
        layer = SoftMaxLayer()
        layer.forward(any_scores_of(rng, z))
        what = f"backward(y_grad) for an x of the shape {shape}"
        check_close(layer.backward(y_grad.copy()), input_gradient(z, y_grad), what, BACKWARD)


def test_central_differences(rng: np.random.Generator) -> None:
    """The gradient agrees with a numerical one of the layer's own output."""
    x = rng.normal(size=(4, 3))
    y_grad = rng.normal(size=x.shape)
    layer = SoftMaxLayer()
    layer.forward(rng.normal(size=x.shape))  # what was before must not matter
    expected = numerical_gradient(layer.forward, x, y_grad, "forward(x)")
    check_not_zero(expected, "The numerical gradient of forward")
    layer.forward(x.copy())
    check_gradient(layer.backward(y_grad.copy()), expected, "backward(y_grad)", BACKWARD)


def test_last_forward(rng: np.random.Generator) -> None:
    """Backward belongs to the latest forward, whatever was there before."""
    n_b, n_f = one_shape(rng)
    z, y_grad = draw_probabilities(rng, (n_b, n_f)), rng.normal(size=(n_b, n_f))
    layer = SoftMaxLayer()
    for rows in (n_b + 1, n_b):
        layer.forward(rng.normal(size=(rows, n_f)))
        layer.backward(rng.normal(size=(rows, n_f)))
    layer.forward(rng.normal(size=(n_b, n_f)))  # without a backward, as for a prediction
    layer.forward(any_scores_of(rng, z))
    what = "backward(y_grad) after three other batches"
    check_close(layer.backward(y_grad.copy()), input_gradient(z, y_grad), what, LATEST)


def test_two_layers(rng: np.random.Generator) -> None:
    """Two layers remember their own outputs."""
    shape = one_shape(rng)
    drawn = [draw_probabilities(rng, shape) for _ in range(2)]
    layers = [SoftMaxLayer(), SoftMaxLayer()]
    for layer, z in zip(layers, drawn, strict=True):
        layer.forward(any_scores_of(rng, z))
    hint = "What a layer remembers belongs to self, not to the class or the module."
    for name, layer, z in zip(("first", "second"), layers, drawn, strict=True):
        y_grad = rng.normal(size=shape)
        what = f"backward(y_grad) of the {name} of two layers"
        check_close(layer.backward(y_grad.copy()), input_gradient(z, y_grad), what, hint)


def test_update_changes_nothing(rng: np.random.Generator) -> None:
    """update_param is there, and changes nothing, as there is nothing to learn."""
    z = draw_probabilities(rng, one_shape(rng))
    x = any_scores_of(rng, z)
    layer = SoftMaxLayer()
    layer.forward(x.copy())
    layer.backward(rng.normal(size=x.shape))
    layer.update_param(0.8)
    check_close(layer.forward(x.copy()), z, "forward(x) after update_param(0.8)", FORWARD)


def test_integers(rng: np.random.Generator) -> None:
    """Scores and gradients that are whole numbers, of an integer dtype, are no obstacle."""
    shape = one_shape(rng)
    # Each row: one score n and equal others n - 1, so that the one is e times as probable.
    best = rng.integers(shape[1], size=shape[0])
    x = np.repeat(rng.integers(-3, 4, size=(shape[0], 1)), shape[1], axis=1)
    z = np.full(shape, 1.0 / (np.e + shape[1] - 1))
    for row, column in enumerate(best):
        x[row, column] += 1
        z[row, column] *= np.e
    y_grad = whole_numbers(rng, shape)
    hint = "An array made like x or y_grad (zeros_like, empty_like, astype) cuts off fractions."
    layer = SoftMaxLayer()
    check_close(layer.forward(x.copy()), z, "forward(x) for an x of integers", hint)
    what = "backward(y_grad) for an x and a y_grad of integers"
    check_close(layer.backward(y_grad.copy()), input_gradient(z, y_grad), what, hint)


def test_memory_layout(rng: np.random.Generator) -> None:
    """How an array lies in memory does not matter."""
    shape = one_shape(rng)
    z, y_grad = draw_probabilities(rng, shape), rng.normal(size=shape)
    layouts = zip(memory_layouts(any_scores_of(rng, z)), memory_layouts(y_grad), strict=True)
    for (layout, x_given), (_, y_grad_given) in layouts:
        hint = "Use indices, products and sums; leave strides, buffers and ravel orders alone."
        layer = SoftMaxLayer()
        check_close(layer.forward(x_given), z, f"forward(x), where x {layout},", hint)
        what = f"backward(y_grad), where y_grad {layout},"
        check_close(layer.backward(y_grad_given), input_gradient(z, y_grad), what, hint)


def test_arguments_unchanged(rng: np.random.Generator) -> None:
    """Forward and backward do not write into the arrays that they are given."""
    x = rng.normal(size=one_shape(rng))
    y_grad = rng.normal(size=x.shape)
    x_before, y_grad_before = x.copy(), y_grad.copy()
    layer = SoftMaxLayer()
    check_not_zero(layer.forward(x), "forward(x)")
    check_not_zero(layer.backward(y_grad), "backward(y_grad)")
    check_unchanged(x, x_before, "The x given to forward")
    check_unchanged(y_grad, y_grad_before, "The y_grad given to backward")
