"""Hidden tests of the full layer."""

from typing import Any

import expected_values
import numpy as np
import pytest
from comparison import Array, Comparison
from diagnosis import Clues, Diagnosis
from layers import FullLayer
from random_inputs import LAYOUTS, central_differences, integers, laid_out, layer_sizes

SHAPES = ("rectangular", "square", "one-row", "one-input", "one-output")


def full_layer(W: Array, b: Array) -> Any:
    """Make a layer with given parameters; `b` gets the shape the layer itself gives a bias."""
    n_o, n_i = W.shape
    layer = FullLayer(n_i, n_o)
    layer.W = W.copy()
    own_bias = layer.b
    is_flat = isinstance(own_bias, np.ndarray) and own_bias.shape == (n_o,)
    layer.b = b.copy() if is_flat else b.reshape(1, n_o).copy()
    return layer


def parameters(rng: np.random.Generator, n_i: int, n_o: int) -> tuple[Array, Array]:
    """Draw weights and biases."""
    return rng.standard_normal((n_o, n_i)), rng.standard_normal(n_o)


@pytest.mark.case(id="forward", weight=2, about="the output for batches and layers of any size")
@pytest.mark.parametrize("shape", [*SHAPES, "larger"])
def test_forward_computes_weighted_sums(
    shape: str, rng: np.random.Generator, compare: Comparison
) -> None:
    n_b, n_i, n_o = layer_sizes(rng, shape)
    (W, b), x = parameters(rng, n_i, n_o), rng.standard_normal((n_b, n_i))
    y = full_layer(W, b).forward(x.copy())
    not_transposed = [expected_values.full(x, W.T, b)] if n_i == n_o else []
    clues = Clues(mistakes={Diagnosis.MATRIX_TRANSPOSED: not_transposed})
    compare.array("forward(x)", y, expected_values.full(x, W, b), clues)


@pytest.mark.case(id="input-gradient", weight=2, about="backward returns the input's gradient")
@pytest.mark.parametrize("shape", SHAPES)
def test_backward_returns_the_gradient_of_the_input(
    shape: str, rng: np.random.Generator, compare: Comparison
) -> None:
    n_b, n_i, n_o = layer_sizes(rng, shape)
    (W, b), x = parameters(rng, n_i, n_o), rng.standard_normal((n_b, n_i))
    y_grad = rng.standard_normal((n_b, n_o))
    layer = full_layer(W, b)
    layer.forward(x.copy())
    x_grad = layer.backward(y_grad.copy())
    transposed = [expected_values.full_gradients(x, W.T, y_grad)[0]] if n_i == n_o else []
    clues = Clues(batch=x.shape, mistakes={Diagnosis.MATRIX_TRANSPOSED: transposed})
    expected = expected_values.full_gradients(x, W, y_grad)[0]
    compare.array("backward(y_grad)", x_grad, expected, clues)


@pytest.mark.case(id="weight-gradient", weight=2, about="backward stores the weights' gradient")
@pytest.mark.parametrize("shape", [*SHAPES, "larger"])
def test_backward_stores_the_gradient_of_the_weights(
    shape: str, rng: np.random.Generator, compare: Comparison
) -> None:
    n_b, n_i, n_o = layer_sizes(rng, shape)
    (W, b), x = parameters(rng, n_i, n_o), rng.standard_normal((n_b, n_i))
    y_grad = rng.standard_normal((n_b, n_o))
    layer = full_layer(W, b)
    layer.forward(x.copy())
    layer.backward(y_grad.copy())
    expected = expected_values.full_gradients(x, W, y_grad)[1]
    compare.array("W_grad", layer.W_grad, expected, Clues(batch=x.shape))


@pytest.mark.case(id="bias-gradient", weight=1, about="backward stores the bias's gradient")
@pytest.mark.parametrize("shape", SHAPES)
def test_backward_stores_the_gradient_of_the_bias(
    shape: str, rng: np.random.Generator, compare: Comparison
) -> None:
    n_b, n_i, n_o = layer_sizes(rng, shape)
    (W, b), x = parameters(rng, n_i, n_o), rng.standard_normal((n_b, n_i))
    y_grad = rng.standard_normal((n_b, n_o))
    layer = full_layer(W, b)
    layer.forward(x.copy())
    layer.backward(y_grad.copy())
    # With one output, a sum over outputs is none at all.
    by_sample = [np.einsum("ko->k", y_grad)] if n_o > 1 else []
    clues = Clues(batch=x.shape, mistakes={Diagnosis.WRONG_AXIS: by_sample})
    compare.bias("b_grad", layer.b_grad, expected_values.full_gradients(x, W, y_grad)[2], clues)


