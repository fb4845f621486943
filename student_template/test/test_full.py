"""Public tests of layers/full.py (HANDOUT.md, section 3)."""

import unittest

import numpy as np
from diagnosis import Clues, Diagnosis
from util import (
    as_numbers,
    check_close,
    check_gradient,
    check_not_zero,
    check_number,
    check_unchanged,
    numerical_gradient,
)

# isort: split
# util comes first: it sees to it that `layers` can be imported.
from layers import FullLayer

# One sample, one input, one output, as many of one as of the other, and all different: (n_b, n_i,
# n_o). What works by accident for one of them fails for another.
SIZES = [(1, 3, 2), (4, 1, 2), (3, 2, 1), (2, 2, 2), (3, 4, 2)]

BIAS_SHAPES = [(1, 2), (2,)]

SLOPE = "The numerical gradient of forward"

ROWS_AND_COLUMNS = "W has one row for each output and one column for each input; a sample is a row."


def layer_with(W: np.ndarray, b: np.ndarray) -> FullLayer:
    """Make a layer with these weights (n_o, n_i) and biases (1, n_o)."""
    layer = FullLayer(W.shape[1], W.shape[0])
    layer.W = W.copy()
    layer.b = like_own(layer, b)
    return layer


def like_own(layer: FullLayer, b: np.ndarray) -> np.ndarray:
    """Give biases (1, n_o) the shape of the layer's own, which may be (n_o,)."""
    own = getattr(layer, "b", None)
    fits = isinstance(own, np.ndarray) and own.size == b.size
    return b.reshape(own.shape if fits else b.shape).copy()


def draw(seed: int, n_b: int, n_i: int, n_o: int) -> tuple[np.ndarray, ...]:
    """Draw x, W, b and the gradient of the output."""
    rng = np.random.default_rng(seed)
    shapes = ((n_b, n_i), (n_o, n_i), (1, n_o), (n_b, n_o))
    return tuple(rng.normal(size=shape) for shape in shapes)


def gradients_of(layer: FullLayer) -> tuple[np.ndarray, np.ndarray]:
    """Read W_grad and b_grad of a layer with three inputs and two outputs: (2, 3) and (1, 2)."""
    W_grad = as_numbers(layer.W_grad, "W_grad after backward", shapes=[(2, 3)])
    b_grad = as_numbers(layer.b_grad, "b_grad after backward", shapes=BIAS_SHAPES)
    if not np.any(W_grad) or not np.any(b_grad):
        raise AssertionError("W_grad or b_grad is 0 everywhere after backward.")
    return W_grad, b_grad.reshape(1, 2)


