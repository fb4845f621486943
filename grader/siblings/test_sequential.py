"""Siblings of the hidden cases of layers/sequential.py (HANDOUT.md, section 7).

The networks are made of watched layers, so that a mistake in one of your layers does not show up
as one of Sequential.
"""

from typing import Any

import numpy as np
from draws import memory_layouts, whole_numbers
from layers import Sequential
from util import check_classes, check_close, check_number, check_unchanged
from watched_layers import (
    Network,
    Step,
    after_descent,
    doubled,
    draw_network,
    draw_trained_network,
    gradients_between,
    loss_of,
    training_steps,
    values_between,
)

FORWARD = "The output of each layer is the input of the next, however many layers there are."
TARGET = "With a target, return what loss.forward(output, target) returns."
BACKWARD = "Each layer gets what the one behind it returned; the last, what the loss returned."
STEP = "Each batch takes a forward with its labels, a backward and an update, in that order."
LARGEST = "The index of the largest output of each row: np.argmax(..., axis=1)."
PAIRS = "Cut or shuffle x and y in the same way: the same rows of both make a batch."
TRAINED_LAYERS = (0, 1, 2, 5)
"""Networks of 1, 2, 4 and 10 layers."""


class Training:
    """A Sequential of watched layers, with data whose rows and labels can be told apart.

    Attributes
    ----------
    network : Network
        What the Sequential is made of.
    sequential : Sequential
        Yours.
    x, y : ndarray of shape (n, n_f)
        Rows, and for each its label: one-hot, times a number of the row's own. There are fewer
        columns than rows.
    """

    def __init__(self, rng: np.random.Generator, n: int, trained: int = 1) -> None:
        n_f = int(rng.integers(2, 4))
        self.network = draw_network(rng, trained, n_f)
        self.sequential = Sequential(self.network.layers[:], self.network.loss)
        self.x = rng.normal(size=(n, n_f))
        self.y = np.eye(n_f)[rng.permutation(n) % n_f] * (1.0 + np.arange(n)[:, np.newaxis] / n)

    def fit(self, **settings: Any) -> list[Step]:
        """Run your fit on copies of the data, and return its steps."""
        self.sequential.fit(self.x.copy(), self.y.copy(), **settings)
        return training_steps(self.network)