@pytest.mark.case(
    id="central-differences",
    weight=2,
    about="the input's gradient agrees with central differences of the layer's own output",
)
def test_the_input_gradient_agrees_with_central_differences(
    rng: np.random.Generator, compare: Comparison
) -> None:
    n_b, n_i, n_o = 3, 4, 2
    (W, b), x = parameters(rng, n_i, n_o), rng.standard_normal((n_b, n_i))
    y_grad = rng.standard_normal((n_b, n_o))
    layer = full_layer(W, b)

    def along_y_grad(at: Array) -> float:
        return float(np.sum(y_grad * compare.real_array("forward(x)", layer.forward(at))))

    estimate = central_differences(along_y_grad, x, step=1e-5)
    compare.not_all_zero("the central differences of forward", estimate)
    layer.forward(x.copy())
    compare.estimate("backward(y_grad)", layer.backward(y_grad.copy()), estimate)


@pytest.mark.case(
    id="update-weights", weight=3, about="update_param moves the weights against their gradient"
)
@pytest.mark.parametrize("shape", ["rectangular", "one-output"])
def test_update_param_moves_the_weights_against_their_gradient(
    shape: str, rng: np.random.Generator, compare: Comparison
) -> None:
    n_b, n_i, n_o = layer_sizes(rng, shape)
    (W, b), lr = parameters(rng, n_i, n_o), float(rng.uniform(0.2, 0.7))
    layer = full_layer(W, b)
    layer.forward(rng.standard_normal((n_b, n_i)))
    layer.backward(rng.standard_normal((n_b, n_o)))
    # The layer's own gradient: whether that is right is the business of other cases.
    W_grad = compare.not_all_zero("W_grad", layer.W_grad)
    layer.update_param(lr)
    compare.array(f"W after update_param({lr})", layer.W, W - lr * W_grad, Clues(start=W))


@pytest.mark.case(
    id="update-bias", weight=2, about="update_param moves a new layer's bias from its start at 0"
)
@pytest.mark.parametrize("shape", ["rectangular", "one-row"])
def test_update_param_moves_the_bias_against_its_gradient(
    shape: str, rng: np.random.Generator, compare: Comparison
) -> None:
    n_b, n_i, n_o = layer_sizes(rng, shape)
    lr, y_grad = float(rng.uniform(0.2, 0.7)), rng.standard_normal((n_b, n_o))
    layer = FullLayer(n_i, n_o)
    layer.forward(rng.standard_normal((n_b, n_i)))
    layer.backward(y_grad.copy())
    layer.update_param(lr)
    expected, clues = -lr * np.einsum("ko->o", y_grad), Clues(start=np.zeros(n_o))
    compare.bias(f"b after update_param({lr})", layer.b, expected, clues)


@pytest.mark.case(
    id="two-steps", weight=2, about="each update uses its own batch's gradient and learning rate"
)
def test_a_second_step_uses_its_own_batch_and_rate(
    rng: np.random.Generator, compare: Comparison
) -> None:
    n_b, n_i, n_o = layer_sizes(rng, "rectangular")
    W, b = parameters(rng, n_i, n_o)
    layer = full_layer(W, b)
    for lr in (0.5, 0.03):
        x, y_grad = rng.standard_normal((n_b, n_i)), rng.standard_normal((n_b, n_o))
        layer.forward(x.copy())
        layer.backward(y_grad.copy())
        layer.update_param(lr)
        _, W_grad, b_grad = expected_values.full_gradients(x, W, y_grad)
        W, b = W - lr * W_grad, b - lr * b_grad
        compare.array(f"W after the step with lr={lr}", layer.W, W)
        compare.bias(f"b after the step with lr={lr}", layer.b, b)


