"""Public tests of layers/relu.py (HANDOUT.md, section 4)."""

import unittest

import numpy as np
from diagnosis import Clues
from util import check_close, check_gradient, check_not_zero, check_unchanged, numerical_gradient

# isort: split
# util comes first: it sees to it that `layers` can be imported.
from layers import ReluLayer

X = np.array([[-1.5, 2.0, 0.0], [0.5, -0.25, 3.0]])
Y = np.array([[0.0, 2.0, 0.0], [0.5, 0.0, 3.0]])


def draw(seed: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Draw an input of both signs, away from the kink at 0, and a gradient of the output."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.1, 2.0, size=shape) * rng.choice([-1.0, 1.0], size=shape)
    return x, rng.normal(size=shape)


class TestReluLayer(unittest.TestCase):
    """Tests of ReluLayer."""

    def test_forward_worked_example(self):
        """Forward keeps what is positive and makes 0 of the rest."""
        check_close(
            ReluLayer().forward(X.copy()),
            Y,
            f"forward(x) for x = {X.tolist()}",
            "y = max(x, 0), for each element by itself: np.maximum, not np.max.",
        )

    def test_forward_random(self):
        """Forward works for batches of any shape."""
        for shape in [(1, 5), (5, 1), (1, 1), (4, 4), (3, 6)]:
            x, _ = draw(21, shape)
            expected = [[max(value, 0.0) for value in row] for row in x.tolist()]
            check_close(
                ReluLayer().forward(x), expected, f"forward(x) for an x of the shape {shape}"
            )

    def test_forward_integers(self):
        """Forward takes integers too."""
        check_close(
            ReluLayer().forward(np.array([[-3, 0, 4], [7, -1, 2]])),
            [[0, 0, 4], [7, 0, 2]],
            "forward(x) for x = [[-3, 0, 4], [7, -1, 2]], an array of integers,",
        )

    def test_backward_worked_example(self):
        """Backward passes the gradient where the input was positive, and 0 where it was 0."""
        layer = ReluLayer()
        layer.forward(X.copy())
        check_close(
            layer.backward(np.array([[10.0, -20.0, 30.0], [-40.0, 50.0, 60.0]])),
            [[0, -20, 0], [-40, 0, 60]],
            f"backward([[10, -20, 30], [-40, 50, 60]]) after forward({X.tolist()})",
            "The input decides where the gradient passes, not the gradient's own sign; the "
            "derivative at 0 is 0.",
        )

    def test_backward_at_zero(self):
        """The derivative at exactly 0 is 0."""
        layer = ReluLayer()
        layer.forward(np.array([[0.0, 1.0], [1.0, 0.0]]))
        check_close(
            layer.backward(np.array([[3.0, -4.0], [5.0, 6.0]])),
            [[0, -4], [5, 0]],
            "backward([[3, -4], [5, 6]]) after forward([[0, 1], [1, 0]])",
            "Compare with > 0, not with >= 0.",
        )

    def test_backward_random(self):
        """Backward returns the gradient of the input."""
        for shape in [(1, 5), (4, 1), (3, 4)]:
            x, y_grad = draw(22, shape)
            layer = ReluLayer()
            expected = numerical_gradient(layer.forward, x, y_grad, "forward(x)")
            check_not_zero(expected, "The numerical gradient of forward")
            layer.forward(x)
            check_gradient(
                layer.backward(y_grad),
                expected,
                f"backward(y_grad) for an input of the shape {shape}",
                "The chain rule multiplies the gradient that comes in by the derivative, 0 or 1.",
                clues=Clues(batch=shape),
            )

    def test_backward_follows_latest_forward(self):
        """Backward belongs to the latest forward, also when the batch had another size."""
        layer = ReluLayer()
        layer.forward(np.array([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]))
        layer.forward(np.array([[-1.0, 1.0]]))
        check_close(
            layer.backward(np.array([[7.0, 8.0]])),
            [[0, 8]],
            "backward([[7, 8]]) after a forward of three samples and then forward([[-1, 1]])",
            "Each forward replaces what the layer remembers.",
        )

    def test_update_param(self):
        """update_param is there, and changes nothing, as there is nothing to learn."""
        layer = ReluLayer()
        layer.forward(X.copy())
        layer.backward(np.array([[10.0, -20.0, 30.0], [-40.0, 50.0, 60.0]]))
        layer.update_param(0.5)
        check_close(layer.forward(X.copy()), Y, "forward(x) after update_param(0.5)")

    def test_arguments_unchanged(self):
        """Forward and backward do not write into the arrays that they are given."""
        x, y_grad = draw(23, (3, 4))
        x_before, y_grad_before = x.copy(), y_grad.copy()
        layer = ReluLayer()
        check_not_zero(layer.forward(x), "forward(x)")
        check_not_zero(layer.backward(y_grad), "backward(y_grad)")
        check_unchanged(x, x_before, "The x given to forward")
        check_unchanged(y_grad, y_grad_before, "The y_grad given to backward")


if __name__ == "__main__":
    unittest.main()
