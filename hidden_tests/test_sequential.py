"""Hidden tests of Sequential, with trusted layers that record what it does with them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import expected_values
import numpy as np
import pytest
from comparison import Array, Comparison
from diagnosis import Clues, Diagnosis, diagnose_pairs
from layers import Sequential
from random_inputs import LAYOUTS, integers, laid_out, one_hot
from training_log import Step, epochs_of, rows_of, training_steps
from trusted_layers import Network, linear_network, trusted_network

# Numbers of full layers: with ReLU between them and softmax, networks of 1, 2, 4 and 12 layers.
DEPTHS = {"one-layer": 0, "two-layers": 1, "four-layers": 2, "twelve-layers": 6}
depths = pytest.mark.parametrize("full_layers", DEPTHS.values(), ids=DEPTHS.keys())
# Rows and batch size: an even division, a last batch of fewer rows, of one row, batches of one.
DIVISIONS = {"even": (12, 4), "uneven": (13, 5), "one-left-over": (13, 4), "single-rows": (5, 1)}
divisions = pytest.mark.parametrize(("n", "size"), DIVISIONS.values(), ids=DIVISIONS.keys())


def network_and_batch(
    rng: np.random.Generator, full_layers: int, rows: int = 5
) -> tuple[Network, Array, Array]:
    """Make a trusted network and a batch for it."""
    widths = [int(width) for width in rng.integers(3, 8, size=full_layers + 1)]
    x = rng.standard_normal((rows, widths[0]))
    t = one_hot(rng.integers(0, widths[-1], size=rows), widths[-1])
    return trusted_network(rng, widths), x, t


@dataclass(frozen=True)
class Training:
    """A student's Sequential over trusted layers, with data whose rows can be told apart.

    There are as many classes as rows, each row its own, so that a target names its row.
    """

    sequential: Any
    network: Network
    x: Array
    y: Array

    def fit(self, **arguments: float) -> list[Step]:
        """Run the student's fit on copies of the data and return its training steps."""
        self.sequential.fit(self.x.copy(), self.y.copy(), **arguments)
        return training_steps(self.network)


def training(rng: np.random.Generator, n: int, hidden: Sequence[int] = ()) -> Training:
    """Make a network with `hidden` hidden layers' widths and `n` rows of data."""
    n_f = int(rng.integers(2, 5))
    network = trusted_network(rng, [n_f, *hidden, n])
    x, y = rng.standard_normal((n, n_f)), one_hot(rng.permutation(n), n)
    return Training(Sequential(network.layers[:], network.loss), network, x, y)