@pytest.mark.case(
    id="last-forward", weight=2, about="backward uses the last forward, whatever its batch's size"
)
def test_backward_uses_the_input_of_the_last_forward(
    rng: np.random.Generator, compare: Comparison
) -> None:
    n_b, n_i, n_o = layer_sizes(rng, "rectangular")
    W, b = parameters(rng, n_i, n_o)
    layer = full_layer(W, b)
    x, y_grad = rng.standard_normal((n_b, n_i)), rng.standard_normal((n_b, n_o))
    # A batch of the same size comes right before: another size would hide a stale array.
    for rows in (n_b + 2, n_b):
        layer.forward(rng.standard_normal((rows, n_i)))
    layer.forward(x.copy())
    x_grad = layer.backward(y_grad.copy())
    expected = expected_values.full_gradients(x, W, y_grad)
    compare.array("backward(y_grad)", x_grad, expected[0])
    compare.array("W_grad", layer.W_grad, expected[1])


@pytest.mark.case(
    id="no-accumulation", weight=2, about="a second backward replaces the first one's gradients"
)
def test_gradients_do_not_accumulate(rng: np.random.Generator, compare: Comparison) -> None:
    n_b, n_i, n_o = layer_sizes(rng, "rectangular")
    W, b = parameters(rng, n_i, n_o)
    layer = full_layer(W, b)
    for rows in (n_b + 3, n_b):
        x, y_grad = rng.standard_normal((rows, n_i)), rng.standard_normal((rows, n_o))
        layer.forward(x.copy())
        layer.backward(y_grad.copy())
    _, W_grad, b_grad = expected_values.full_gradients(x, W, y_grad)
    compare.array("W_grad after a second backward", layer.W_grad, W_grad)
    compare.bias("b_grad after a second backward", layer.b_grad, b_grad)


@pytest.mark.case(id="two-layers", weight=1, about="two layers keep their state apart")
def test_two_layers_keep_their_state_apart(rng: np.random.Generator, compare: Comparison) -> None:
    n_b, n_i, n_o = layer_sizes(rng, "rectangular")
    given = [parameters(rng, n_i, n_o) for _ in range(2)]
    layers = [full_layer(W, b) for W, b in given]
    inputs, gradients = rng.standard_normal((2, n_b, n_i)), rng.standard_normal((2, n_b, n_o))
    for index, ((W, b), x) in enumerate(zip(given, inputs, strict=True)):
        y = layers[index].forward(x.copy())
        compare.array(f"forward(x) of layer {index}", y, expected_values.full(x, W, b))
    for layer, y_grad in zip(layers, gradients, strict=True):
        layer.backward(y_grad.copy())
    for index, (W, _) in enumerate(given):
        W_grad = expected_values.full_gradients(inputs[index], W, gradients[index])[1]
        compare.array(f"W_grad of layer {index}", layers[index].W_grad, W_grad)


@pytest.mark.case(
    id="only-update-moves", weight=1, about="forward and backward leave the parameters as they are"
)
def test_forward_and_backward_leave_the_parameters_alone(
    rng: np.random.Generator, compare: Comparison
) -> None:
    n_b, n_i, n_o = layer_sizes(rng, "rectangular")
    W, b = parameters(rng, n_i, n_o)
    layer = full_layer(W, b)
    compare.not_all_zero("forward(x)", layer.forward(rng.standard_normal((n_b, n_i))))
    x_grad = layer.backward(rng.standard_normal((n_b, n_o)))
    compare.not_all_zero("backward(y_grad)", x_grad)
    compare.array("W after backward", layer.W, W)
    compare.bias("b after backward", layer.b, b)


@pytest.mark.case(id="integers", weight=1, about="an input of whole numbers, of an integer dtype")
def test_integer_inputs_are_not_truncated(rng: np.random.Generator, compare: Comparison) -> None:
    n_b, n_i, n_o = layer_sizes(rng, "rectangular")
    (W, b), x = parameters(rng, n_i, n_o), integers(rng, (n_b, n_i))
    as_floats, y_grad = x.astype(np.float64), rng.standard_normal((n_b, n_o))
    layer = full_layer(W, b)
    y = layer.forward(x.copy())
    compare.array("forward(x)", y, expected_values.full(as_floats, W, b))
    x_grad = layer.backward(y_grad.copy())
    expected = expected_values.full_gradients(as_floats, W, y_grad)
    compare.array("backward(y_grad)", x_grad, expected[0])
    compare.array("W_grad", layer.W_grad, expected[1])


