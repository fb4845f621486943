"""Public tests of layers/sequential.py (HANDOUT.md, section 7).

The networks here are made of small layers of the tests' own, so that a mistake in one of your
layers does not show up as one of Sequential.
"""

import unittest

import numpy as np
from diagnosis import Clues, Diagnosis
from util import (
    as_numbers,
    check_classes,
    check_close,
    check_number,
    check_unchanged,
    class_posing_as,
)

# isort: split
# util comes first: it sees to it that `layers` can be imported.
from layers import Sequential


class Affine:
    """A layer with a scale and a shift for each feature: ``y = x * scale + shift``.

    It notes in `journal` what is done to it: the method, its own name, and the argument.
    """

    poses_as = "FullLayer"
    __class__ = class_posing_as(poses_as)

    def __init__(self, scale, shift, name="layer", journal=None):
        self.scale = np.array([scale], dtype=np.float64)
        self.shift = np.array([shift], dtype=np.float64)
        self.name = name
        self.journal = [] if journal is None else journal
        self.input = self.gradients = None

    def forward(self, x):
        self.input = as_numbers(x, f"The x that the {self.name}'s forward got")
        self.journal.append(("forward", self.name, self.input))
        return self.input * self.scale + self.shift

    def backward(self, y_grad):
        called_in_time(self.input, f"The {self.name}'s backward was called before its forward.")
        what = f"The y_grad that the {self.name}'s backward got"
        y_grad = as_numbers(y_grad, what, shapes=[self.input.shape])
        self.journal.append(("backward", self.name, y_grad))
        self.gradients = np.sum(y_grad * self.input, axis=0), np.sum(y_grad, axis=0)
        return y_grad * self.scale

    def update_param(self, lr):
        called_in_time(self.gradients, f"The {self.name} was updated before its backward.")
        lr = float(as_numbers(lr, f"The lr that the {self.name}'s update got", shapes=[()]))
        self.journal.append(("update", self.name, lr))
        self.scale = self.scale - lr * self.gradients[0]
        self.shift = self.shift - lr * self.gradients[1]

    update_params = update_param  # the other spelling that the handout had


class SquaredError:
    """A loss: the average over the samples of the sum of ``(x - t)^2``."""

    poses_as = "CrossEntropyLayer"
    __class__ = class_posing_as(poses_as)

    def __init__(self, journal=None):
        self.journal = [] if journal is None else journal
        self.difference = None

    def forward(self, x, t):
        x = as_numbers(x, "The x that the loss's forward got")
        t = as_numbers(t, "The t that the loss's forward got", shapes=[x.shape])
        self.journal.append(("forward", "loss", t))
        self.difference = x - t
        return np.sum(self.difference**2) / len(x)

    def backward(self, y_grad=None):
        called_in_time(self.difference, "The loss's backward was called before its forward.")
        self.journal.append(("backward", "loss", None))
        return 2.0 * self.difference / len(self.difference)

    def update_param(self, lr):
        """Do nothing: a loss has no parameters."""

    update_params = update_param


def called_in_time(remembered, message):
    """Check that a layer remembers what it needs from the call before."""
    if remembered is None:
        raise AssertionError(message)


def three_layers(journal=None):
    """Make three layers whose order matters, for two features."""
    return [
        Affine([2.0, -1.0], [1.0, 0.5], "first layer", journal),
        Affine([0.5, 3.0], [-1.0, 2.0], "second layer", journal),
        Affine([-1.0, 0.25], [0.0, 1.0], "third layer", journal),
    ]


# What the three layers make of these two samples, worked out by hand.
X = np.array([[1.0, 2.0], [3.0, -1.0]])
FIRST = np.array([[3.0, -1.5], [7.0, 1.5]])
SECOND = np.array([[0.5, -2.5], [2.5, 6.5]])
THIRD = np.array([[-0.5, 0.375], [-2.5, 2.625]])
T = np.array([[0.0, 1.0], [1.0, 0.0]])
LOSS = (0.25 + 0.390625 + 12.25 + 6.890625) / 2


def steps_of(journal):
    """Return (x, t, lr) for each step of a training: the batch of its backward, and the rate.

    Looking at the loss in between, which is a forward without an update, is allowed.
    """
    steps, x, batch, trained, answered = [], None, None, None, True
    for method, name, argument in journal:
        if name == "loss":
            if method == "forward":
                batch = (x, argument)
            else:
                trained, answered = batch, False
        elif method == "forward":
            x = argument
        elif method == "update":
            if answered:
                raise AssertionError(
                    "update_param was called without a new backward since the last update. Each "
                    "batch takes a forward with its labels, a backward and an update."
                )
            steps.append((*trained, argument))
            answered = True
    return steps


