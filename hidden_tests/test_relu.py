"""Hidden tests of the ReLU layer."""

import expected_values
import numpy as np
import pytest
from comparison import Array, Comparison
from diagnosis import Clues
from layers import ReluLayer
from random_inputs import LAYOUTS, batch_sizes, central_differences, integers, laid_out

SHAPES = ("wide", "tall", "square", "one-row", "one-feature", "larger")


def mixed_signs(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Draw values away from 0, with both signs among them."""
    values: Array = rng.uniform(0.05, 3.0, size=shape) * rng.choice((-1.0, 1.0), size=shape)
    first, second = rng.permutation(values.size)[:2]
    values.flat[first], values.flat[second] = -0.7, 0.7
    return values


@pytest.mark.case(id="forward", weight=2, about="the output for batches of any shape")
@pytest.mark.parametrize("shape", SHAPES)
def test_forward_keeps_what_is_positive(
    shape: str, rng: np.random.Generator, compare: Comparison
) -> None:
    x = mixed_signs(rng, batch_sizes(rng, shape))
    compare.array("forward(x)", ReluLayer().forward(x.copy()), expected_values.relu(x))


@pytest.mark.case(id="backward", weight=3, about="the gradient passes where the input was positive")
@pytest.mark.parametrize("shape", SHAPES)
def test_backward_passes_the_gradient_where_the_input_was_positive(
    shape: str, rng: np.random.Generator, compare: Comparison
) -> None:
    x = mixed_signs(rng, batch_sizes(rng, shape))
    y_grad = rng.standard_normal(x.shape)
    layer = ReluLayer()
    layer.forward(x.copy())
    x_grad = layer.backward(y_grad.copy())
    expected = expected_values.relu_gradient(x, y_grad)
    compare.array("backward(y_grad)", x_grad, expected, Clues(batch=x.shape))


@pytest.mark.case(
    id="central-differences",
    weight=2,
    about="the gradient agrees with central differences of the layer's own output",
)
def test_the_gradient_agrees_with_central_differences(
    rng: np.random.Generator, compare: Comparison
) -> None:
    x = mixed_signs(rng, (3, 4))
    y_grad = rng.standard_normal(x.shape)
    layer = ReluLayer()

    def along_y_grad(at: Array) -> float:
        return float(np.sum(y_grad * compare.real_array("forward(x)", layer.forward(at))))

    estimate = central_differences(along_y_grad, x, step=1e-5)
    compare.not_all_zero("the central differences of forward", estimate)
    layer.forward(x.copy())
    compare.estimate("backward(y_grad)", layer.backward(y_grad.copy()), estimate)


@pytest.mark.case(
    id="derivative-at-zero", weight=2, about="the derivative is 0 where the input is 0"
)
@pytest.mark.parametrize("zero", [0.0, -0.0], ids=["zero", "negative-zero"])
def test_the_derivative_at_zero_is_zero(
    zero: float, rng: np.random.Generator, compare: Comparison
) -> None:
    x = mixed_signs(rng, batch_sizes(rng, "tall"))
    x.flat[rng.permutation(x.size)[: x.size // 3]] = zero
    y_grad = rng.uniform(0.5, 2.0, size=x.shape) * rng.choice((-1.0, 1.0), size=x.shape)
    layer = ReluLayer()
    y = layer.forward(x.copy())
    compare.array("forward(x)", y, expected_values.relu(x))
    x_grad = layer.backward(y_grad.copy())
    compare.array("backward(y_grad)", x_grad, expected_values.relu_gradient(x, y_grad))


@pytest.mark.case(id="magnitudes", weight=1, about="very large and very small values")
@pytest.mark.parametrize("scale", [1e150, 1e-150], ids=["large", "small"])
def test_the_size_of_a_value_does_not_matter(
    scale: float, rng: np.random.Generator, compare: Comparison
) -> None:
    x = mixed_signs(rng, batch_sizes(rng, "wide"))
    y_grad = rng.standard_normal(x.shape)
    layer = ReluLayer()
    y = compare.real_array("forward(x)", layer.forward(scale * x))
    x_grad = layer.backward(y_grad.copy())
    compare.array(f"forward(x) / {scale:g}", y / scale, expected_values.relu(x))
    compare.array("backward(y_grad)", x_grad, expected_values.relu_gradient(x, y_grad))


@pytest.mark.case(
    id="all-off", weight=1, about="a batch without any positive value gives zeros both ways"
)
def test_a_batch_without_positive_values_gives_zeros(
    rng: np.random.Generator, compare: Comparison
) -> None:
    x = -np.abs(mixed_signs(rng, batch_sizes(rng, "wide")))
    y_grad = rng.standard_normal(x.shape)
    layer = ReluLayer()
    # After a batch without any negative value, since a layer may know of nothing but zeros.
    compare.not_all_zero("forward(-x)", layer.forward(-x))
    compare.not_all_zero("backward(y_grad)", layer.backward(y_grad.copy()))
    y = layer.forward(x.copy())
    compare.array("forward(x)", y, np.zeros(x.shape))
    x_grad = layer.backward(y_grad.copy())
    compare.array("backward(y_grad)", x_grad, np.zeros(x.shape))


@pytest.mark.case(
    id="last-forward", weight=2, about="backward uses the last forward, whatever its batch's size"
)
def test_backward_uses_the_input_of_the_last_forward(
    rng: np.random.Generator, compare: Comparison
) -> None:
    n_b, n_f = batch_sizes(rng, "wide")
    x, y_grad = mixed_signs(rng, (n_b, n_f)), rng.standard_normal((n_b, n_f))
    layer = ReluLayer()
    # A batch of the same size comes right before: another size would hide a stale array.
    for rows in (n_b + 2, n_b):
        layer.forward(mixed_signs(rng, (rows, n_f)))
        layer.backward(rng.standard_normal((rows, n_f)))
    # As for a prediction, which no backward follows.
    layer.forward(mixed_signs(rng, (n_b, n_f)))
    layer.forward(x.copy())
    x_grad = layer.backward(y_grad.copy())
    compare.array("backward(y_grad)", x_grad, expected_values.relu_gradient(x, y_grad))


@pytest.mark.case(id="two-layers", weight=1, about="two layers keep their state apart")
def test_two_layers_keep_their_state_apart(rng: np.random.Generator, compare: Comparison) -> None:
    shape = batch_sizes(rng, "wide")
    x = mixed_signs(rng, shape)
    layers, inputs = [ReluLayer(), ReluLayer()], [x, -x]
    for layer, value in zip(layers, inputs, strict=True):
        layer.forward(value.copy())
    for index in range(2):
        y_grad = rng.standard_normal(shape)
        x_grad = layers[index].backward(y_grad.copy())
        expected = expected_values.relu_gradient(inputs[index], y_grad)
        compare.array(f"backward(y_grad) of layer {index}", x_grad, expected)


@pytest.mark.case(
    id="update-changes-nothing", weight=1, about="update_param is there and changes nothing"
)
def test_update_param_changes_nothing(rng: np.random.Generator, compare: Comparison) -> None:
    x = mixed_signs(rng, batch_sizes(rng, "wide"))
    layer = ReluLayer()
    layer.forward(x.copy())
    layer.backward(rng.standard_normal(x.shape))
    layer.update_param(0.3)
    compare.array("forward(x)", layer.forward(x.copy()), expected_values.relu(x))


@pytest.mark.case(id="integers", weight=1, about="an input of whole numbers, of an integer dtype")
def test_integer_inputs_do_not_truncate_gradients(
    rng: np.random.Generator, compare: Comparison
) -> None:
    x = integers(rng, batch_sizes(rng, "wide"))
    as_floats, y_grad = x.astype(np.float64), rng.standard_normal(x.shape)
    layer = ReluLayer()
    y = layer.forward(x.copy())
    compare.array("forward(x)", y, expected_values.relu(as_floats))
    x_grad = layer.backward(y_grad.copy())
    compare.array("backward(y_grad)", x_grad, expected_values.relu_gradient(as_floats, y_grad))


@pytest.mark.case(
    id="memory-layout", weight=1, about="arrays that are views or lie column by column in memory"
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_memory_layout_of_arrays_does_not_matter(
    layout: str, rng: np.random.Generator, compare: Comparison
) -> None:
    x = mixed_signs(rng, batch_sizes(rng, "tall"))
    y_grad = rng.standard_normal(x.shape)
    layer = ReluLayer()
    y = layer.forward(laid_out(x, layout))
    compare.array("forward(x)", y, expected_values.relu(x))
    x_grad = layer.backward(laid_out(y_grad, layout))
    compare.array("backward(y_grad)", x_grad, expected_values.relu_gradient(x, y_grad))


@pytest.mark.case(
    id="arguments-unchanged", weight=1, about="arrays given to the layer are not modified in place"
)
def test_arguments_are_not_modified(rng: np.random.Generator, compare: Comparison) -> None:
    x = mixed_signs(rng, batch_sizes(rng, "wide"))
    y_grad = rng.standard_normal(x.shape)
    x_given, y_grad_given = x.copy(), y_grad.copy()
    layer = ReluLayer()
    compare.not_all_zero("forward(x)", layer.forward(x_given))
    compare.not_all_zero("backward(y_grad)", layer.backward(y_grad_given))
    compare.unchanged("x", x_given, x)
    compare.unchanged("y_grad", y_grad_given, y_grad)