class TestFullLayer(unittest.TestCase):
    """Tests of FullLayer."""

    def test_constructor(self):
        """A new layer has weights (n_o, n_i) that differ, and biases 0."""
        layer = FullLayer(4, 3)
        W = as_numbers(layer.W, "FullLayer(4, 3).W", ROWS_AND_COLUMNS, shapes=[(3, 4)])
        self.assertGreater(
            len(np.unique(W)),
            1,
            "All weights are the same number, so all outputs would learn the same. Draw them.",
        )
        b = layer.b
        what, hint = "FullLayer(4, 3).b", "The biases start at 0."
        if isinstance(b, int | float | np.ndarray) and np.size(b) == 1:
            check_number(b, 0.0, what, hint)  # the first update makes an array of a single 0
        else:
            check_close(b, np.zeros((1, 3)), what, hint, shapes=[(1, 3), (3,)])

    def test_initial_weights_spread(self):
        """The first weights have mean 0 and the spread of Glorot's formula."""
        n_i, n_o = 100, 400
        W = as_numbers(FullLayer(n_i, n_o).W, f"FullLayer({n_i}, {n_o}).W", shapes=[(n_o, n_i)])
        glorot = np.sqrt(2 / (n_i + n_o))
        # 40,000 weights: by chance alone the deviation is off by 0.35 % and the mean by 0.5 % of
        # the deviation, so 5 % never happens to a right solution.
        deviation = np.std(W)
        # The formula is also read as the variance of the weights, and that is accepted.
        allowed = (glorot, np.sqrt(glorot))
        self.assertTrue(
            any(abs(deviation - value) < 0.05 * value for value in allowed),
            f"The weights of FullLayer({n_i}, {n_o}) have the standard deviation "
            f"{deviation:.4f}, where sqrt(2 / (n_i + n_o)) = {glorot:.4f} is expected. Are n_i and "
            "n_o both in the formula, and is the square root taken?",
        )
        self.assertLess(
            abs(np.mean(W)),
            0.05 * deviation,
            f"The weights have the mean {np.mean(W):.4f}, where 0 is expected.",
        )

    def test_initial_weights_are_normal(self):
        """The first weights are normally distributed."""
        W = as_numbers(FullLayer(100, 400).W, "FullLayer(100, 400).W", shapes=[(400, 100)])
        # 4.55 % of a normal distribution lie beyond two deviations, of a uniform one nothing; for
        # 40,000 weights the share varies by 0.1 %.
        beyond = np.mean(np.abs(W - np.mean(W)) > 2 * np.std(W))
        self.assertTrue(
            0.035 < beyond < 0.056,
            f"{beyond:.2%} of the weights lie more than two standard deviations from the mean, "
            "where 4.55% of a normal distribution do. np.random.rand and np.random.uniform draw "
            "evenly from an interval; np.random.normal and np.random.randn draw normally.",
        )

    def test_forward_worked_example(self):
        """Forward computes x W^T + b on the example of the handout, with integer inputs."""
        layer = layer_with(np.array([[1.0, 2], [3, 4], [5, 6]]), np.array([[0.5, 0, -0.5]]))
        y = layer.forward(np.array([[1, 0], [2, -1]]))
        expected = [[1.5, 3, 4.5], [0.5, 2, 3.5]]
        check_close(
            y,
            expected,
            "forward(x), for x = [[1, 0], [2, -1]], W = [[1, 2], [3, 4], [5, 6]] and "
            "b = [[0.5, 0, -0.5]],",
            ROWS_AND_COLUMNS,
        )

    def test_forward_random(self):
        """Forward computes every output of every sample, whatever the sizes."""
        for n_b, n_i, n_o in SIZES:
            x, W, b, _ = draw(11, n_b, n_i, n_o)
            expected = np.empty((n_b, n_o))
            for sample in range(n_b):
                for output in range(n_o):
                    products = [x[sample, i] * W[output, i] for i in range(n_i)]
                    expected[sample, output] = sum(products) + b[0, output]
            not_transposed = [x @ W + b] if n_i == n_o else []
            check_close(
                layer_with(W, b).forward(x),
                expected,
                f"forward(x) for n_b = {n_b}, n_i = {n_i}, n_o = {n_o}",
                ROWS_AND_COLUMNS,
                clues=Clues(mistakes={Diagnosis.MATRIX_TRANSPOSED: not_transposed}),
            )

    def test_backward_input(self):
        """Backward returns the gradient of the input."""
        for n_b, n_i, n_o in [(1, 3, 2), (2, 2, 2), (3, 4, 2)]:
            x, W, b, y_grad = draw(12, n_b, n_i, n_o)
            layer = layer_with(W, b)
            expected = numerical_gradient(layer.forward, x, y_grad, "forward(x)")
            check_not_zero(expected, SLOPE)
            layer.forward(x)
            transposed = [y_grad @ W.T] if n_i == n_o else []
            check_gradient(
                layer.backward(y_grad),
                expected,
                f"The gradient that backward returned for n_b = {n_b}, n_i = {n_i}, n_o = {n_o}",
                "backward returns dx = dy W; the gradients of W and b are stored, not returned.",
                clues=Clues(batch=(n_b, n_i), mistakes={Diagnosis.MATRIX_TRANSPOSED: transposed}),
            )

    def test_backward_weights(self):
        """Backward stores the gradient of the weights, summed over the samples."""
        x, W, b, y_grad = draw(13, 3, 4, 2)
        layer = layer_with(W, b)

        def forward_with(weights):
            layer.W = weights
            return layer.forward(x)

        expected = numerical_gradient(forward_with, W, y_grad, "forward(x)")
        check_not_zero(expected, SLOPE)
        layer.W = W.copy()
        layer.forward(x)
        layer.backward(y_grad)
        check_gradient(
            layer.W_grad,
            expected,
            "W_grad after backward",
            "dW = dy^T x adds up over the samples; the average is taken once, by the loss.",
            clues=Clues(batch=x.shape),
        )

    def test_backward_biases(self):
        """Backward stores the gradient of the biases, summed over the samples."""
        x, W, b, y_grad = draw(14, 4, 3, 2)
        layer = layer_with(W, b)

        def forward_with(biases):
            layer.b = like_own(layer, biases)
            return layer.forward(x)

        expected = numerical_gradient(forward_with, b, y_grad, "forward(x)")
        check_not_zero(expected, SLOPE)
        layer.b = like_own(layer, b)
        layer.forward(x)
        layer.backward(y_grad)
        check_gradient(
            layer.b_grad,
            expected,
            "b_grad after backward",
            "b is added to every sample, so its gradient is the sum of dy over the samples.",
            shapes=BIAS_SHAPES,
            clues=Clues(batch=x.shape, mistakes={Diagnosis.WRONG_AXIS: [np.sum(y_grad, axis=1)]}),
        )

    def test_backward_twice(self):
        """A second forward and backward replace the gradients of the first."""
        first_x, W, b, first_y_grad = draw(15, 4, 3, 2)
        x, _, _, y_grad = draw(16, 2, 3, 2)
        fresh = layer_with(W, b)
        fresh.forward(x)
        fresh.backward(y_grad)
        expected = gradients_of(fresh)
        used = layer_with(W, b)
        for batch, grad in ((first_x, first_y_grad), (x, y_grad)):
            used.forward(batch)
            used.backward(grad)
        for came, wanted, name in zip(
            gradients_of(used), expected, ("W_grad", "b_grad"), strict=True
        ):
            check_close(
                came,
                wanted,
                f"{name} after a second backward",
                "Assign the gradients, do not add them to the old ones, and take the x of the "
                "latest forward.",
            )

    def test_update_param(self):
        """update_param moves W and b against their gradients, by the learning rate."""
        for lr in (0.1, 2.0):
            x, W, b, y_grad = draw(17, 4, 3, 2)
            layer = layer_with(W, b)
            layer.forward(x)
            layer.backward(y_grad)
            W_grad, b_grad = gradients_of(layer)
            layer.update_param(lr)
            after, hint = f"after update_param({lr})", "W <- W - lr dW, b <- b - lr db."
            for name, before, grad, shapes in (
                ("W", W, W_grad, [W.shape]),
                ("b", b, b_grad, BIAS_SHAPES),
            ):
                check_close(
                    getattr(layer, name),
                    before - lr * grad,
                    f"{name} {after}",
                    hint,
                    shapes=shapes,
                    clues=Clues(start=before),
                )

    def test_only_update_param_changes_parameters(self):
        """Forward and backward leave W and b as they are."""
        x, W, b, y_grad = draw(18, 4, 3, 2)
        layer = layer_with(W, b)
        layer.forward(x)
        layer.backward(y_grad)
        gradients_of(layer)
        hint = "The change of the parameters is the work of update_param alone."
        check_close(layer.W, W, "W after forward and backward", hint)
        check_close(layer.b, b, "b after forward and backward", hint, shapes=BIAS_SHAPES)

    def test_arguments_unchanged(self):
        """Forward and backward do not write into the arrays that they are given."""
        x, W, b, y_grad = draw(19, 4, 3, 2)
        x_before, y_grad_before = x.copy(), y_grad.copy()
        layer = layer_with(W, b)
        check_not_zero(layer.forward(x), "forward(x)")
        check_not_zero(layer.backward(y_grad), "backward(y_grad)")
        layer.update_param(0.1)
        check_unchanged(x, x_before, "The x given to forward")
        check_unchanged(y_grad, y_grad_before, "The y_grad given to backward")


if __name__ == "__main__":
    unittest.main()