@pytest.mark.case(
    id="memory-layout", weight=1, about="arrays that are views or lie column by column in memory"
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_memory_layout_of_arrays_does_not_matter(
    layout: str, rng: np.random.Generator, compare: Comparison
) -> None:
    n_b, n_i, n_o = layer_sizes(rng, "rectangular")
    (W, b), x = parameters(rng, n_i, n_o), rng.standard_normal((n_b, n_i))
    y_grad = rng.standard_normal((n_b, n_o))
    layer = full_layer(W, b)
    y = layer.forward(laid_out(x, layout))
    compare.array("forward(x)", y, expected_values.full(x, W, b))
    x_grad = layer.backward(laid_out(y_grad, layout))
    expected = expected_values.full_gradients(x, W, y_grad)
    compare.array("backward(y_grad)", x_grad, expected[0])
    compare.array("W_grad", layer.W_grad, expected[1])
    compare.bias("b_grad", layer.b_grad, expected[2])


@pytest.mark.case(
    id="arguments-unchanged", weight=1, about="arrays given to the layer are not modified in place"
)
def test_arguments_are_not_modified(rng: np.random.Generator, compare: Comparison) -> None:
    n_b, n_i, n_o = layer_sizes(rng, "rectangular")
    x, y_grad = rng.standard_normal((n_b, n_i)), rng.standard_normal((n_b, n_o))
    x_given, y_grad_given = x.copy(), y_grad.copy()
    layer = full_layer(*parameters(rng, n_i, n_o))
    compare.not_all_zero("forward(x)", layer.forward(x_given))
    compare.not_all_zero("backward(y_grad)", layer.backward(y_grad_given))
    layer.update_param(0.25)
    compare.unchanged("x", x_given, x)
    compare.unchanged("y_grad", y_grad_given, y_grad)


@pytest.mark.case(
    id="initial-weights",
    weight=2,
    about="new weights follow Glorot's normal distribution, each drawn on its own",
)
@pytest.mark.parametrize(("n_i", "n_o"), [(300, 100), (60, 500)], ids=["narrowing", "widening"])
def test_initial_weights_follow_glorots_normal_distribution(
    n_i: int, n_o: int, compare: Comparison
) -> None:
    """Bounds of 7 standard errors: a right solution fails less than once in 10^11 gradings."""
    W = compare.real_array("W", FullLayer(n_i, n_o).W)
    compare.require(
        W.shape == (n_o, n_i),
        f"W must have shape {(n_o, n_i)}; found {W.shape}",
        Diagnosis.SHAPE_TRANSPOSED if W.shape == (n_i, n_o) else None,
    )
    error = 7.0 / np.sqrt(W.size)
    formula = np.sqrt(2.0 / (n_i + n_o))
    deviation = float(W.std())
    # The handout writes N(0, formula), which some read as mean and variance.
    compare.require(
        any(abs(deviation / s - 1.0) < error / np.sqrt(2.0) for s in (formula, np.sqrt(formula))),
        f"the standard deviation of W, {W.shape}, is {deviation:.5g}; expected {formula:.5g}, or "
        f"{np.sqrt(formula):.5g} if the formula is taken as a variance",
    )
    standard = W / deviation
    mean, kurtosis = float(standard.mean()), float(np.mean(standard**4))
    compare.require(abs(mean) < error, f"the mean of W is {mean:.3g} deviations away from 0")
    # 3 for a normal distribution, 1.8 for a uniform one; 0.5 is 17 standard errors.
    compare.require(
        abs(kurtosis - 3.0) < 0.5,
        f"W is not normally distributed: its kurtosis is {kurtosis:.3g}; 3 is normal, 1.8 uniform",
    )
    for name, product in (
        ("rows", standard[1:] * standard[:-1]),
        ("columns", standard[:, 1:] * standard[:, :-1]),
    ):
        correlation = float(product.mean())
        compare.require(
            abs(correlation) < 7.0 / np.sqrt(product.size),
            f"neighbouring {name} of W are correlated: {correlation:.3g}",
        )


@pytest.mark.case(id="initial-bias", weight=1, about="the bias of a new layer is 0")
@pytest.mark.parametrize("shape", ["rectangular", "one-output"])
def test_the_initial_bias_is_zero(
    shape: str, rng: np.random.Generator, compare: Comparison
) -> None:
    _, n_i, n_o = layer_sizes(rng, shape)
    b = FullLayer(n_i, n_o).b
    if not isinstance(b, np.ndarray) or b.size == 1:
        compare.scalar("the bias of a new layer", b, 0.0)
    else:
        compare.bias("the bias of a new layer", b, np.zeros(n_o))
