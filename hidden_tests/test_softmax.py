"""Hidden tests of the softmax layer."""

import expected_values
import numpy as np
import pytest
from comparison import Array, Comparison
from diagnosis import Clues, Diagnosis
from layers import SoftMaxLayer
from random_inputs import LAYOUTS, batch_sizes, central_differences, integers, laid_out

SHAPES = ("wide", "tall", "square", "one-row", "two-features", "larger")


def logits(rng: np.random.Generator, shape: tuple[int, int], maximum: float) -> Array:
    """Draw rows that share their maximum.

    Subtracting the whole batch's maximum is as right as subtracting each row's, and equally
    stable only if the rows' maxima are equal.
    """
    values = maximum - rng.uniform(0.1, 5.0, size=shape)
    values[np.arange(shape[0]), rng.integers(0, shape[1], size=shape[0])] = maximum
    return values


@pytest.mark.case(id="forward", weight=2, about="the probabilities for batches of any shape")
@pytest.mark.parametrize("shape", SHAPES)
def test_forward_computes_each_rows_probabilities(
    shape: str, rng: np.random.Generator, compare: Comparison
) -> None:
    x = rng.normal(0.0, 2.0, batch_sizes(rng, shape))
    by_column = expected_values.softmax(x.T).T
    over_all = np.exp(x) / np.exp(x).sum()
    # With one row, other mistakes look the same.
    wrong_axes = [by_column, over_all] if len(x) > 1 else []
    clues = Clues(mistakes={Diagnosis.WRONG_AXIS: wrong_axes})
    compare.array("forward(x)", SoftMaxLayer().forward(x.copy()), expected_values.softmax(x), clues)


@pytest.mark.case(
    id="one-feature", weight=1, about="a single feature has probability 1 and no gradient"
)
def test_a_single_feature_has_probability_one(
    rng: np.random.Generator, compare: Comparison
) -> None:
    x = rng.standard_normal(batch_sizes(rng, "one-feature"))
    layer = SoftMaxLayer()
    compare.array("forward(x)", layer.forward(x.copy()), np.ones(x.shape))
    # Nothing is expected but zeros, so that only the absolute tolerance is left: kept small, the
    # gradient allows for a denominator with an epsilon of 1e-12.
    x_grad = layer.backward(rng.uniform(-0.5, 0.5, x.shape))
    compare.array("backward(y_grad)", x_grad, np.zeros(x.shape))


@pytest.mark.case(
    id="large-logits", weight=3, about="very large inputs give finite probabilities that sum to 1"
)
@pytest.mark.parametrize("shape", ["wide", "one-row"])
def test_very_large_inputs_do_not_overflow(
    shape: str, rng: np.random.Generator, compare: Comparison
) -> None:
    x = logits(rng, batch_sizes(rng, shape), maximum=float(rng.uniform(800.0, 3000.0)))
    y_grad = rng.standard_normal(x.shape)
    layer = SoftMaxLayer()
    compare.array("forward(x)", layer.forward(x.copy()), expected_values.softmax(x))
    x_grad = layer.backward(y_grad.copy())
    compare.array("backward(y_grad)", x_grad, expected_values.softmax_gradient(x, y_grad))


@pytest.mark.case(
    id="large-logits-below-small-ones",
    weight=1,
    about="rows of very large inputs that follow a row of small ones",
)
def test_very_large_inputs_below_a_row_of_small_ones_do_not_overflow(
    rng: np.random.Generator, compare: Comparison
) -> None:
    x = logits(rng, batch_sizes(rng, "wide"), maximum=float(rng.uniform(900.0, 3000.0)))
    x[0] = rng.standard_normal(x.shape[1])
    y_grad = rng.standard_normal(x.shape)
    layer = SoftMaxLayer()
    # The first row vanishes beside the others if the whole batch's maximum is subtracted, which
    # is accepted: it is not looked at.
    y = compare.real_array("forward(x)", layer.forward(x.copy()))
    compare.array("forward(x)[1:]", y[1:], expected_values.softmax(x[1:]))
    x_grad = compare.real_array("backward(y_grad)", layer.backward(y_grad.copy()))
    expected = expected_values.softmax_gradient(x[1:], y_grad[1:])
    compare.array("backward(y_grad)[1:]", x_grad[1:], expected)


