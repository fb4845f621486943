"""Siblings of the hidden cases of layers/relu.py (HANDOUT.md, section 4)."""

import numpy as np
from draws import batch_shapes, memory_layouts, one_shape, whole_numbers
from layers import ReluLayer
from util import (
    as_numbers,
    check_close,
    check_gradient,
    check_not_zero,
    check_unchanged,
    numerical_gradient,
)

FORWARD = "y = max(x, 0), for each element by itself: np.maximum, not np.max."
BACKWARD = "The input decides where the gradient passes, not the gradient's own sign."
LATEST = "Each forward replaces what the layer remembers."


class Inputs:
    """An input whose positive places were chosen first, so that all results are known.

    Attributes
    ----------
    x, y : ndarray
        Input and output, away from the kink at 0.
    y_grad, x_grad : ndarray
        Gradients of output and input.
    """

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int]) -> None:
        on = rng.permutation(np.arange(shape[0] * shape[1]) % 2 == 0).reshape(shape)
        size = rng.uniform(0.1, 4.0, size=shape)
        self.x, self.y = np.where(on, size, -size), np.where(on, size, 0.0)
        self.y_grad = rng.normal(size=shape)
        self.x_grad = np.where(on, self.y_grad, 0.0)


def test_forward(rng: np.random.Generator) -> None:
    """Forward keeps what is positive and makes 0 of the rest, whatever the shape."""
    for shape in [*batch_shapes(rng), (int(rng.integers(4, 9)), 1)]:
        drawn = Inputs(rng, shape)
        what = f"forward(x) for an x of the shape {shape}"
        check_close(ReluLayer().forward(drawn.x.copy()), drawn.y, what, FORWARD)


def test_backward(rng: np.random.Generator) -> None:
    """Backward passes the gradient where the input was positive, whatever the shape."""
    for shape in [*batch_shapes(rng), (int(rng.integers(4, 9)), 1)]:
        drawn = Inputs(rng, shape)
        layer = ReluLayer()
        layer.forward(drawn.x.copy())
        what = f"backward(y_grad) for an x of the shape {shape}"
        check_close(layer.backward(drawn.y_grad.copy()), drawn.x_grad, what, BACKWARD)


def test_central_differences(rng: np.random.Generator) -> None:
    """The gradient agrees with a numerical one of the layer's own output."""
    drawn = Inputs(rng, one_shape(rng))
    layer = ReluLayer()
    expected = numerical_gradient(layer.forward, drawn.x, drawn.y_grad, "forward(x)")
    check_not_zero(expected, "The numerical gradient of forward")
    x = drawn.x.copy()
    layer.forward(x)
    check_unchanged(x, drawn.x, "The x given to forward")
    check_gradient(layer.backward(drawn.y_grad.copy()), expected, "backward(y_grad)", BACKWARD)


