"""Hidden tests of the cross entropy loss."""

import expected_values
import numpy as np
import pytest
from comparison import Array, Comparison
from diagnosis import Clues
from layers import CrossEntropyLayer
from random_inputs import LAYOUTS, batch_sizes, central_differences, laid_out, probabilities

SHAPES = ("wide", "tall", "square", "one-row", "two-features", "larger")


@pytest.mark.case(id="loss", weight=3, about="the loss, one number, for batches of any shape")
@pytest.mark.parametrize("shape", SHAPES)
def test_the_loss_is_the_mean_over_the_batch(
    shape: str, rng: np.random.Generator, compare: Comparison
) -> None:
    z, t = probabilities(rng, *batch_sizes(rng, shape))
    loss = CrossEntropyLayer().forward(z.copy(), t.copy())
    expected, clues = expected_values.cross_entropy(z, t), Clues(batch=z.shape)
    compare.scalar(f"forward(x, t), shapes {z.shape}", loss, expected, clues)


@pytest.mark.case(id="gradient", weight=3, about="the gradient for batches of any shape")
@pytest.mark.parametrize("shape", SHAPES)
def test_backward_returns_the_gradient_of_the_mean(
    shape: str, rng: np.random.Generator, compare: Comparison
) -> None:
    z, t = probabilities(rng, *batch_sizes(rng, shape))
    layer = CrossEntropyLayer()
    layer.forward(z.copy(), t.copy())
    expected = expected_values.cross_entropy_gradient(z, t)
    compare.array("backward()", layer.backward(), expected, Clues(batch=z.shape))


@pytest.mark.case(
    id="unlikely", weight=1, about="the gradient where the true class is very improbable"
)
def test_an_improbable_true_class_has_a_large_gradient(
    rng: np.random.Generator, compare: Comparison
) -> None:
    z, t = probabilities(rng, 5, 4, between=(1e-5, 1e-4))
    layer = CrossEntropyLayer()
    layer.forward(z.copy(), t.copy())
    # An epsilon of 1e-12 beside such a probability shows in the eighth digit, and is accepted.
    compare.estimate("backward()", layer.backward(), expected_values.cross_entropy_gradient(z, t))


@pytest.mark.case(
    id="central-differences",
    weight=2,
    about="the gradient agrees with central differences of the layer's own loss",
)
def test_the_gradient_agrees_with_central_differences(
    rng: np.random.Generator, compare: Comparison
) -> None:
    z, t = probabilities(rng, 4, 3)
    layer = CrossEntropyLayer()

    def loss(at: Array) -> float:
        return compare.number("forward(x, t)", layer.forward(at, t.copy()))

    # The third derivative is large where a probability is small: a smaller step than elsewhere.
    estimate = central_differences(loss, z, step=1e-6)
    compare.not_all_zero("the central differences of forward", estimate)
    layer.forward(z.copy(), t.copy())
    compare.estimate("backward()", layer.backward(), estimate)


@pytest.mark.case(
    id="order-of-rows", weight=1, about="the loss of a batch does not depend on the order of rows"
)
def test_the_loss_does_not_depend_on_the_order_of_rows(
    rng: np.random.Generator, compare: Comparison
) -> None:
    z, t = probabilities(rng, *batch_sizes(rng, "tall"))
    order = rng.permutation(len(z))
    layer = CrossEntropyLayer()
    loss = compare.number("forward(x, t)", layer.forward(z[order], t[order]))
    again = layer.forward(z.copy(), t.copy())
    compare.scalar("forward(x, t) of the rows in another order", again, loss)
    compare.scalar("forward(x, t)", loss, expected_values.cross_entropy(z, t))


@pytest.mark.case(
    id="equal-rows", weight=2, about="a batch of equal rows has the loss of one such row"
)
def test_repeating_a_row_does_not_change_the_loss(
    rng: np.random.Generator, compare: Comparison
) -> None:
    z, t = probabilities(rng, 1, 4)
    rows = int(rng.integers(4, 9))
    loss = CrossEntropyLayer().forward(np.repeat(z, rows, axis=0), np.repeat(t, rows, axis=0))
    compare.scalar(f"forward(x, t) of {rows} equal rows", loss, -float(np.log(z[t == 1.0][0])))


