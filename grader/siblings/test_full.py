"""Siblings of the hidden cases of layers/full.py (HANDOUT.md, section 3)."""

import numpy as np
from draws import memory_layouts, whole_numbers
from layers import FullLayer
from util import (
    as_numbers,
    check_close,
    check_gradient,
    check_not_zero,
    check_number,
    check_unchanged,
    numerical_gradient,
)

INPUT = "backward returns dx = dy W; the gradients of W and b are stored, not returned."
WEIGHTS = "dW = dy^T x adds up over the samples; the average is taken once, by the loss."
BIASES = "b is added to every sample, so its gradient is the sum of dy over the samples."
UPDATE = "W <- W - lr dW, b <- b - lr db."
LATEST = "Each forward replaces the x that backward needs, and each backward the gradients."


def sizes(rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """Draw sizes (n_b, n_i, n_o): all different, all equal, one row, one input, one output, larger.

    What works by accident for one of them fails for another.
    """
    n_b, n_i, n_o = (int(size) for size in rng.permutation(np.arange(2, 10))[:3])
    return [
        (n_b, n_i, n_o),
        (n_i, n_i, n_i),
        (1, n_i, n_o),
        (n_b, 1, n_o),
        (n_b, n_i, 1),
        (n_b + 25, n_i + 35, n_o + 15),
    ]


def layer_with(W: np.ndarray, b: np.ndarray) -> FullLayer:
    """Make a layer with these weights (n_o, n_i) and biases (n_o,), in the shape it gives `b`."""
    n_o, n_i = W.shape
    layer = FullLayer(n_i, n_o)
    flat = np.shape(layer.b) == (n_o,)
    layer.W = W.copy()
    layer.b = b.copy() if flat else b.reshape(1, n_o).copy()
    return layer


def draw_parameters(rng: np.random.Generator, n_i: int, n_o: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw weights (n_o, n_i) and biases (n_o,)."""
    return rng.normal(size=(n_o, n_i)), rng.normal(size=n_o)


def outputs_of(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Add up each output of each sample by itself."""
    return np.array([[np.sum(row * weights) + b[o] for o, weights in enumerate(W)] for row in x])


class KnownGradients:
    """A gradient of the output for which all other gradients can be read off.

    In each sample only one output gets a gradient, `size`. So that sample's input gets `size`
    times this output's row of W; this row of W_grad grows by `size` times the sample's input; and
    this entry of b_grad grows by `size`.
    """

    def __init__(self, rng: np.random.Generator, x: np.ndarray, W: np.ndarray) -> None:
        n_o = len(W)
        self.y_grad = np.zeros((len(x), n_o))
        self.x_grad = np.zeros(x.shape)
        self.W_grad = np.zeros(W.shape)
        self.b_grad = np.zeros(n_o)
        for sample, row in enumerate(x):
            output, size = int(rng.integers(n_o)), rng.uniform(0.5, 2.0) * rng.choice([-1.0, 1.0])
            self.y_grad[sample, output] = size
            self.x_grad[sample] = size * W[output]
            self.W_grad[output] += size * row
            self.b_grad[output] += size


def check_bias(came: object, expected: np.ndarray, what: str, hint: str) -> None:
    """Check a bias or its gradient: (1, n_o) or (n_o,), a plain number too if n_o is 1."""
    __tracebackhide__ = True
    n_o = expected.size
    shapes = [(1, n_o), (n_o,)] + [()] * (n_o == 1)
    check_close(came, expected, what, hint, shapes=shapes)


def for_sizes(n_b: int, n_i: int, n_o: int) -> str:
    """Return the words that name these sizes."""
    return f"for n_b = {n_b}, n_i = {n_i}, n_o = {n_o}"


def test_forward(rng: np.random.Generator) -> None:
    """Forward computes every output of every sample, whatever the sizes."""
    for n_b, n_i, n_o in sizes(rng):
        (W, b), x = draw_parameters(rng, n_i, n_o), rng.normal(size=(n_b, n_i))
        check_close(
            layer_with(W, b).forward(x.copy()),
            outputs_of(x, W, b),
            f"forward(x) {for_sizes(n_b, n_i, n_o)}",
            "W has one row for each output and one column for each input; a sample is a row.",
        )


def test_input_gradient(rng: np.random.Generator) -> None:
    """Backward returns the gradient of the input, whatever the sizes."""
    for n_b, n_i, n_o in sizes(rng):
        (W, b), x = draw_parameters(rng, n_i, n_o), rng.normal(size=(n_b, n_i))
        known = KnownGradients(rng, x, W)
        layer = layer_with(W, b)
        layer.forward(x.copy())
        check_close(
            layer.backward(known.y_grad.copy()),
            known.x_grad,
            f"backward(y_grad) {for_sizes(n_b, n_i, n_o)}",
            INPUT,
        )


def test_weight_gradient(rng: np.random.Generator) -> None:
    """Backward stores the gradient of the weights, whatever the sizes."""
    for n_b, n_i, n_o in sizes(rng):
        (W, b), x = draw_parameters(rng, n_i, n_o), rng.normal(size=(n_b, n_i))
        known = KnownGradients(rng, x, W)
        layer = layer_with(W, b)
        layer.forward(x.copy())
        layer.backward(known.y_grad.copy())
        what = f"W_grad after backward {for_sizes(n_b, n_i, n_o)}"
        check_close(layer.W_grad, known.W_grad, what, WEIGHTS)


def test_bias_gradient(rng: np.random.Generator) -> None:
    """Backward stores the gradient of the biases, whatever the sizes."""
    for n_b, n_i, n_o in sizes(rng):
        (W, b), x = draw_parameters(rng, n_i, n_o), rng.normal(size=(n_b, n_i))
        known = KnownGradients(rng, x, W)
        layer = layer_with(W, b)
        layer.forward(x.copy())
        layer.backward(known.y_grad.copy())
        what = f"b_grad after backward {for_sizes(n_b, n_i, n_o)}"
        check_bias(layer.b_grad, known.b_grad, what, BIASES)


def test_central_differences(rng: np.random.Generator) -> None:
    """The gradient of the input agrees with a numerical one of the layer's own output."""
    n_b, n_i, n_o = sizes(rng)[0]
    (W, b), x = draw_parameters(rng, n_i, n_o), rng.normal(size=(n_b, n_i))
    y_grad = rng.normal(size=(n_b, n_o))
    layer = layer_with(W, b)
    expected = numerical_gradient(layer.forward, x, y_grad, "forward(x)")
    check_not_zero(expected, "The numerical gradient of forward")
    layer.forward(x.copy())
    check_gradient(
        layer.backward(y_grad.copy()),
        expected,
        f"backward(y_grad) {for_sizes(n_b, n_i, n_o)}",
        INPUT,
    )


def test_update_weights(rng: np.random.Generator) -> None:
    """update_param moves the weights against the gradient that backward stored."""
    for n_b, n_i, n_o in (sizes(rng)[0], sizes(rng)[4]):
        (W, b), lr = draw_parameters(rng, n_i, n_o), float(rng.uniform(0.05, 0.9))
        layer = layer_with(W, b)
        layer.forward(rng.normal(size=(n_b, n_i)))
        layer.backward(rng.normal(size=(n_b, n_o)))
        W_grad = as_numbers(layer.W_grad, "W_grad after backward", shapes=[W.shape])
        check_not_zero(W_grad, "W_grad after backward")
        layer.update_param(lr)
        check_close(layer.W, W - lr * W_grad, f"W after update_param({lr:.3g})", UPDATE)


def test_update_bias(rng: np.random.Generator) -> None:
    """update_param moves the bias of a new layer away from 0, against its gradient."""
    for n_b, n_i, n_o in (sizes(rng)[0], sizes(rng)[2]):
        x, lr = rng.normal(size=(n_b, n_i)), float(rng.uniform(0.05, 0.9))
        layer = FullLayer(n_i, n_o)
        known = KnownGradients(rng, x, np.zeros((n_o, n_i)))
        layer.forward(x.copy())
        layer.backward(known.y_grad.copy())
        layer.update_param(lr)
        what = f"b of a new layer after update_param({lr:.3g}) {for_sizes(n_b, n_i, n_o)}"
        check_bias(layer.b, -lr * known.b_grad, what, f"{UPDATE} {BIASES}")


def test_two_steps(rng: np.random.Generator) -> None:
    """A second step uses its own batch and its own learning rate."""
    n_b, n_i, n_o = sizes(rng)[0]
    W, b = draw_parameters(rng, n_i, n_o)
    layer = layer_with(W, b)
    for step, lr in (("first", 0.7), ("second", 0.04)):
        x = rng.normal(size=(n_b, n_i))
        known = KnownGradients(rng, x, W)
        layer.forward(x.copy())
        layer.backward(known.y_grad.copy())
        layer.update_param(lr)
        W, b = W - lr * known.W_grad, b - lr * known.b_grad
        hint = f"{UPDATE} Take the latest gradients and the lr that was given."
        check_close(layer.W, W, f"W after the {step} update_param, with lr = {lr}", hint)
        check_bias(layer.b, b, f"b after the {step} update_param, with lr = {lr}", hint)


def test_last_forward(rng: np.random.Generator) -> None:
    """Backward belongs to the latest forward, whatever was there before."""
    n_b, n_i, n_o = sizes(rng)[0]
    (W, b), x = draw_parameters(rng, n_i, n_o), rng.normal(size=(n_b, n_i))
    known = KnownGradients(rng, x, W)
    layer = layer_with(W, b)
    layer.forward(rng.normal(size=(n_b + 3, n_i)))
    layer.forward(rng.normal(size=(n_b, n_i)))
    layer.forward(x.copy())
    came = layer.backward(known.y_grad.copy())
    check_close(came, known.x_grad, "backward(y_grad) after three forwards", LATEST)
    check_close(layer.W_grad, known.W_grad, "W_grad after three forwards and a backward", LATEST)


def test_no_accumulation(rng: np.random.Generator) -> None:
    """A second backward replaces the gradients of the first."""
    n_b, n_i, n_o = sizes(rng)[0]
    W, b = draw_parameters(rng, n_i, n_o)
    layer = layer_with(W, b)
    for rows in (n_b + 1, n_b):
        x = rng.normal(size=(rows, n_i))
        known = KnownGradients(rng, x, W)
        layer.forward(x.copy())
        layer.backward(known.y_grad.copy())
    check_close(layer.W_grad, known.W_grad, "W_grad after a second backward", LATEST)
    check_bias(layer.b_grad, known.b_grad, "b_grad after a second backward", LATEST)


def test_two_layers(rng: np.random.Generator) -> None:
    """Two layers of the same sizes keep their weights, inputs and gradients apart."""
    n_b, n_i, n_o = sizes(rng)[0]
    hint = "What a layer remembers belongs to self, not to the class or the module."
    parameters = [draw_parameters(rng, n_i, n_o) for _ in range(2)]
    inputs = [rng.normal(size=(n_b, n_i)) for _ in range(2)]
    layers = [layer_with(W, b) for W, b in parameters]
    for name, layer, x, (W, b) in zip(("first", "second"), layers, inputs, parameters, strict=True):
        came = layer.forward(x.copy())
        check_close(came, outputs_of(x, W, b), f"forward(x) of the {name} of two layers", hint)
    known = [KnownGradients(rng, x, W) for x, (W, _) in zip(inputs, parameters, strict=True)]
    for layer, gradients in zip(layers, known, strict=True):
        layer.backward(gradients.y_grad.copy())
    for name, layer, gradients in zip(("first", "second"), layers, known, strict=True):
        check_close(layer.W_grad, gradients.W_grad, f"W_grad of the {name} of two layers", hint)


def test_only_update_moves(rng: np.random.Generator) -> None:
    """Forward and backward leave the parameters as they are."""
    n_b, n_i, n_o = sizes(rng)[0]
    W, b = draw_parameters(rng, n_i, n_o)
    layer = layer_with(W, b)
    check_not_zero(layer.forward(rng.normal(size=(n_b, n_i))), "forward(x)")
    check_not_zero(layer.backward(rng.normal(size=(n_b, n_o))), "backward(y_grad)")
    hint = "The change of the parameters is the work of update_param alone."
    check_close(layer.W, W, "W after forward and backward", hint)
    check_bias(layer.b, b, "b after forward and backward", hint)


def test_integers(rng: np.random.Generator) -> None:
    """An x of whole numbers, of an integer dtype, gives the same as one of floats."""
    n_b, n_i, n_o = sizes(rng)[0]
    (W, b), x = draw_parameters(rng, n_i, n_o), whole_numbers(rng, (n_b, n_i))
    known = KnownGradients(rng, x, W)
    hint = "An array made like x (zeros_like, empty_like, astype(x.dtype)) cuts off fractions."
    layer = layer_with(W, b)
    y = layer.forward(x.copy())
    check_close(y, outputs_of(x, W, b), "forward(x) for an x of integers", hint)
    came = layer.backward(known.y_grad.copy())
    check_close(came, known.x_grad, "backward(y_grad) after an x of integers", hint)
    check_close(layer.W_grad, known.W_grad, "W_grad after an x of integers", hint)


def test_memory_layout(rng: np.random.Generator) -> None:
    """How an array lies in memory does not matter."""
    n_b, n_i, n_o = sizes(rng)[0]
    (W, b), x = draw_parameters(rng, n_i, n_o), rng.normal(size=(n_b, n_i))
    known = KnownGradients(rng, x, W)
    layouts = zip(memory_layouts(x), memory_layouts(known.y_grad), strict=True)
    for (layout, x_given), (_, y_grad_given) in layouts:
        hint = "Use indices, products and sums; leave strides, buffers and ravel orders alone."
        layer = layer_with(W, b)
        y = layer.forward(x_given)
        check_close(y, outputs_of(x, W, b), f"forward(x), where x {layout},", hint)
        came = layer.backward(y_grad_given)
        check_close(came, known.x_grad, f"backward(y_grad), where y_grad {layout},", hint)
        check_close(layer.W_grad, known.W_grad, f"W_grad, where x {layout},", hint)
        check_bias(layer.b_grad, known.b_grad, f"b_grad, where y_grad {layout},", hint)


def test_arguments_unchanged(rng: np.random.Generator) -> None:
    """Forward, backward and update_param do not write into the arrays that they are given."""
    n_b, n_i, n_o = sizes(rng)[0]
    x, y_grad = rng.normal(size=(n_b, n_i)), rng.normal(size=(n_b, n_o))
    x_before, y_grad_before = x.copy(), y_grad.copy()
    layer = layer_with(*draw_parameters(rng, n_i, n_o))
    check_not_zero(layer.forward(x), "forward(x)")
    check_not_zero(layer.backward(y_grad), "backward(y_grad)")
    layer.update_param(0.3)
    check_unchanged(x, x_before, "The x given to forward")
    check_unchanged(y_grad, y_grad_before, "The y_grad given to backward")


def test_initial_weights(rng: np.random.Generator) -> None:
    """New weights are drawn one by one from Glorot's normal distribution.

    The bounds are 7 times what chance alone brings about: a right solution never fails.
    """
    more, fewer = int(rng.integers(300, 400)), int(rng.integers(100, 200))
    for n_i, n_o in ((more, fewer), (fewer, more)):
        name = f"FullLayer({n_i}, {n_o}).W"
        W = as_numbers(FullLayer(n_i, n_o).W, name, shapes=[(n_o, n_i)])
        chance = 7 / np.sqrt(W.size)
        deviation, glorot = np.std(W), np.sqrt(2 / (n_i + n_o))
        # Some read the formula as the variance of the weights, and that is accepted.
        if not any(abs(deviation / right - 1) < chance for right in (glorot, np.sqrt(glorot))):
            raise AssertionError(
                f"{name} has the standard deviation {deviation:.4f}, where sqrt(2 / (n_i + n_o)) "
                f"= {glorot:.4f} is expected. Are n_i and n_o both in the formula, and is the "
                "square root taken?"
            )
        drawn = W / deviation
        if abs(np.mean(drawn)) > chance:
            raise AssertionError(f"{name} has the mean {np.mean(W):.4f}, where 0 is expected.")
        near = np.mean(np.abs(drawn) < 1)
        if abs(near - 0.6827) > chance / 2:
            raise AssertionError(
                f"{near:.1%} of {name} lie less than one standard deviation from 0, where 68.3% "
                "of a normal distribution do. np.random.normal and randn draw normally; rand and "
                "uniform draw evenly from an interval."
            )
        for lines, product in (
            ("rows", np.mean(drawn[1:] * drawn[:-1])),
            ("columns", np.mean(drawn[:, 1:] * drawn[:, :-1])),
        ):
            if abs(product) > 1.1 * chance:
                raise AssertionError(
                    f"Neighbouring {lines} of {name} are alike. Draw every weight by itself: "
                    "size=(n_o, n_i)."
                )


def test_initial_bias(rng: np.random.Generator) -> None:
    """The bias of a new layer is 0."""
    for _, n_i, n_o in (sizes(rng)[0], sizes(rng)[4]):
        b, name, hint = (
            FullLayer(n_i, n_o).b,
            f"FullLayer({n_i}, {n_o}).b",
            "The biases start at 0.",
        )
        if np.size(b) == 1:
            check_number(b, 0.0, name, hint)  # the first update makes an array of a single 0
        else:
            check_bias(b, np.zeros(n_o), name, hint)