def test_derivative_at_zero(rng: np.random.Generator) -> None:
    """The derivative is 0 where the input is exactly 0, with either sign."""
    for zero in (0.0, -0.0):
        drawn = Inputs(rng, one_shape(rng))
        y_grad = rng.uniform(1.0, 3.0, size=drawn.x.shape) * np.sign(drawn.y_grad)
        places = rng.permutation(drawn.x.size)[: drawn.x.size // 2]
        for array, value in ((drawn.x, zero), (drawn.y, 0.0)):
            array.flat[places] = value
        expected = np.where(drawn.y == 0.0, 0.0, y_grad)
        layer = ReluLayer()
        check_close(layer.forward(drawn.x.copy()), drawn.y, f"forward(x), {zero} in x,", FORWARD)
        check_close(
            layer.backward(y_grad.copy()),
            expected,
            f"backward(y_grad) where half of x is {zero}",
            "The derivative at 0 is 0: compare with > 0, not with >= 0.",
        )


def test_magnitudes(rng: np.random.Generator) -> None:
    """Very large and very small values pass like any others."""
    for scale in (1e120, 1e-120):
        drawn = Inputs(rng, one_shape(rng))
        layer = ReluLayer()
        hint = "No limit, epsilon or rounding belongs here: only the sign of x matters."
        y = layer.forward(scale * drawn.x)
        if isinstance(y, np.ndarray):
            y = y / scale
        check_close(y, drawn.y, f"forward({scale:g} * x) / {scale:g}", hint)
        what = f"backward(y_grad) after forward({scale:g} * x)"
        check_close(layer.backward(drawn.y_grad.copy()), drawn.x_grad, what, hint)


def test_all_off(rng: np.random.Generator) -> None:
    """A batch without any positive value gives 0 everywhere, both ways."""
    shape = one_shape(rng)
    x = -rng.uniform(0.1, 4.0, size=shape)
    layer = ReluLayer()
    # After a batch without any negative value, since a layer may know of nothing but zeros.
    check_not_zero(layer.forward(-x), "forward(x), all of x positive,")
    check_not_zero(layer.backward(rng.normal(size=shape)), "backward(y_grad), all of x positive,")
    check_close(layer.forward(x), np.zeros(shape), "forward(x), all of x negative,", FORWARD)
    came = layer.backward(rng.normal(size=shape))
    check_close(came, np.zeros(shape), "backward(y_grad), all of x negative,", BACKWARD)


def test_last_forward(rng: np.random.Generator) -> None:
    """Backward belongs to the latest forward, whatever was there before."""
    n_b, n_f = one_shape(rng)
    drawn = Inputs(rng, (n_b, n_f))
    layer = ReluLayer()
    for rows in (n_b + 1, n_b):
        before = Inputs(rng, (rows, n_f))
        layer.forward(before.x)
        layer.backward(before.y_grad)
    layer.forward(Inputs(rng, (n_b, n_f)).x)  # without a backward, as for a prediction
    layer.forward(drawn.x.copy())
    what = "backward(y_grad) after three other batches"
    check_close(layer.backward(drawn.y_grad.copy()), drawn.x_grad, what, LATEST)


def test_two_layers(rng: np.random.Generator) -> None:
    """Two layers remember their own inputs."""
    shape = one_shape(rng)
    drawn = [Inputs(rng, shape), Inputs(rng, shape)]
    layers = [ReluLayer(), ReluLayer()]
    for layer, one in zip(layers, drawn, strict=True):
        layer.forward(one.x.copy())
    hint = "What a layer remembers belongs to self, not to the class or the module."
    for name, layer, one in zip(("first", "second"), layers, drawn, strict=True):
        what = f"backward(y_grad) of the {name} of two layers"
        check_close(layer.backward(one.y_grad.copy()), one.x_grad, what, hint)


def test_update_changes_nothing(rng: np.random.Generator) -> None:
    """update_param is there, and changes nothing, as there is nothing to learn."""
    drawn = Inputs(rng, one_shape(rng))
    layer = ReluLayer()
    layer.forward(drawn.x.copy())
    layer.backward(drawn.y_grad.copy())
    layer.update_param(0.8)
    check_close(layer.forward(drawn.x.copy()), drawn.y, "forward(x) after update_param(0.8)")
    check_close(layer.forward(-drawn.x), drawn.y - drawn.x, "forward(-x) after update_param(0.8)")


def test_integers(rng: np.random.Generator) -> None:
    """An x of whole numbers, of an integer dtype, gives the same as one of floats."""
    x = whole_numbers(rng, one_shape(rng))
    y = [[max(value, 0) for value in row] for row in x.tolist()]
    y_grad = rng.normal(size=x.shape)
    hint = "An array made like x (zeros_like, empty_like, astype(x.dtype)) cuts off fractions."
    layer = ReluLayer()
    check_close(layer.forward(x.copy()), y, "forward(x) for an x of integers", hint)
    came = layer.backward(y_grad.copy())
    expected = y_grad * np.array(np.array(y) != 0)
    check_close(came, expected, "backward(y_grad) after an x of integers", hint)


def test_memory_layout(rng: np.random.Generator) -> None:
    """How an array lies in memory does not matter."""
    drawn = Inputs(rng, one_shape(rng))
    layouts = zip(memory_layouts(drawn.x), memory_layouts(drawn.y_grad), strict=True)
    for (layout, x_given), (_, y_grad_given) in layouts:
        hint = "Use indices, products and sums; leave strides, buffers and ravel orders alone."
        layer = ReluLayer()
        check_close(layer.forward(x_given), drawn.y, f"forward(x), where x {layout},", hint)
        what = f"backward(y_grad), where y_grad {layout},"
        check_close(layer.backward(y_grad_given), drawn.x_grad, what, hint)


def test_arguments_unchanged(rng: np.random.Generator) -> None:
    """Forward and backward do not write into the arrays that they are given."""
    drawn = Inputs(rng, one_shape(rng))
    x, y_grad = drawn.x.copy(), drawn.y_grad.copy()
    layer = ReluLayer()
    y = as_numbers(layer.forward(x), "forward(x)", shapes=[x.shape])
    check_not_zero(y, "forward(x)")
    check_not_zero(layer.backward(y_grad), "backward(y_grad)")
    check_unchanged(x, drawn.x, "The x given to forward")
    check_unchanged(y_grad, drawn.y_grad, "The y_grad given to backward")