@pytest.mark.case(
    id="very-negative-logits", weight=2, about="very negative inputs do not divide by zero"
)
def test_very_negative_inputs_do_not_divide_by_zero(
    rng: np.random.Generator, compare: Comparison
) -> None:
    x = logits(rng, batch_sizes(rng, "wide"), maximum=-float(rng.uniform(800.0, 3000.0)))
    compare.array("forward(x)", SoftMaxLayer().forward(x.copy()), expected_values.softmax(x))


@pytest.mark.case(
    id="sure-of-one-class", weight=1, about="rows in which one input is far above the others"
)
def test_a_sure_row_has_finite_probabilities_and_gradients(
    rng: np.random.Generator, compare: Comparison
) -> None:
    x = logits(rng, batch_sizes(rng, "wide"), maximum=float(rng.uniform(5.0, 10.0)))
    x[::2] = np.where(x[::2] == x.max(), x[::2], x[::2] - 900.0)
    y_grad = rng.standard_normal(x.shape)
    layer = SoftMaxLayer()
    compare.array("forward(x)", layer.forward(x.copy()), expected_values.softmax(x))
    x_grad = layer.backward(y_grad.copy())
    compare.array("backward(y_grad)", x_grad, expected_values.softmax_gradient(x, y_grad))


@pytest.mark.case(
    id="backward", weight=3, about="the gradient through the Jacobian, for batches of any shape"
)
@pytest.mark.parametrize("shape", SHAPES)
def test_backward_multiplies_with_the_jacobian(
    shape: str, rng: np.random.Generator, compare: Comparison
) -> None:
    x = rng.standard_normal(batch_sizes(rng, shape))
    y_grad = rng.standard_normal(x.shape)
    layer = SoftMaxLayer()
    layer.forward(x.copy())
    x_grad = layer.backward(y_grad.copy())
    z = expected_values.softmax(x)
    wrong_sums = [z * (y_grad - np.einsum(f"ki,ki->{axis}", y_grad, z)) for axis in ("i", "")]
    # With one row, a sum over rows is none at all, as where the Jacobian's diagonal stands alone.
    wrong_axes = {Diagnosis.WRONG_AXIS: wrong_sums if len(x) > 1 else []}
    clues = Clues(batch=x.shape, mistakes=wrong_axes)
    expected = expected_values.softmax_gradient(x, y_grad)
    compare.array("backward(y_grad)", x_grad, expected, clues)


@pytest.mark.case(
    id="central-differences",
    weight=2,
    about="the gradient agrees with central differences of the layer's own output",
)
def test_the_gradient_agrees_with_central_differences(
    rng: np.random.Generator, compare: Comparison
) -> None:
    x = rng.standard_normal((3, 4))
    y_grad = rng.standard_normal(x.shape)
    layer = SoftMaxLayer()

    def along_y_grad(at: Array) -> float:
        return float(np.sum(y_grad * compare.real_array("forward(x)", layer.forward(at))))

    estimate = central_differences(along_y_grad, x, step=1e-5)
    compare.not_all_zero("the central differences of forward", estimate)
    layer.forward(x.copy())
    compare.estimate("backward(y_grad)", layer.backward(y_grad.copy()), estimate)