def numbered_rows(n):
    """Make n rows that can be told apart, and for each the labels that belong to it."""
    x = np.arange(1.0, n + 1.0)[:, np.newaxis] * np.array([[1.0, -0.5]])
    return x, np.eye(2)[np.arange(n) % 2] * x[:, :1]


def watched_fit(x, y, **settings):
    """Train a network of one layer and return its steps."""
    journal = []
    layer = Affine([0.0, 0.0], [0.0, 0.0], "layer", journal)
    Sequential([layer], SquaredError(journal)).fit(x, y, **settings)
    return steps_of(journal)


class TestSequential(unittest.TestCase):
    """Tests of Sequential."""

    def test_forward(self):
        """Forward without a target returns the output of the last layer."""
        network = Sequential(three_layers(), SquaredError())
        what, hint = "forward(x)", "The output of each layer is the input of the next."
        check_close(network.forward(X.copy()), THIRD, what, hint)
        network.forward(X.copy(), T.copy())
        check_close(network.forward(X.copy()), THIRD, f"{what} after forward(x, target)", hint)

    def test_forward_any_number_of_layers(self):
        """Forward goes through one, two or three layers, in a list or a tuple."""
        for n, expected in ((1, FIRST), (2, SECOND), (3, THIRD)):
            for kind in (list, tuple):
                network = Sequential(kind(three_layers()[:n]), SquaredError())
                check_close(
                    network.forward(X.copy()),
                    expected,
                    f"forward(x) of a network with a {kind.__name__} of {n} layers",
                    "Loop over the layers that the constructor got, however many there are.",
                )

    def test_forward_with_target(self):
        """Forward with a target returns the loss of the output."""
        check_number(
            Sequential(three_layers(), SquaredError()).forward(X.copy(), T.copy()),
            LOSS,
            "forward(x, target)",
            "With a target, return what loss.forward(output, target) returns.",
        )

    def test_backward(self):
        """Backward hands the gradient of the loss back through the layers, the last one first."""
        journal = []
        network = Sequential(three_layers(journal), SquaredError(journal))
        network.forward(X.copy(), T.copy())
        journal.clear()
        network.backward()
        names = ("third layer", "second layer", "first layer")
        calls = [(method, name) for method, name, _ in journal]
        expected = [("backward", name) for name in ("loss", *names)]
        self.assertEqual(
            calls,
            expected,
            "backward calls loss.backward() and then the backward of each layer, in reverse order.",
        )
        received = {name: argument for _, name, argument in journal}
        # 2 (output - t) / 2, then times each layer's scale.
        third = THIRD - T
        second = third * [[-1.0, 0.25]]
        first = second * [[0.5, 3.0]]
        for name, gradient in zip(names, (third, second, first), strict=True):
            check_close(
                received[name],
                gradient,
                f"The gradient that the {name}'s backward got",
                "Each layer gets what the one behind it returned; the last one, what "
                "loss.backward() returned.",
            )

    def test_update_param(self):
        """update_param lets every layer take one step with the given learning rate."""
        journal = []
        network = Sequential(three_layers(journal), SquaredError(journal))
        for lr in (0.5, 0.01):
            network.forward(X.copy(), T.copy())
            network.backward()
            journal.clear()
            network.update_param(lr)
            came = sorted(
                (name, argument) for method, name, argument in journal if method == "update"
            )
            self.assertEqual(
                came,
                [("first layer", lr), ("second layer", lr), ("third layer", lr)],
                f"update_param({lr}) calls update_param({lr}) of every layer, once.",
            )

    def test_fit_steps(self):
        """Fit makes one update for each batch of each epoch, with the learning rate given."""
        x, y = numbered_rows(6)
        steps = watched_fit(x, y, epochs=3, lr=0.01, batch_size=2)
        self.assertEqual(
            len(steps), 9, "6 samples in batches of 2, 3 epochs: 9 updates are expected."
        )
        for batch, _, lr in steps:
            self.assertEqual(len(batch), 2, "6 samples in batches of 2: each batch has 2 rows.")
            self.assertEqual(lr, 0.01, "update_param should get the learning rate given to fit.")

    def test_fit_rows(self):
        """Fit uses each row once an epoch, together with the labels that belong to it."""
        x, y = numbered_rows(6)
        steps = watched_fit(x, y, epochs=2, lr=0.01, batch_size=3)
        self.assertEqual(
            len(steps), 4, "6 samples in batches of 3, 2 epochs: 4 updates are expected."
        )
        hint = "Cut or shuffle x and y in the same way: the same rows of both make a batch."
        for epoch in (steps[:2], steps[2:]):
            for x_batch, y_batch, _ in epoch:
                # The rows are numbered by their first entry.
                expected = y[x_batch[:, 0].astype(int) - 1]
                check_close(y_batch, expected, f"The labels for the rows {x_batch.tolist()}", hint)
            rows = sorted(row for x_batch, _, _ in epoch for row in x_batch[:, 0])
            self.assertEqual(
                rows, x[:, 0].tolist(), "Each row (shown by its first entry) comes once an epoch."
            )

    def test_fit_last_batch(self):
        """Fit takes a number of samples that the batch size does not divide."""
        x, y = numbered_rows(7)
        steps = watched_fit(x, y, epochs=2, lr=0.01, batch_size=3)
        # The last batch has one row; leaving it out is accepted.
        self.assertIn(
            len(steps), (4, 6), "7 samples in batches of 3, 2 epochs: 6 updates are expected."
        )
        sizes = [len(batch) for batch, _, _ in steps]
        expected = 12 if len(steps) == 4 else 14
        self.assertEqual(
            sum(sizes), expected, f"The batches had {sizes} rows: each row comes once an epoch."
        )
        self.assertLessEqual(max(sizes), 3, "No batch has more rows than batch_size.")

    def test_fit_defaults(self):
        """Fit makes 10 epochs in batches of 128 with learning rate 0.1, if not told otherwise."""
        x, y = numbered_rows(256)
        steps = watched_fit(x / 256, y / 256, epochs=1)
        self.assertEqual(
            [len(batch) for batch, _, _ in steps],
            [128, 128],
            "Sizes of the batches of one epoch with 256 samples and the default batch size.",
        )
        self.assertEqual({lr for _, _, lr in steps}, {0.1}, "The default learning rate is 0.1.")
        x, y = numbered_rows(4)
        steps = watched_fit(x / 4, y / 4, batch_size=4)
        self.assertEqual(len(steps), 10, "One batch an epoch: 10 updates by default are expected.")

    def test_fit_learns(self):
        """Fit brings the loss down until the network tells three classes apart."""
        rng = np.random.default_rng(51)
        labels = rng.permutation(np.arange(24) % 3)
        y = np.eye(3)[labels]
        x = y + rng.uniform(-0.2, 0.2, size=y.shape)
        untrained, layer = (Affine([-1.0] * 3, [0.0] * 3) for _ in range(2))  # all wrong at first
        before = SquaredError().forward(untrained.forward(x), y)
        Sequential([layer], SquaredError()).fit(x, y, epochs=5, lr=0.3, batch_size=12)
        outputs = layer.forward(x)
        after = SquaredError().forward(outputs, y)
        self.assertLess(
            after,
            before / 4,
            f"The loss was {before:.3g} before training and is {after:.3g} after it. It should "
            "fall below a quarter. Is backward called before update_param, on the same batch?",
        )
        right = np.mean(np.argmax(outputs, axis=1) == labels)
        self.assertEqual(right, 1.0, f"Only {right:.0%} of the samples are told apart.")

    def test_predict(self):
        """Predict returns the most probable class of each sample."""
        probabilities = np.array(
            [
                [0.1, 0.2, 0.6, 0.1],
                [0.4, 0.3, 0.2, 0.1],
                [0.05, 0.05, 0.1, 0.8],
                [0.2, 0.5, 0.1, 0.2],
                [0.1, 0.1, 0.5, 0.3],
            ]
        )
        classes = [2, 0, 3, 1, 2]
        network = Sequential([Affine([1.0] * 4, [0.0] * 4)], SquaredError())
        for n in (5, 4, 2):
            by_column = np.argmax(probabilities[:n], axis=0)
            check_classes(
                network.predict(probabilities[:n].copy()),
                classes[:n],
                f"predict(x) for {n} samples and 4 classes",
                "The index of the largest output of each row: np.argmax(..., axis=1).",
                clues=Clues(mistakes={Diagnosis.WRONG_AXIS: [by_column]}),
            )

    def test_predict_does_not_train(self):
        """Predict goes forward through the layers and changes nothing."""
        journal = []
        layers = three_layers(journal)
        network = Sequential(layers, SquaredError(journal))
        check_classes(network.predict(X.copy()), np.argmax(THIRD, axis=1).tolist(), "predict(x)")
        others = [method for method, _, _ in journal if method != "forward"]
        self.assertEqual(others, [], "predict calls forward, and no backward or update_param.")

    def test_arguments_unchanged(self):
        """Fit and predict do not write into the arrays that they are given."""
        x, y = numbered_rows(6)
        x_before, y_before = x.copy(), y.copy()
        journal = []
        layer = Affine([0.1, 0.1], [0.0, 0.0], "layer", journal)
        network = Sequential([layer], SquaredError(journal))
        network.fit(x, y, epochs=1, lr=0.01, batch_size=2)
        self.assertEqual(len(steps_of(journal)), 3, "3 batches of 2 rows: 3 updates are expected.")
        as_numbers(network.forward(x), "forward(x)", shapes=[(6, 2)])
        check_unchanged(x, x_before, "The x given to fit")
        check_unchanged(y, y_before, "The y given to fit")


if __name__ == "__main__":
    unittest.main()