def batches_an_epoch(n: int, size: int) -> set[int]:
    """Return how many batches an epoch may have: with the last partial one, or without it."""
    return {-(-n // size), n // size}


def compare_parameters(
    compare: Comparison, network: Network, expected: Sequence[tuple[Array, Array]]
) -> None:
    """Require the trained parameters of each full layer."""
    for index, (layer, (W, b)) in enumerate(zip(network.full_layers, expected, strict=True)):
        compare.array(f"W of full layer {index}", layer.W, W)
        compare.bias(f"b of full layer {index}", layer.b, b)


@pytest.mark.case(
    id="forward", weight=2, about="without a target, forward returns the last layer's output"
)
@depths
def test_forward_returns_the_output_of_the_last_layer(
    full_layers: int, rng: np.random.Generator, compare: Comparison
) -> None:
    network, x, _ = network_and_batch(rng, full_layers)
    sequential = Sequential(network.layers[:], network.loss)
    y = sequential.forward(x.copy())
    compare.array("forward(x)", y, expected_values.network(network.parameters, x))
    again = rng.standard_normal(x.shape)
    y = sequential.forward(again.copy())
    compare.array(
        "forward(x) of another batch", y, expected_values.network(network.parameters, again)
    )


@pytest.mark.case(id="loss", weight=2, about="with a target, forward returns the loss")
@depths
def test_forward_with_a_target_returns_the_loss(
    full_layers: int, rng: np.random.Generator, compare: Comparison
) -> None:
    network, x, t = network_and_batch(rng, full_layers)
    loss = Sequential(network.layers[:], network.loss).forward(x.copy(), t.copy())
    expected = expected_values.cross_entropy(expected_values.network(network.parameters, x), t)
    compare.scalar("forward(x, target)", loss, expected)


@pytest.mark.case(
    id="one-row", weight=1, about="forward and backward for a batch of one row, target by name"
)
def test_a_batch_of_one_row_goes_through(rng: np.random.Generator, compare: Comparison) -> None:
    network, x, t = network_and_batch(rng, full_layers=2, rows=1)
    sequential = Sequential(layers=network.layers[:], loss=network.loss)
    probabilities = expected_values.network(network.parameters, x)
    loss = sequential.forward(x.copy(), target=t.copy())
    compare.scalar("forward(x, target)", loss, expected_values.cross_entropy(probabilities, t))
    sequential.backward()
    expected = expected_values.network_gradients(network.parameters, x, t)
    compare.array("W_grad of the first layer", network.full_layers[0].W_grad, expected[0][0])


@pytest.mark.case(id="backward", weight=3, about="backward goes through all layers, last to first")
@depths
def test_backward_gives_every_layer_its_gradient(
    full_layers: int, rng: np.random.Generator, compare: Comparison
) -> None:
    network, x, t = network_and_batch(rng, full_layers)
    sequential = Sequential(network.layers[:], network.loss)
    sequential.forward(x.copy(), t.copy())
    sequential.backward()
    order = [call.place for call in network.journal.calls if call.method == "backward"]
    compare.require(
        order == list(range(len(network.layers), -1, -1)),
        f"backward must run once in the loss and in each layer from last to first; ran in "
        f"{order}, where {len(network.layers)} is the loss",
    )
    probabilities = expected_values.network(network.parameters, x)
    given = network.journal.of(len(network.layers) - 1, "backward")[0].arguments[0]
    expected = expected_values.cross_entropy_gradient(probabilities, t)
    compare.array("the gradient given to the last layer", given, expected)
    gradients = expected_values.network_gradients(network.parameters, x, t)
    for index, (layer, (W_grad, b_grad)) in enumerate(
        zip(network.full_layers, gradients, strict=True)
    ):
        compare.array(f"W_grad of full layer {index}", layer.W_grad, W_grad)
        compare.bias(f"b_grad of full layer {index}", layer.b_grad, b_grad)


@pytest.mark.case(
    id="update-param", weight=2, about="update_param updates every layer once with its rate"
)
@pytest.mark.parametrize("full_layers", [1, 6], ids=["two-layers", "twelve-layers"])
def test_update_param_updates_every_layer_once(
    full_layers: int, rng: np.random.Generator, compare: Comparison
) -> None:
    network, x, t = network_and_batch(rng, full_layers)
    lr = float(rng.uniform(0.2, 0.6))
    sequential = Sequential(network.layers[:], network.loss)
    sequential.forward(x.copy(), t.copy())
    sequential.backward()
    sequential.update_param(lr)
    updates = [len(network.journal.of(place, "update_param")) for place in network.full_places]
    compare.require(
        updates == [1] * full_layers, f"each full layer must be updated once; were {updates} times"
    )
    expected = expected_values.gradient_descent(network.parameters, [(x, t)], [lr])
    compare_parameters(compare, network, expected)


@pytest.mark.case(
    id="update-everywhere",
    weight=1,
    about="update_param reaches layers with weights at any place, the last one too",
)
def test_update_param_reaches_full_layers_at_any_place(
    rng: np.random.Generator, compare: Comparison
) -> None:
    widths = [int(width) for width in rng.integers(3, 7, size=4)]
    # All positive, for there to be a cross entropy of what the last layer puts out.
    network = linear_network(
        [
            (rng.uniform(0.2, 1.0, (n_o, n_i)), rng.uniform(0.2, 1.0, n_o))
            for n_i, n_o in pairwise(widths)
        ]
    )
    x, t = (
        rng.uniform(0.2, 1.0, (5, widths[0])),
        one_hot(rng.integers(0, widths[-1], 5), widths[-1]),
    )
    lr = float(rng.uniform(0.02, 0.06))
    sequential = Sequential(network.layers[:], network.loss)
    sequential.forward(x.copy(), t.copy())
    sequential.backward()
    sequential.update_param(lr)
    updates = [len(network.journal.of(place, "update_param")) for place in network.full_places]
    compare.require(
        updates == [1, 1, 1],
        f"each of three full layers must be updated once; were {updates} times",
    )
    gradients = expected_values.linear_network_gradients(network.parameters, x, t)
    expected = [
        (W - lr * W_grad, b - lr * b_grad)
        for (W, b), (W_grad, b_grad) in zip(network.parameters, gradients, strict=True)
    ]
    compare_parameters(compare, network, expected)


@pytest.mark.case(id="tuple-of-layers", weight=1, about="the layers may come in a tuple")
def test_the_layers_may_come_in_a_tuple(rng: np.random.Generator, compare: Comparison) -> None:
    network, x, t = network_and_batch(rng, full_layers=2)
    sequential = Sequential(tuple(network.layers), network.loss)
    probabilities = expected_values.network(network.parameters, x)
    compare.array("forward(x)", sequential.forward(x.copy()), probabilities)
    sequential.forward(x.copy(), t.copy())
    sequential.backward()
    sequential.update_param(0.3)
    expected = expected_values.gradient_descent(network.parameters, [(x, t)], [0.3])
    compare_parameters(compare, network, expected)


@pytest.mark.case(
    id="training-by-hand", weight=2, about="forward, backward and update in turn, batch by batch"
)
def test_steps_by_hand_train_on_each_batch_in_turn(
    rng: np.random.Generator, compare: Comparison
) -> None:
    network, x, t = network_and_batch(rng, full_layers=2, rows=9)
    sequential = Sequential(network.layers[:], network.loss)
    batches = [(x[:4], t[:4]), (x[4:6], t[4:6]), (x[5:], t[5:])]
    rates = [0.4, 0.1, 0.7]
    for (rows, targets), lr in zip(batches, rates, strict=True):
        sequential.forward(rows.copy(), targets.copy())
        sequential.backward()
        sequential.update_param(lr)
    expected = expected_values.gradient_descent(network.parameters, batches, rates)
    compare_parameters(compare, network, expected)


@pytest.mark.case(
    id="two-networks", weight=1, about="two networks keep their layers and their state apart"
)
def test_two_networks_keep_their_state_apart(rng: np.random.Generator, compare: Comparison) -> None:
    made = [network_and_batch(rng, full_layers=2) for _ in range(2)]
    sequentials = [Sequential(network.layers[:], network.loss) for network, _, _ in made]
    for sequential, (_, x, t) in zip(sequentials, made, strict=True):
        sequential.forward(x.copy(), t.copy())
    for sequential in sequentials:
        sequential.backward()
        sequential.update_param(0.3)
    for network, x, t in made:
        expected = expected_values.gradient_descent(network.parameters, [(x, t)], [0.3])
        compare_parameters(compare, network, expected)


@pytest.mark.case(id="predict", weight=3, about="predict names the class of highest probability")
@pytest.mark.parametrize(
    ("rows", "classes"),
    [(9, 4), (3, 7), (5, 5), (1, 6), (8, 2)],
    ids=["many-rows", "many-classes", "square", "one-row", "two-classes"],
)
def test_predict_names_the_class_of_highest_probability(
    rows: int, classes: int, rng: np.random.Generator, compare: Comparison
) -> None:
    network = trusted_network(rng, [4, classes])
    # Each row points along the weights of the class it is to get; biases matter little then.
    labels = rng.permutation(np.arange(rows) % classes) if rows > 1 else rng.integers(1, classes, 1)
    x = 6.0 * np.linalg.pinv(network.parameters[0][0])[:, labels].T
    x = x + 0.1 * rng.standard_normal(x.shape)
    probabilities = expected_values.network(network.parameters, x)
    clues = Clues(mistakes={Diagnosis.WRONG_AXIS: [np.argmax(probabilities, axis=0)]})
    predicted = Sequential(network.layers[:], network.loss).predict(x.copy())
    compare.labels("predict(x)", predicted, np.argmax(probabilities, axis=1), clues)


@pytest.mark.case(
    id="predict-unsure", weight=1, about="the likeliest class counts even where none is likely"
)
def test_predict_names_a_class_whose_probability_is_below_a_half(
    rng: np.random.Generator, compare: Comparison
) -> None:
    network = trusted_network(rng, [7, 6])
    labels = rng.permutation(np.arange(9) % 6)
    # Scores of at least 1 for the class to find, and of at most 0.3 for the five others: its
    # probability lies between 0.28 and 0.43.
    scores = one_hot(labels, 6) + rng.uniform(0.0, 0.3, (9, 6))
    W, b = network.parameters[0]
    x = (scores - b) @ np.linalg.pinv(W).T
    compare.labels("predict(x)", Sequential(network.layers[:], network.loss).predict(x), labels)


@pytest.mark.case(
    id="predict-last-layer", weight=1, about="predict goes through every layer, whichever is last"
)
def test_predict_asks_the_last_layer_whichever_it_is(
    rng: np.random.Generator, compare: Comparison
) -> None:
    labels = rng.permutation(np.arange(8) % 5)
    values = one_hot(labels, 5) + rng.uniform(0.0, 0.3, (8, 5))
    W, b = rng.standard_normal((5, 6)), rng.standard_normal(5)
    x = (values - b) @ np.linalg.pinv(W).T
    # The last layer moves everything on by one: what it gets names other classes.
    onward = np.roll(np.eye(5), 1, axis=0) * rng.uniform(0.5, 0.6, (5, 1))
    network = linear_network([(W, b), (onward, np.zeros(5))])
    predicted = Sequential(network.layers[:], network.loss).predict(x)
    compare.labels("predict(x)", predicted, (labels + 1) % 5)


@pytest.mark.case(
    id="fit-every-row", weight=3, about="fit uses every row once an epoch; a partial batch may go"
)
@divisions
def test_fit_uses_every_row_once_an_epoch(
    n: int, size: int, rng: np.random.Generator, compare: Comparison
) -> None:
    trained = training(rng, n)
    steps = trained.fit(epochs=3, lr=0.1, batch_size=size)
    for epoch, of_epoch in enumerate(epochs_of(steps, 3)):
        rows = [row for step in of_epoch for row in rows_of(step.x, trained.x)]
        compare.require(
            None not in rows, f"epoch {epoch}: a batch held rows that are not in x: {rows}"
        )
        compare.require(
            len(rows) == len(set(rows)) and len(rows) in {n, n - n % size},
            f"epoch {epoch}: of {n} rows in batches of {size}, these were used: {rows}",
        )


@pytest.mark.case(id="fit-pairs", weight=3, about="in each batch, labels belong to their rows")
@divisions
def test_fit_keeps_rows_and_labels_paired(
    n: int, size: int, rng: np.random.Generator, compare: Comparison
) -> None:
    trained = training(rng, n)
    steps = trained.fit(epochs=2, lr=0.1, batch_size=size)
    compare.require(len(steps) > 0, "fit made no training step")
    pairs = [(rows_of(step.x, trained.x), rows_of(step.t, trained.y)) for step in steps]
    used = [row for inputs, _ in pairs for row in inputs]
    diagnosis = diagnose_pairs(used, [row for _, labels in pairs for row in labels], n)
    for number, (inputs, labels) in enumerate(pairs):
        compare.require(
            inputs == labels and None not in inputs,
            f"step {number}: rows {inputs} of x were trained with the labels of rows {labels}",
            diagnosis,
        )


@pytest.mark.case(
    id="fit-batch-size", weight=2, about="fit's batches have the size that was asked for"
)
@divisions
def test_fit_makes_batches_of_the_given_size(
    n: int, size: int, rng: np.random.Generator, compare: Comparison
) -> None:
    trained = training(rng, n)
    steps = trained.fit(epochs=2, lr=0.1, batch_size=size)
    sizes = [len(step.x) for step in steps]
    compare.require(
        len(steps) in {2 * count for count in batches_an_epoch(n, size)}
        and all(0 < rows <= size for rows in sizes),
        f"{n} rows in batches of {size}, 2 epochs: the batches had {sizes} rows",
    )


@pytest.mark.case(
    id="fit-order", weight=3, about="each batch goes forward, then backward, then updates"
)
@pytest.mark.parametrize("hidden", [(), (4,)], ids=["two-layers", "four-layers"])
def test_fit_runs_forward_then_backward_then_update(
    hidden: tuple[int, ...], rng: np.random.Generator, compare: Comparison
) -> None:
    trained = training(rng, 6, hidden)
    steps = trained.fit(epochs=2, lr=0.1, batch_size=3)
    compare.require(len(steps) == 4, f"expected 4 training steps; found {len(steps)}")
    backward = tuple(range(len(trained.network.layers) - 1, -1, -1))
    for number, step in enumerate(steps):
        compare.require(
            step.forward_is_fresh, f"step {number}: backward ran before forward after an update"
        )
        compare.require(
            step.backward_places == backward,
            f"step {number}: backward ran in layers {step.backward_places}; expected {backward}",
        )
        compare.require(
            step.updates_follow_gradients, f"step {number}: a layer was updated before backward"
        )


@pytest.mark.case(
    id="fit-updates", weight=2, about="fit updates each layer once a batch, with the given rate"
)
@pytest.mark.parametrize(("epochs", "size"), [(1, 2), (3, 4)], ids=["one-epoch", "three-epochs"])
def test_fit_updates_once_a_batch_with_the_given_rate(
    epochs: int, size: int, rng: np.random.Generator, compare: Comparison
) -> None:
    trained = training(rng, 8, hidden=(3,))
    lr = float(rng.uniform(0.02, 0.08))
    steps = trained.fit(epochs=epochs, lr=lr, batch_size=size)
    places = trained.network.full_places
    compare.require(
        len(steps) == epochs * 8 // size,
        f"expected {epochs * 8 // size} training steps; found {len(steps)}",
    )
    for number, step in enumerate(steps):
        compare.require(
            sorted(place for place, _ in step.updates) == places,
            f"step {number}: updated layers {step.updates}; expected each of {places} once",
        )
        for place, used in step.updates:
            compare.scalar(f"step {number}: the rate of layer {place}", used, lr)


@pytest.mark.case(
    id="fit-epochs", weight=2, about="fit goes through the data as often as it was told to"
)
@pytest.mark.parametrize("epochs", [1, 2, 7])
def test_fit_makes_the_given_number_of_epochs(
    epochs: int, rng: np.random.Generator, compare: Comparison
) -> None:
    trained = training(rng, 6)
    steps = trained.fit(epochs=epochs, lr=0.1, batch_size=3)
    compare.require(
        len(steps) == 2 * epochs,
        f"2 batches an epoch, {epochs} epochs: expected {2 * epochs} steps; found {len(steps)}",
    )


@pytest.mark.case(
    id="fit-whole-batch", weight=3, about="fit in one batch gives the weights of gradient descent"
)
@pytest.mark.parametrize("epochs", [1, 4], ids=["one-epoch", "four-epochs"])
def test_fit_in_one_batch_is_gradient_descent(
    epochs: int, rng: np.random.Generator, compare: Comparison
) -> None:
    trained = training(rng, 7, hidden=(5,))
    lr = float(rng.uniform(0.2, 0.6))
    trained.fit(epochs=epochs, lr=lr, batch_size=7)
    expected = expected_values.gradient_descent(
        trained.network.parameters, [(trained.x, trained.y)] * epochs, [lr] * epochs
    )
    compare_parameters(compare, trained.network, expected)


@pytest.mark.case(
    id="fit-twice", weight=1, about="a second fit goes on from the first one's weights"
)
def test_a_second_fit_goes_on_where_the_first_stopped(
    rng: np.random.Generator, compare: Comparison
) -> None:
    first = training(rng, 5)
    second = replace(first, x=rng.standard_normal(first.x.shape), y=first.y[rng.permutation(5)])
    first.fit(epochs=1, lr=0.5, batch_size=5)
    second.fit(epochs=1, lr=0.2, batch_size=5)
    expected = expected_values.gradient_descent(
        first.network.parameters, [(first.x, first.y), (second.x, second.y)], [0.5, 0.2]
    )
    compare_parameters(compare, first.network, expected)


@pytest.mark.case(
    id="fit-default-epochs", weight=1, about="fit makes 10 epochs unless told otherwise"
)
def test_fit_makes_ten_epochs_by_default(rng: np.random.Generator, compare: Comparison) -> None:
    steps = training(rng, 3).fit(lr=0.1, batch_size=3)
    compare.require(len(steps) == 10, f"one batch an epoch: expected 10 steps; found {len(steps)}")


@pytest.mark.case(id="fit-default-rate", weight=1, about="fit's learning rate is 0.1 by default")
def test_fit_uses_a_rate_of_one_tenth_by_default(
    rng: np.random.Generator, compare: Comparison
) -> None:
    steps = training(rng, 4).fit(epochs=1, batch_size=4)
    used = [lr for step in steps for _, lr in step.updates]
    compare.require(len(used) == 1, f"expected one update; found {len(used)}")
    compare.scalar("the learning rate", used[0], 0.1)


@pytest.mark.case(id="fit-default-batch", weight=1, about="fit makes batches of 128 by default")
def test_fit_makes_batches_of_128_by_default(rng: np.random.Generator, compare: Comparison) -> None:
    network, x, t = network_and_batch(rng, full_layers=1, rows=256)
    Sequential(network.layers[:], network.loss).fit(x.copy(), t.copy(), epochs=1, lr=0.1)
    steps = training_steps(network)
    sizes = [len(step.x) for step in steps]
    compare.require(sizes == [128, 128], f"256 rows: expected batches of 128; found {sizes}")


@pytest.mark.case(
    id="fit-positional", weight=1, about="fit takes epochs, rate and batch size in order"
)
def test_fit_takes_its_arguments_by_position(rng: np.random.Generator, compare: Comparison) -> None:
    trained = training(rng, 6)
    trained.sequential.fit(trained.x.copy(), trained.y.copy(), 2, 0.25, 3)
    steps = training_steps(trained.network)
    sizes, used = [len(step.x) for step in steps], [lr for step in steps for _, lr in step.updates]
    compare.require(sizes == [3] * 4, f"2 epochs of 6 rows by 3: found batches of {sizes}")
    compare.require(used == [0.25] * 4, f"expected the learning rate 0.25; found {used}")


@pytest.mark.case(
    id="fit-large-batch", weight=1, about="a batch size above the number of rows is no problem"
)
def test_a_batch_size_above_the_number_of_rows_makes_one_batch(
    rng: np.random.Generator, compare: Comparison
) -> None:
    exact = training(rng, 5).fit(epochs=2, lr=0.1, batch_size=5)
    compare.require(len(exact) == 2, f"one batch an epoch: expected 2 steps; found {len(exact)}")
    trained = training(rng, 5)
    steps = trained.fit(epochs=2, lr=0.1, batch_size=50)
    # All rows are the last partial batch here, and a fit may drop that.
    compare.require(len(steps) in {0, 2}, f"expected 2 training steps, or 0; found {len(steps)}")
    for step in steps:
        rows = rows_of(step.x, trained.x)
        compare.require(set(rows) == set(range(5)), f"expected all 5 rows in the batch; {rows}")


@pytest.mark.case(id="fit-integers", weight=1, about="data and labels of an integer dtype")
def test_fit_takes_integers(rng: np.random.Generator, compare: Comparison) -> None:
    trained = training(rng, 5)
    x = integers(rng, trained.x.shape)
    trained.sequential.fit(x.copy(), trained.y.astype(np.int64), epochs=1, lr=0.3, batch_size=5)
    expected = expected_values.gradient_descent(
        trained.network.parameters, [(x.astype(np.float64), trained.y)], [0.3]
    )
    compare_parameters(compare, trained.network, expected)


@pytest.mark.case(
    id="memory-layout", weight=1, about="data that are views or lie column by column in memory"
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_memory_layout_of_data_does_not_matter(
    layout: str, rng: np.random.Generator, compare: Comparison
) -> None:
    trained = training(rng, 7)
    x, y = laid_out(trained.x, layout), laid_out(trained.y, layout)
    trained.sequential.fit(x, y, epochs=1, lr=0.1, batch_size=3)
    steps = training_steps(trained.network)
    compare.require(len(steps) > 0, "fit made no training step")
    for step in steps:
        inputs, labels = rows_of(step.x, trained.x), rows_of(step.t, trained.y)
        compare.require(
            inputs == labels and None not in inputs,
            f"rows {inputs} of x were trained with the labels of rows {labels}",
        )


@pytest.mark.case(
    id="arguments-unchanged", weight=1, about="data given to the network are not modified in place"
)
def test_arguments_are_not_modified(rng: np.random.Generator, compare: Comparison) -> None:
    trained = training(rng, 8)
    x_given, y_given = trained.x.copy(), trained.y.copy()
    trained.sequential.fit(x_given, y_given, epochs=2, lr=0.1, batch_size=3)
    compare.require(len(training_steps(trained.network)) > 0, "fit made no training step")
    trained.sequential.predict(x_given)
    compare.unchanged("x", x_given, trained.x)
    compare.unchanged("y", y_given, trained.y)
