"""Public tests of layers/softmax.py (HANDOUT.md, section 5)."""

import unittest

import numpy as np
from diagnosis import Clues, Diagnosis
from util import check_close, check_gradient, check_not_zero, check_unchanged, numerical_gradient

# isort: split
# util comes first: it sees to it that `layers` can be imported.
from layers import SoftMaxLayer

# exp turns these scores into 1, 2 and 3, and 1 + 2 + 3 = 6.
SCORES = np.log([[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]])
PROBABILITIES = np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]]) / 6.0

BY_ROW = "Each row is a sample by itself: sum over its features (axis=1, keepdims=True)."


def draw_probabilities(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw rows of probabilities, none of them tiny."""
    parts = rng.uniform(0.2, 1.0, size=shape)
    return parts / np.sum(parts, axis=1, keepdims=True)


def by_column(scores: np.ndarray) -> Clues:
    """Return as a clue what a softmax along the wrong axis makes of the scores."""
    if 1 in scores.shape:
        return Clues()  # other mistakes would look the same
    exponentials = np.exp(scores - np.max(scores))
    whole, columns = np.sum(exponentials), np.sum(exponentials, axis=0)
    mistakes = [exponentials / whole, exponentials / columns]
    return Clues(mistakes={Diagnosis.WRONG_AXIS: mistakes})


class TestSoftMaxLayer(unittest.TestCase):
    """Tests of SoftMaxLayer."""

    def test_forward_worked_example(self):
        """Forward turns the scores log 1, log 2, log 3 into 1/6, 2/6, 3/6."""
        check_close(
            SoftMaxLayer().forward(SCORES.copy()),
            PROBABILITIES,
            "forward(x) for x = [[log 1, log 2, log 3], [log 3, log 1, log 2]]",
            BY_ROW,
            clues=by_column(SCORES),
        )

    def test_forward_random(self):
        """Forward finds probabilities again from their logarithms, moved by any number a row."""
        rng = np.random.default_rng(31)
        for shape in [(1, 4), (4, 1), (3, 3), (5, 2), (2, 5)]:
            expected = draw_probabilities(rng, shape)
            scores = np.log(expected) + rng.normal(size=(shape[0], 1))
            check_close(
                SoftMaxLayer().forward(scores),
                expected,
                f"forward(x) for an x of the shape {shape}",
                BY_ROW,
                clues=by_column(scores),
            )

    def test_forward_integers(self):
        """Forward takes integers, and does not round to integers for that."""
        check_close(
            SoftMaxLayer().forward(np.array([[0, 0], [5, 5], [-2, -2]])),
            [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]],
            "forward(x) for x = [[0, 0], [5, 5], [-2, -2]], an array of integers,",
            "np.zeros_like(x) and in-place operations keep the type of x, integers here.",
        )

    def test_forward_large_scores(self):
        """Forward gives the right probabilities for scores around 1000."""
        check_close(
            SoftMaxLayer().forward(SCORES + 1000.0),
            PROBABILITIES,
            "forward(x) for x = [[log 1, log 2, log 3], [log 3, log 1, log 2]] + 1000",
            "exp(1000) is too large for a float. Subtract the largest score of each row first: it "
            "changes no probability.",
        )

    def test_forward_small_scores(self):
        """Forward gives the right probabilities for scores around -1000."""
        check_close(
            SoftMaxLayer().forward(SCORES - 1000.0),
            PROBABILITIES,
            "forward(x) for x = [[log 1, log 2, log 3], [log 3, log 1, log 2]] - 1000",
            "exp(-1000) is 0 as a float, and 0 / 0 is NaN. Subtract the largest score of each row "
            "first, also where it is negative.",
        )

    def test_backward_worked_example(self):
        """Backward returns dy J on the example of the handout."""
        layer = SoftMaxLayer()
        layer.forward(SCORES.copy())
        check_close(
            layer.backward(np.array([[6.0, 0.0, 0.0], [0.0, 6.0, 12.0]])),
            [[5 / 6, -2 / 6, -3 / 6], [-15 / 6, 1 / 6, 14 / 6]],
            "backward([[6, 0, 0], [0, 6, 12]]) after forward gave [[1, 2, 3], [3, 1, 2]] / 6",
            "J = diag(z) - z^T z has entries beside its diagonal too, and each row has its own J.",
        )

    def test_backward_random(self):
        """Backward returns the gradient of the input."""
        rng = np.random.default_rng(32)
        for shape in [(1, 4), (3, 3), (2, 5)]:
            x, y_grad = rng.normal(size=shape), rng.normal(size=shape)
            layer = SoftMaxLayer()
            expected = numerical_gradient(layer.forward, x, y_grad, "forward(x)")
            check_not_zero(expected, "The numerical gradient of forward")
            layer.forward(x)
            check_gradient(
                layer.backward(y_grad),
                expected,
                f"backward(y_grad) for an input of the shape {shape}",
                "dx = dy (diag(z) - z^T z) for each row, z being the row's probabilities.",
                clues=Clues(batch=shape),
            )

    def test_backward_large_scores(self):
        """Backward gives numbers, not NaN, for scores around 1000."""
        layer = SoftMaxLayer()
        layer.forward(SCORES + 1000.0)
        check_close(
            layer.backward(np.array([[6.0, 0.0, 0.0], [0.0, 6.0, 12.0]])),
            [[5 / 6, -2 / 6, -3 / 6], [-15 / 6, 1 / 6, 14 / 6]],
            "backward([[6, 0, 0], [0, 6, 12]]) after a forward with scores around 1000",
            "backward needs the probabilities that forward computed, so keep them.",
        )

    def test_backward_follows_latest_forward(self):
        """Backward belongs to the latest forward, also when the batch had another size."""
        layer = SoftMaxLayer()
        layer.forward(np.zeros((4, 3)))
        layer.forward(SCORES[:1].copy())
        check_close(
            layer.backward(np.array([[6.0, 0.0, 0.0]])),
            [[5 / 6, -2 / 6, -3 / 6]],
            "backward([[6, 0, 0]]) after a forward of four samples and then one of one sample",
            "Each forward replaces what the layer remembers.",
        )

    def test_update_param(self):
        """update_param is there, and changes nothing, as there is nothing to learn."""
        layer = SoftMaxLayer()
        layer.forward(SCORES.copy())
        layer.backward(np.array([[6.0, 0.0, 0.0], [0.0, 6.0, 12.0]]))
        layer.update_param(0.5)
        check_close(
            layer.forward(SCORES.copy()), PROBABILITIES, "forward(x) after update_param(0.5)"
        )

    def test_arguments_unchanged(self):
        """Forward and backward do not write into the arrays that they are given."""
        rng = np.random.default_rng(33)
        x, y_grad = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
        x_before, y_grad_before = x.copy(), y_grad.copy()
        layer = SoftMaxLayer()
        check_not_zero(layer.forward(x), "forward(x)")
        check_not_zero(layer.backward(y_grad), "backward(y_grad)")
        check_unchanged(x, x_before, "The x given to forward")
        check_unchanged(y_grad, y_grad_before, "The y_grad given to backward")


if __name__ == "__main__":
    unittest.main()