@pytest.mark.case(
    id="uniform-prediction", weight=1, about="with equal probabilities the loss is log(classes)"
)
def test_a_uniform_prediction_has_the_loss_log_of_the_number_of_classes(
    rng: np.random.Generator, compare: Comparison
) -> None:
    n_b, classes = batch_sizes(rng, "wide")
    _, t = probabilities(rng, n_b, classes)
    loss = CrossEntropyLayer().forward(np.full((n_b, classes), 1.0 / classes), t)
    compare.scalar("forward(x, t)", loss, float(np.log(classes)))


@pytest.mark.case(
    id="last-forward", weight=2, about="backward uses the last forward, whatever its batch's size"
)
def test_backward_uses_the_last_forward(rng: np.random.Generator, compare: Comparison) -> None:
    n_b, classes = batch_sizes(rng, "wide")
    layer = CrossEntropyLayer()
    labels = rng.integers(0, classes, size=n_b + 3)
    # A batch of the same size comes right before: another size would hide a stale array.
    for rows in (n_b + 3, n_b, n_b):
        # As to watch the loss, which no backward follows.
        layer.forward(*probabilities(rng, rows, classes))
        # A new class for each row: the same one would hide what a gradient has left there.
        labels = (labels[:rows] + rng.integers(1, classes, size=rows)) % classes
        z, t = probabilities(rng, rows, classes, labels=labels)
        loss = layer.forward(z.copy(), t.copy())
        compare.scalar(f"loss of {rows} rows", loss, expected_values.cross_entropy(z, t))
        expected = expected_values.cross_entropy_gradient(z, t)
        compare.array(f"backward() for {rows} rows", layer.backward(), expected)


@pytest.mark.case(id="two-layers", weight=1, about="two layers keep their state apart")
def test_two_layers_keep_their_state_apart(rng: np.random.Generator, compare: Comparison) -> None:
    shape = batch_sizes(rng, "wide")
    layers = [CrossEntropyLayer(), CrossEntropyLayer()]
    batches = [probabilities(rng, *shape) for _ in range(2)]
    for layer, (z, t) in zip(layers, batches, strict=True):
        layer.forward(z.copy(), t.copy())
    for index in range(2):
        expected = expected_values.cross_entropy_gradient(*batches[index])
        compare.array(f"backward() of layer {index}", layers[index].backward(), expected)


@pytest.mark.case(id="integers", weight=1, about="one-hot labels of an integer dtype")
def test_integer_labels_do_not_truncate_the_gradient(
    rng: np.random.Generator, compare: Comparison
) -> None:
    z, t = probabilities(rng, *batch_sizes(rng, "wide"))
    layer = CrossEntropyLayer()
    loss = layer.forward(z.copy(), t.astype(np.int64))
    compare.scalar("forward(x, t)", loss, expected_values.cross_entropy(z, t))
    compare.array("backward()", layer.backward(), expected_values.cross_entropy_gradient(z, t))


@pytest.mark.case(
    id="memory-layout", weight=1, about="arrays that are views or lie column by column in memory"
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_memory_layout_of_arrays_does_not_matter(
    layout: str, rng: np.random.Generator, compare: Comparison
) -> None:
    z, t = probabilities(rng, *batch_sizes(rng, "tall"))
    layer = CrossEntropyLayer()
    loss = layer.forward(laid_out(z, layout), laid_out(t, layout))
    compare.scalar("forward(x, t)", loss, expected_values.cross_entropy(z, t))
    compare.array("backward()", layer.backward(), expected_values.cross_entropy_gradient(z, t))


@pytest.mark.case(
    id="arguments-unchanged", weight=1, about="arrays given to the layer are not modified in place"
)
def test_arguments_are_not_modified(rng: np.random.Generator, compare: Comparison) -> None:
    z, t = probabilities(rng, *batch_sizes(rng, "wide"))
    z_given, t_given = z.copy(), t.copy()
    layer = CrossEntropyLayer()
    loss = compare.number("forward(x, t)", layer.forward(z_given, t_given))
    compare.require(loss != 0.0, "forward(x, t) is 0, which no loss of these probabilities is")
    compare.not_all_zero("backward()", layer.backward())
    compare.unchanged("x", z_given, z)
    compare.unchanged("t", t_given, t)