@pytest.mark.case(
    id="last-forward", weight=2, about="backward uses the last forward, whatever its batch's size"
)
def test_backward_uses_the_output_of_the_last_forward(
    rng: np.random.Generator, compare: Comparison
) -> None:
    n_b, n_f = batch_sizes(rng, "wide")
    x, y_grad = rng.standard_normal((n_b, n_f)), rng.standard_normal((n_b, n_f))
    layer = SoftMaxLayer()
    # A batch of the same size comes right before: another size would hide a stale array.
    for rows in (n_b + 2, n_b):
        layer.forward(rng.standard_normal((rows, n_f)))
        layer.backward(rng.standard_normal((rows, n_f)))
    # As for a prediction, which no backward follows.
    layer.forward(rng.standard_normal((n_b, n_f)))
    layer.forward(x.copy())
    x_grad = layer.backward(y_grad.copy())
    compare.array("backward(y_grad)", x_grad, expected_values.softmax_gradient(x, y_grad))


@pytest.mark.case(id="two-layers", weight=1, about="two layers keep their state apart")
def test_two_layers_keep_their_state_apart(rng: np.random.Generator, compare: Comparison) -> None:
    shape = batch_sizes(rng, "wide")
    layers, inputs = [SoftMaxLayer(), SoftMaxLayer()], rng.standard_normal((2, *shape))
    for layer, x in zip(layers, inputs, strict=True):
        layer.forward(x.copy())
    for index in range(2):
        y_grad = rng.standard_normal(shape)
        x_grad = layers[index].backward(y_grad.copy())
        expected = expected_values.softmax_gradient(inputs[index], y_grad)
        compare.array(f"backward(y_grad) of layer {index}", x_grad, expected)


@pytest.mark.case(
    id="update-changes-nothing", weight=1, about="update_param is there and changes nothing"
)
def test_update_param_changes_nothing(rng: np.random.Generator, compare: Comparison) -> None:
    x = rng.standard_normal(batch_sizes(rng, "wide"))
    layer = SoftMaxLayer()
    layer.forward(x.copy())
    layer.backward(rng.standard_normal(x.shape))
    layer.update_param(0.3)
    compare.array("forward(x)", layer.forward(x.copy()), expected_values.softmax(x))


@pytest.mark.case(id="integers", weight=1, about="an input of whole numbers, of an integer dtype")
def test_integer_inputs_are_not_truncated(rng: np.random.Generator, compare: Comparison) -> None:
    x = integers(rng, batch_sizes(rng, "wide"))
    as_floats, y_grad = x.astype(np.float64), integers(rng, x.shape)
    layer = SoftMaxLayer()
    y = layer.forward(x.copy())
    compare.array("forward(x)", y, expected_values.softmax(as_floats))
    x_grad = layer.backward(y_grad.copy())
    expected = expected_values.softmax_gradient(as_floats, y_grad.astype(np.float64))
    compare.array("backward(y_grad)", x_grad, expected)


@pytest.mark.case(
    id="memory-layout", weight=1, about="arrays that are views or lie column by column in memory"
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_memory_layout_of_arrays_does_not_matter(
    layout: str, rng: np.random.Generator, compare: Comparison
) -> None:
    x = rng.standard_normal(batch_sizes(rng, "tall"))
    y_grad = rng.standard_normal(x.shape)
    layer = SoftMaxLayer()
    y = layer.forward(laid_out(x, layout))
    compare.array("forward(x)", y, expected_values.softmax(x))
    x_grad = layer.backward(laid_out(y_grad, layout))
    compare.array("backward(y_grad)", x_grad, expected_values.softmax_gradient(x, y_grad))


@pytest.mark.case(
    id="arguments-unchanged", weight=1, about="arrays given to the layer are not modified in place"
)
def test_arguments_are_not_modified(rng: np.random.Generator, compare: Comparison) -> None:
    x = rng.standard_normal(batch_sizes(rng, "wide"))
    y_grad = rng.standard_normal(x.shape)
    x_given, y_grad_given = x.copy(), y_grad.copy()
    layer = SoftMaxLayer()
    compare.not_all_zero("forward(x)", layer.forward(x_given))
    compare.not_all_zero("backward(y_grad)", layer.backward(y_grad_given))
    compare.unchanged("x", x_given, x)
    compare.unchanged("y_grad", y_grad_given, y_grad)
