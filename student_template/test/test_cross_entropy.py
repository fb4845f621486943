"""Public tests of layers/cross_entropy.py (HANDOUT.md, section 6)."""

import unittest
from collections.abc import Callable
from typing import Any

import numpy as np
from diagnosis import Clues
from util import (
    check_close,
    check_gradient,
    check_not_zero,
    check_number,
    check_unchanged,
    numerical_gradient,
)

# isort: split
# util comes first: it sees to it that `layers` can be imported.
from layers import CrossEntropyLayer

# The right class has the probability 1/4 in the first sample and 1/2 in the second, so the loss
# is (log 4 + log 2) / 2 = 1.5 log 2.
X = np.array([[0.25, 0.5, 0.25], [0.25, 0.25, 0.5]])
T = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
LOSS = 1.5 * np.log(2.0)

AVERAGE = "The loss is minus the sum of t log x, divided by the number of samples n_b."


def draw(seed: int, n_b: int, n_c: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw rows of probabilities, none of them tiny, and one-hot labels."""
    rng = np.random.default_rng(seed)
    parts = rng.uniform(0.3, 1.0, size=(n_b, n_c))
    return parts / np.sum(parts, axis=1, keepdims=True), np.eye(n_c)[rng.integers(n_c, size=n_b)]


def loss_of(layer: CrossEntropyLayer, t: np.ndarray) -> Callable[[np.ndarray], Any]:
    """Return the loss as a function of the probabilities alone."""
    return lambda x: layer.forward(x, t)


class TestCrossEntropyLayer(unittest.TestCase):
    """Tests of CrossEntropyLayer."""

    def test_forward_worked_example(self):
        """Forward gives 1.5 log 2 where the right classes have probabilities 1/4 and 1/2."""
        check_number(
            CrossEntropyLayer().forward(X.copy(), T.copy()),
            LOSS,
            f"forward(x, t) for x = {X.tolist()} and t = {T.tolist()}",
            f"{AVERAGE} log is the natural logarithm.",
        )

    def test_forward_single_sample(self):
        """Forward gives log 4 for one sample whose right class has the probability 1/4."""
        check_number(
            CrossEntropyLayer().forward(X[:1].copy(), T[:1].copy()),
            np.log(4.0),
            "forward(x, t) for x = [[0.25, 0.5, 0.25]] and t = [[1, 0, 0]]",
            AVERAGE,
        )

    def test_forward_averages_over_samples(self):
        """Forward averages over the samples, not over the classes."""
        for n_b, n_c in [(5, 3), (2, 6), (6, 2), (4, 4)]:
            rng = np.random.default_rng(41)
            # The right class of each sample gets the probability exp(-a), so that the sample's
            # part of the loss is a; the other classes share the rest.
            a = rng.uniform(0.2, 2.0, size=n_b)
            t = np.eye(n_c)[rng.integers(n_c, size=n_b)]
            right = np.exp(-a)[:, np.newaxis]
            x = np.where(t == 1, right, (1 - right) / (n_c - 1))
            check_number(
                CrossEntropyLayer().forward(x, t),
                np.mean(a),
                f"forward(x, t) for {n_b} samples and {n_c} classes",
                AVERAGE,
                clues=Clues(batch=(n_b, n_c)),
            )

    def test_forward_integer_labels(self):
        """Forward takes one-hot labels that are integers."""
        check_number(
            CrossEntropyLayer().forward(X.copy(), T.astype(np.int64)),
            LOSS,
            f"forward(x, t) for x = {X.tolist()} and t = {T.astype(int).tolist()}",
            AVERAGE,
        )

    def test_backward_worked_example(self):
        """Backward gives -(1/n_b) t / x on the example of the handout."""
        layer = CrossEntropyLayer()
        layer.forward(X.copy(), T.copy())
        check_close(
            layer.backward(),
            [[-2, 0, 0], [0, 0, -1]],
            f"backward() after forward(x, t) with x = {X.tolist()} and t = {T.tolist()}",
            "dx = -(1/n_b) t / x. The factor 1/n_b of the loss belongs to its gradient, too.",
        )

    def test_backward_random(self):
        """Backward returns the gradient of the loss with respect to the probabilities."""
        for n_b, n_c in [(4, 3), (1, 4), (3, 3), (4, 2)]:
            x, t = draw(42, n_b, n_c)
            layer = CrossEntropyLayer()
            expected = numerical_gradient(loss_of(layer, t), x, 1.0, "forward(x, t)")
            check_not_zero(expected, "The numerical gradient of forward")
            layer.forward(x, t)
            check_gradient(
                layer.backward(),
                expected,
                f"backward() for {n_b} samples and {n_c} classes",
                "dx = -(1/n_b) t / x.",
                clues=Clues(batch=(n_b, n_c)),
            )

    def test_backward_follows_latest_forward(self):
        """Backward belongs to the latest forward, also when the batch had another size."""
        layer = CrossEntropyLayer()
        layer.forward(*draw(43, 5, 3))
        layer.forward(X.copy(), T.copy())
        check_close(
            layer.backward(),
            [[-2, 0, 0], [0, 0, -1]],
            "backward() after a forward of five samples and then one of two samples",
            "Each forward replaces what the layer remembers.",
        )

    def test_arguments_unchanged(self):
        """Forward and backward do not write into the arrays that they are given."""
        x, t = draw(44, 4, 3)
        x_before, t_before = x.copy(), t.copy()
        layer = CrossEntropyLayer()
        check_not_zero(layer.forward(x, t), "forward(x, t)")
        check_not_zero(layer.backward(), "backward()")
        check_unchanged(x, x_before, "The x given to forward")
        check_unchanged(t, t_before, "The t given to forward")


if __name__ == "__main__":
    unittest.main()