def draw_batch(
    rng: np.random.Generator, network: Network, rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a network's input and labels."""
    columns = network.start[0][0].size
    n_f = columns // 2
    return rng.normal(size=(rows, n_f if network.trained else columns)), rng.normal(
        size=(rows, n_f)
    )


def draw_divisions(rng: np.random.Generator) -> list[tuple[int, int]]:
    """Draw numbers of rows and batch sizes: even, uneven, one row left over, single rows."""
    size = int(rng.integers(3, 6))
    return [(3 * size, size), (2 * size + 2, size), (4 * size + 1, size), (size + 3, 1)]


def require(condition: bool, message: str) -> None:
    """Fail with a message unless the condition holds."""
    __tracebackhide__ = True
    if not condition:
        raise AssertionError(message)


def rows_of(batch: np.ndarray, data: np.ndarray) -> list[int]:
    """Return for each row of a batch its number in the data, -1 if it is not there."""
    numbers = []
    for row in batch:
        found = np.flatnonzero([np.array_equal(row, other) for other in data])
        numbers.append(int(found[0]) if len(found) else -1)
    return numbers


def check_paired(steps: list[Step], x: np.ndarray, y: np.ndarray) -> None:
    """Check that there were steps, and that each had the labels of its rows."""
    require(len(steps) > 0, "fit made no training step. " + STEP)
    for number, step in enumerate(steps, 1):
        rows, labels = rows_of(step.x, x), rows_of(step.t, y)
        require(
            rows == labels and -1 not in rows,
            f"Step {number} trained the rows {rows} of x with the labels of the rows {labels} "
            f"(-1 is a row that is not in the data). {PAIRS}",
        )


def check_trained(
    network: Network, expected: list[tuple[np.ndarray, np.ndarray]], when: str
) -> None:
    """Check the parameters of the trained layers."""
    for layer, (W, b) in zip(network.trained, expected, strict=True):
        check_close(layer.W, W, f"W of layer {layer.place} {when}", STEP, shapes=[W.shape])
        check_close(layer.b, b, f"b of layer {layer.place} {when}", STEP, shapes=[b.shape])


def test_forward(rng: np.random.Generator) -> None:
    """Without a target, forward returns the output of the last layer."""
    for trained in TRAINED_LAYERS:
        network = draw_network(rng, trained, n_f=4)
        x, _ = draw_batch(rng, network, int(rng.integers(2, 7)))
        sequential = Sequential(network.layers[:], network.loss)
        what = f"forward(x) of a network of {len(network.layers)} layers"
        for batch, which in ((x, ""), (rng.normal(size=x.shape), ", for another batch")):
            expected = values_between(network.start, batch)[-1]
            check_close(sequential.forward(batch.copy()), expected, what + which, FORWARD)


def test_loss(rng: np.random.Generator) -> None:
    """With a target, forward returns the loss of the output."""
    for trained in TRAINED_LAYERS:
        network = draw_network(rng, trained, n_f=4)
        x, t = draw_batch(rng, network, int(rng.integers(2, 7)))
        loss = Sequential(network.layers[:], network.loss).forward(x.copy(), t.copy())
        output = values_between(network.start, x)[-1]
        what = f"forward(x, target) of a network of {len(network.layers)} layers"
        check_number(loss, loss_of(output, t), what, TARGET)


def test_one_row(rng: np.random.Generator) -> None:
    """A batch of one row goes forward and backward, the arguments given by name."""
    network = draw_network(rng, 2, n_f=int(rng.integers(2, 7)))
    x, t = draw_batch(rng, network, 1)
    sequential = Sequential(layers=network.layers[:], loss=network.loss)
    output = values_between(network.start, x)[-1]
    loss = sequential.forward(x.copy(), target=t.copy())
    check_number(loss, loss_of(output, t), "forward(x, target=t) for one row", TARGET)
    sequential.backward()
    gradient = gradients_between(network.start, x, t)[0]
    first = network.trained[0]
    check_close(first.b_grad, gradient, "b_grad of the first layer, one row", BACKWARD)
    check_close(first.W_grad, gradient * doubled(x), "W_grad of the first layer, one row", BACKWARD)


def test_backward(rng: np.random.Generator) -> None:
    """Backward hands the loss's gradient through all layers, the last one first."""
    for trained in TRAINED_LAYERS:
        network = draw_network(rng, trained, n_f=4)
        x, t = draw_batch(rng, network, int(rng.integers(2, 7)))
        sequential = Sequential(network.layers[:], network.loss)
        sequential.forward(x.copy(), t.copy())
        sequential.backward()
        calls = [call for call in network.journal if call.method == "backward"]
        order, depth = [call.place for call in calls], len(network.layers)
        require(
            order == list(range(depth, -1, -1)),
            f"backward of a network of {depth} layers ran in the places {order}; expected are "
            f"{depth} (the loss) and then all layers from {depth - 1} to 0.",
        )
        for call, gradient in zip(
            calls[1:], gradients_between(network.start, x, t)[::-1], strict=True
        ):
            what = f"The gradient that layer {call.place} of {depth} got"
            check_close(call.given, gradient, what, BACKWARD)
        updates = [call.place for call in network.journal if call.method == "update"]
        require(updates == [], f"backward updated the layers {updates}; only update_param does.")


def check_updated(network: Network, x: np.ndarray, t: np.ndarray, lr: float) -> None:
    """Check what one update does to a network."""
    sequential = Sequential(network.layers[:], network.loss)
    sequential.forward(x.copy(), t.copy())
    sequential.backward()
    sequential.update_param(lr)
    for layer in network.trained:
        given = [
            float(call.given)
            for call in network.journal
            if (call.method, call.place) == ("update", layer.place)
        ]
        require(
            given == [lr],
            f"update_param({lr:.3g}) updated layer {layer.place} of {len(network.layers)} "
            f"with the rates {given}; once with {lr:.3g} is expected.",
        )
    check_trained(network, after_descent(network, [(x, t)], [lr]), "after update_param")


def test_update_param(rng: np.random.Generator) -> None:
    """update_param updates every layer once, with the rate that it was given."""
    for trained in (1, 5):
        network = draw_network(rng, trained, n_f=3)
        x, t = draw_batch(rng, network, 6)
        check_updated(network, x, t, lr=float(rng.uniform(0.01, 0.05)))


def test_update_everywhere(rng: np.random.Generator) -> None:
    """update_param reaches layers with weights at any place, the last one too."""
    for trained in (2, 4):
        network = draw_trained_network(rng, trained, n_f=2)
        x, t = rng.normal(size=(6, 2)), rng.normal(size=(6, 2 * 2**trained))
        check_updated(network, x, t, lr=float(rng.uniform(0.001, 0.005)))


def test_tuple_of_layers(rng: np.random.Generator) -> None:
    """The layers may come in a tuple."""
    network = draw_network(rng, 2, n_f=3)
    x, t = draw_batch(rng, network, 4)
    sequential = Sequential(tuple(network.layers), network.loss)
    expected = values_between(network.start, x)[-1]
    check_close(sequential.forward(x.copy()), expected, "forward(x) of a tuple of layers", FORWARD)
    sequential.forward(x.copy(), t.copy())
    sequential.backward()
    sequential.update_param(0.04)
    check_trained(network, after_descent(network, [(x, t)], [0.04]), "in a tuple of layers")


def test_training_by_hand(rng: np.random.Generator) -> None:
    """Forward, backward and update by hand train on each batch in turn."""
    network = draw_network(rng, 2, n_f=3)
    x, t = draw_batch(rng, network, 11)
    batches = [(x[:5], t[:5]), (x[5:8], t[5:8]), (x[8:], t[8:])]
    rates = [0.02, 0.07, 0.03]
    sequential = Sequential(network.layers[:], network.loss)
    for (rows, labels), lr in zip(batches, rates, strict=True):
        sequential.forward(rows.copy(), labels.copy())
        sequential.backward()
        sequential.update_param(lr)
    check_trained(network, after_descent(network, batches, rates), "after three steps by hand")


def test_two_networks(rng: np.random.Generator) -> None:
    """Two networks keep their layers, losses and gradients apart."""
    networks = [draw_network(rng, 2, n_f=3) for _ in range(2)]
    data = [draw_batch(rng, network, 5) for network in networks]
    sequentials = [Sequential(network.layers[:], network.loss) for network in networks]
    for sequential, (x, t) in zip(sequentials, data, strict=True):
        sequential.forward(x.copy(), t.copy())
    for sequential in sequentials:
        sequential.backward()
        sequential.update_param(0.05)
    for name, network, (x, t) in zip(("first", "second"), networks, data, strict=True):
        expected = after_descent(network, [(x, t)], [0.05])
        check_trained(network, expected, f"in the {name} of two networks")


def input_for(network: Network, outputs: np.ndarray) -> np.ndarray:
    """Return the rows of which a network with one trained layer makes these outputs."""
    columns = outputs.shape[1]
    at_0, at_1 = (values_between(network.start, np.full((1, columns), x))[-1] for x in (0, 1))
    return (outputs - at_0) / (at_1 - at_0)


def test_predict(rng: np.random.Generator) -> None:
    """Predict names the class of the largest output, for each sample."""
    few, more = int(rng.integers(2, 5)), int(rng.integers(6, 10))
    for n_b, n_c in ((more, few), (few, more), (few, few), (1, more), (more, 2)):
        network = draw_network(rng, 1, n_c)
        # One row of x for each sample, such that the output is a row of probabilities.
        classes = [int(rng.integers(1, n_c))] if n_b == 1 else rng.permutation(n_b) % n_c
        outputs = rng.uniform(0.1, 0.9, size=(n_b, n_c)) + np.eye(n_c)[classes]
        outputs = outputs / np.sum(outputs, axis=1, keepdims=True)
        check_classes(
            Sequential(network.layers[:], network.loss).predict(input_for(network, outputs)),
            [int(number) for number in classes],
            f"predict(x) for {n_b} samples and {n_c} classes",
            LARGEST,
        )


def test_predict_unsure(rng: np.random.Generator) -> None:
    """The most probable class counts, even where no class is probable."""
    n_c = int(rng.integers(5, 8))
    classes = rng.permutation(n_c)
    # One class gets from 3/10 to 4/10, and the others share the rest: nothing is above a half.
    most = rng.uniform(0.3, 0.4, size=(n_c, 1))
    outputs = np.where(np.eye(n_c)[classes] == 1.0, most, (1.0 - most) / (n_c - 1))
    network = draw_network(rng, 1, n_c)
    check_classes(
        Sequential(network.layers[:], network.loss).predict(input_for(network, outputs)),
        [int(number) for number in classes],
        f"predict(x) where no class of {n_c} has a probability of a half",
        LARGEST,
    )


def test_predict_last_layer(rng: np.random.Generator) -> None:
    """Predict goes through every layer, whichever is the last."""
    network = draw_trained_network(rng, 2, n_f=2)
    x = rng.normal(size=(30, 2))
    outputs = values_between(network.start, x)[-1]
    largest = np.sort(outputs, axis=1)
    x = x[largest[:, -1] - largest[:, -2] > 1e-6]  # not where two are nearly equal
    check_classes(
        Sequential(network.layers[:], network.loss).predict(x.copy()),
        [int(number) for number in np.argmax(values_between(network.start, x)[-1], axis=1)],
        "predict(x) of a network that ends with a layer that has weights",
        LARGEST + " Of the last layer's output, that is: it may be any layer.",
    )


def test_fit_every_row(rng: np.random.Generator) -> None:
    """Fit uses each row once an epoch; a last partial batch may be left out."""
    for n, size in draw_divisions(rng):
        training = Training(rng, n)
        steps = training.fit(epochs=4, lr=0.001, batch_size=size)
        for epoch in range(4):
            each = len(steps) // 4
            rows = [
                row
                for step in steps[epoch * each : (epoch + 1) * each]
                for row in rows_of(step.x, training.x)
            ]
            require(
                -1 not in rows and len(rows) == len(set(rows)) and len(rows) in {n, n - n % size},
                f"fit with {n} rows in batches of {size} used these rows in epoch {epoch + 1}: "
                f"{rows}. Each row of x is expected once (-1 is a row that is not in x).",
            )


def test_fit_pairs(rng: np.random.Generator) -> None:
    """In each batch, labels belong to their rows."""
    for n, size in draw_divisions(rng):
        training = Training(rng, n)
        steps = training.fit(epochs=3, lr=0.01, batch_size=size)
        check_paired(steps, training.x, training.y)


def test_fit_batch_size(rng: np.random.Generator) -> None:
    """Fit makes batches of the size that was asked for."""
    for n, size in draw_divisions(rng):
        steps = Training(rng, n).fit(epochs=3, lr=0.01, batch_size=size)
        sizes = [len(step.x) for step in steps]
        require(
            len(steps) in {3 * (n // size), 3 * -(-n // size)}
            and all(0 < rows <= size for rows in sizes),
            f"fit with {n} rows in batches of {size}, 3 epochs, made batches of {sizes} rows.",
        )


def test_fit_order(rng: np.random.Generator) -> None:
    """Each batch goes forward, then backward, then updates."""
    for trained in (1, 2):
        training = Training(rng, 8, trained)
        steps = training.fit(epochs=2, lr=0.01, batch_size=4)
        require(
            len(steps) == 4,
            f"8 rows in batches of 4, 2 epochs: 4 backwards of the loss are expected; there were "
            f"{len(steps)}. {STEP}",
        )
        expected = list(range(len(training.network.layers)))[::-1]
        for number, step in enumerate(steps, 1):
            require(
                not step.missing,
                f"Step {number}: backward ran before the forward of the places {step.missing}, "
                f"where {len(expected)} is the loss. {STEP}",
            )
            require(
                step.backward == expected,
                f"Step {number}: backward ran in the layers {step.backward}; expected {expected}.",
            )
            require(
                not step.too_early,
                f"Step {number}: the layers {step.too_early} were updated before their backward. "
                f"{STEP}",
            )


def test_fit_updates(rng: np.random.Generator) -> None:
    """Fit updates each layer once a batch, with the rate that it was given."""
    for epochs, size in ((1, 5), (4, 2)):
        training = Training(rng, 10, trained=2)
        lr = float(rng.uniform(0.001, 0.002))
        steps = training.fit(epochs=epochs, lr=lr, batch_size=size)
        require(
            len(steps) == epochs * 10 // size,
            f"10 rows in batches of {size}, {epochs} epochs: {epochs * 10 // size} steps are "
            f"expected; there were {len(steps)}.",
        )
        places = [layer.place for layer in training.network.trained]
        for number, step in enumerate(steps, 1):
            require(
                sorted(step.updates) == [(place, lr) for place in places],
                f"Step {number} updated {step.updates}, as (layer, rate); expected is each of the "
                f"layers {places} once, with {lr:.4g}.",
            )


def test_fit_epochs(rng: np.random.Generator) -> None:
    """Fit goes through the data as often as it was told to."""
    for epochs in (1, 3, 6):
        steps = Training(rng, 6).fit(epochs=epochs, lr=0.01, batch_size=2)
        require(
            len(steps) == 3 * epochs,
            f"6 rows in batches of 2, {epochs} epochs: {3 * epochs} steps are expected; there "
            f"were {len(steps)}.",
        )


def test_fit_whole_batch(rng: np.random.Generator) -> None:
    """Fit in one batch gives the parameters of gradient descent."""
    for epochs in (1, 5):
        training = Training(rng, int(rng.integers(4, 9)), trained=2)
        lr = float(rng.uniform(0.002, 0.01))
        training.fit(epochs=epochs, lr=lr, batch_size=len(training.x))
        batches = [(training.x, training.y)] * epochs
        expected = after_descent(training.network, batches, [lr] * epochs)
        check_trained(training.network, expected, f"after {epochs} epochs in one batch")


def test_fit_twice(rng: np.random.Generator) -> None:
    """A second fit goes on from the parameters of the first, with the data that it is given."""
    training = Training(rng, 6)
    first, second = draw_batch(rng, training.network, 6), draw_batch(rng, training.network, 6)
    for (x, y), lr in ((first, 0.06), (second, 0.03)):
        training.sequential.fit(x.copy(), y.copy(), epochs=1, lr=lr, batch_size=6)
    expected = after_descent(training.network, [first, second], [0.06, 0.03])
    check_trained(training.network, expected, "after a second fit")


def test_fit_default_epochs(rng: np.random.Generator) -> None:
    """Fit makes 10 epochs if not told otherwise."""
    for n in (1, 4):
        steps = Training(rng, n).fit(lr=0.01, batch_size=n)
        require(len(steps) == 10, f"One batch an epoch: 10 steps by default, not {len(steps)}.")


def test_fit_default_rate(rng: np.random.Generator) -> None:
    """The learning rate of fit is 0.1 by default."""
    steps = Training(rng, 6).fit(epochs=1, batch_size=6)
    rates = [lr for step in steps for _, lr in step.updates]
    require(rates == [0.1], f"One update with the rate 0.1 is expected by default; came {rates}.")


def test_fit_default_batch(rng: np.random.Generator) -> None:
    """Fit makes batches of 128 by default."""
    network = draw_network(rng, 1, n_f=3)
    x, y = draw_batch(rng, network, 384)
    Sequential(network.layers[:], network.loss).fit(x, y, epochs=1, lr=0.01)
    sizes = [len(step.x) for step in training_steps(network)]
    require(
        sizes == [128, 128, 128],
        f"384 rows: three batches of 128 are expected by default; there were {sizes}.",
    )


def test_fit_positional(rng: np.random.Generator) -> None:
    """Fit takes epochs, rate and batch size in this order."""
    training = Training(rng, 8)
    training.sequential.fit(training.x.copy(), training.y.copy(), 3, 0.05, 4)
    steps = training_steps(training.network)
    sizes, rates = [len(s.x) for s in steps], [lr for s in steps for _, lr in s.updates]
    require(
        sizes == [4] * 6 and rates == [0.05] * 6,
        f"fit(x, y, 3, 0.05, 4) with 8 rows: 6 steps of 4 rows with the rate 0.05 are expected; "
        f"there were batches of {sizes} rows and the rates {rates}.",
    )


def test_fit_large_batch(rng: np.random.Generator) -> None:
    """A batch size above the number of rows makes one batch of all rows, or none."""
    n = int(rng.integers(6, 9))
    exact = Training(rng, n).fit(epochs=2, lr=0.01, batch_size=n)
    require(len(exact) == 2, f"{n} rows in batches of {n}: 2 epochs are 2 steps, not {len(exact)}.")
    training = Training(rng, n)
    steps = training.fit(epochs=2, lr=0.01, batch_size=100)
    # All rows are the last partial batch here, which may be left out.
    rows = [sorted(rows_of(step.x, training.x)) for step in steps]
    require(
        rows in ([], [list(range(n))] * 2),
        f"{n} rows in batches of 100, 2 epochs: the steps had the rows {rows}; all rows are "
        "expected in each.",
    )


def test_fit_integers(rng: np.random.Generator) -> None:
    """Fit takes data and labels of an integer dtype."""
    training = Training(rng, 12)
    x = whole_numbers(rng, training.x.shape)
    y = training.y.astype(np.int64)
    training.sequential.fit(x.copy(), y.copy(), epochs=1, lr=0.02, batch_size=12)
    expected = after_descent(training.network, [(x.astype(np.float64), y)], [0.02])
    check_trained(training.network, expected, "after a fit with integers")


def test_memory_layout(rng: np.random.Generator) -> None:
    """How the data lie in memory does not matter."""
    for number in (0, 1):
        training = Training(rng, 11)
        layout, x = memory_layouts(training.x)[number]
        _, y = memory_layouts(training.y)[number]
        training.sequential.fit(x, y, epochs=1, lr=0.01, batch_size=4)
        try:
            check_paired(training_steps(training.network), training.x, training.y)
        except AssertionError as error:
            raise AssertionError(f"Each of x and y {layout}. {error}") from None


def test_arguments_unchanged(rng: np.random.Generator) -> None:
    """Fit and predict do not write into the arrays that they are given."""
    training = Training(rng, 10)
    x, y = training.x.copy(), training.y.copy()
    training.sequential.fit(x, y, epochs=2, lr=0.01, batch_size=4)
    require(len(training_steps(training.network)) > 0, "fit made no training step. " + STEP)
    training.sequential.predict(x)
    check_unchanged(x, training.x, "The x given to fit and predict")
    check_unchanged(y, training.y, "The y given to fit")
