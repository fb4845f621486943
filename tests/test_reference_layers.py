"""Tests that the reference solution is right: its gradients, its training, its manners."""

import ast
import importlib.util
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

FOLDER = Path(__file__).resolve().parent.parent / "reference" / "layers"


def load_reference() -> ModuleType:
    """Import the package under a name of its own: `layers` stays free for other tests."""
    name = "reference_layers"
    spec = importlib.util.spec_from_file_location(
        name, FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


layers: Any = load_reference()

SIZES = st.integers(1, 6)
SEEDS = st.integers(0, 2**32 - 1)
check = settings(derandomize=True, deadline=None, max_examples=40, database=None)


def numerical_gradient(f: Callable[[np.ndarray], float], x: np.ndarray) -> np.ndarray:
    """Return the central differences of a scalar function, element by element."""
    step = 3e-5
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[index] += step
        below[index] -= step
        gradient[index] = (f(above) - f(below)) / (2 * step)
    return gradient


def assert_same_gradient(analytic: np.ndarray, numerical: np.ndarray) -> None:
    assert analytic.shape == numerical.shape
    assert analytic.dtype == np.float64
    scale = max(np.linalg.norm(analytic), np.linalg.norm(numerical))
    difference = np.linalg.norm(analytic - numerical)
    assert difference <= 1e-7 * scale, f"relative error {difference / scale:.1e}"


def one_hot(rng: np.random.Generator, n_b: int, n_c: int) -> np.ndarray:
    return np.eye(n_c)[rng.integers(n_c, size=n_b)]


def make_network(rng: np.random.Generator, *sizes: int) -> Any:
    """Make a network of full layers with ReLU between them and a softmax at the end."""
    chain: list[Any] = []
    for n_i, n_o in pairwise(sizes):
        full = layers.FullLayer(n_i, n_o)
        full.W = rng.normal(size=(n_o, n_i))
        full.b = rng.normal(size=(1, n_o))
        chain += [full, layers.ReluLayer()]
    chain[-1] = layers.SoftMaxLayer()
    return layers.Sequential(chain, layers.CrossEntropyLayer())


# Gradients


@given(n_b=SIZES, n_i=SIZES, n_o=SIZES, seed=SEEDS)
@example(n_b=1, n_i=1, n_o=1, seed=0)
@example(n_b=1, n_i=5, n_o=3, seed=0)
@example(n_b=4, n_i=4, n_o=4, seed=0)
@check
def test_the_gradients_of_the_full_layer_match_central_differences(
    n_b: int, n_i: int, n_o: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x, y_grad = rng.normal(size=(n_b, n_i)), rng.normal(size=(n_b, n_o))
    W, b = rng.normal(size=(n_o, n_i)), rng.normal(size=(1, n_o))
    layer = layers.FullLayer(n_i, n_o)

    def value(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> float:
        layer.W, layer.b = W, b
        return float(np.sum(y_grad * layer.forward(x)))

    value(x, W, b)
    x_grad = layer.backward(y_grad)
    W_grad, b_grad = layer.W_grad, layer.b_grad
    assert_same_gradient(x_grad, numerical_gradient(lambda v: value(v, W, b), x))
    assert_same_gradient(W_grad, numerical_gradient(lambda v: value(x, v, b), W))
    assert_same_gradient(b_grad, numerical_gradient(lambda v: value(x, W, v), b))


@given(n_b=SIZES, n_f=SIZES, seed=SEEDS)
@example(n_b=1, n_f=1, seed=0)
@check
def test_the_gradient_of_relu_matches_central_differences(n_b: int, n_f: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Away from 0, where ReLU has no derivative.
    x = rng.uniform(0.1, 2.0, size=(n_b, n_f)) * rng.choice([-1, 1], size=(n_b, n_f))
    y_grad = rng.normal(size=(n_b, n_f))
    layer = layers.ReluLayer()
    layer.forward(x)
    x_grad = layer.backward(y_grad)
    numerical = numerical_gradient(lambda v: float(np.sum(y_grad * layer.forward(v))), x)
    assert_same_gradient(x_grad, numerical)


@given(n_b=SIZES, n_f=SIZES, seed=SEEDS)
@example(n_b=1, n_f=1, seed=0)
@example(n_b=1, n_f=6, seed=0)
@check
def test_the_gradient_of_softmax_matches_central_differences(n_b: int, n_f: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y_grad = rng.normal(size=(n_b, n_f)), rng.normal(size=(n_b, n_f))
    layer = layers.SoftMaxLayer()
    layer.forward(x)
    x_grad = layer.backward(y_grad)
    numerical = numerical_gradient(lambda v: float(np.sum(y_grad * layer.forward(v))), x)
    assert_same_gradient(x_grad, numerical)


@given(n_b=SIZES, n_c=SIZES, seed=SEEDS)
@example(n_b=1, n_c=1, seed=0)
@check
def test_the_gradient_of_cross_entropy_matches_central_differences(
    n_b: int, n_c: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x, t = rng.uniform(0.3, 1.0, size=(n_b, n_c)), one_hot(rng, n_b, n_c)
    loss = layers.CrossEntropyLayer()
    loss.forward(x, t)
    x_grad = loss.backward()
    assert_same_gradient(x_grad, numerical_gradient(lambda v: float(loss.forward(v, t)), x))


@given(n_b=SIZES, n_i=SIZES, n_h=SIZES, n_o=st.integers(2, 6), seed=SEEDS)
@example(n_b=1, n_i=1, n_h=1, n_o=2, seed=1)
@check
def test_the_gradients_of_a_whole_network_match_central_differences(
    n_b: int, n_i: int, n_h: int, n_o: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    network = make_network(rng, n_i, n_h, n_o)
    # Hidden units well away from the kink: the step must not cross it.
    network.layers[0].b = rng.choice([-30.0, 30.0], size=(1, n_h))
    network.layers[2].W *= 0.01
    x, t = rng.normal(size=(n_b, n_i)), one_hot(rng, n_b, n_o)
    first, last = network.layers[0], network.layers[2]
    W = first.W

    def value_of_weights(changed: np.ndarray) -> float:
        first.W = changed
        return float(network.forward(x, t))

    network.forward(x, t)
    x_grad = network.backward()
    W_grad, b_grad = first.W_grad, last.b_grad
    assert b_grad.shape == (1, n_o)
    assert np.any(b_grad != 0)
    # Summed over outputs of a softmax, which only depend on differences, nothing is left.
    assert abs(np.sum(b_grad)) < 1e-12
    assert_same_gradient(x_grad, numerical_gradient(lambda v: float(network.forward(v, t)), x))
    assert_same_gradient(W_grad, numerical_gradient(value_of_weights, W))


# Layer by layer


def test_the_full_layer_computes_its_equation_for_each_row() -> None:
    rng = np.random.default_rng(2)
    layer = layers.FullLayer(3, 2)
    layer.W, layer.b = rng.normal(size=(2, 3)), rng.normal(size=(1, 2))
    x = rng.normal(size=(4, 3))
    expected = [
        [sum(layer.W[k, j] * row[j] for j in range(3)) + layer.b[0, k] for k in range(2)]
        for row in x
    ]
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-14)


def test_the_first_weights_follow_glorot_and_the_biases_are_zero() -> None:
    np.random.seed(3)
    layer = layers.FullLayer(400, 100)
    assert layer.W.shape == (100, 400)
    assert layer.W.dtype == np.float64
    deviation = np.sqrt(2 / 500)
    assert abs(np.std(layer.W) - deviation) < 0.02 * deviation
    assert abs(np.mean(layer.W)) < 0.02 * deviation
    np.testing.assert_array_equal(layer.b, np.zeros((1, 100)))


def test_the_seed_of_numpys_global_generator_settles_the_first_weights() -> None:
    np.random.seed(4)
    first = layers.FullLayer(3, 2).W
    second = layers.FullLayer(3, 2).W
    np.random.seed(4)
    np.testing.assert_array_equal(layers.FullLayer(3, 2).W, first)
    assert np.any(first != second)


def test_backward_leaves_the_parameters_and_update_param_moves_them() -> None:
    rng = np.random.default_rng(5)
    layer = layers.FullLayer(3, 2)
    W, b = rng.normal(size=(2, 3)), rng.normal(size=(1, 2))
    layer.W, layer.b = W.copy(), b.copy()
    layer.forward(rng.normal(size=(4, 3)))
    layer.backward(rng.normal(size=(4, 2)))
    np.testing.assert_array_equal(layer.W, W)
    np.testing.assert_array_equal(layer.b, b)
    layer.update_param(0.5)
    np.testing.assert_array_equal(layer.W, W - 0.5 * layer.W_grad)
    np.testing.assert_array_equal(layer.b, b - 0.5 * layer.b_grad)


def test_relu_lets_the_gradient_through_where_the_input_is_above_zero_only() -> None:
    layer = layers.ReluLayer()
    np.testing.assert_array_equal(layer.forward(np.array([[-1.0, 0.0, 2.0]])), [[0.0, 0.0, 2.0]])
    np.testing.assert_array_equal(layer.backward(np.array([[7.0, 7.0, 7.0]])), [[0.0, 0.0, 7.0]])


def test_softmax_stays_finite_for_large_inputs_of_either_sign() -> None:
    layer = layers.SoftMaxLayer()
    y = layer.forward(np.array([[1e4, 1e4], [-1e4, -1e4], [800.0, -800.0]]))
    np.testing.assert_array_equal(y, [[0.5, 0.5], [0.5, 0.5], [1.0, 0.0]])


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.float16, np.float32])
def test_softmax_gives_the_same_for_every_dtype(dtype: type) -> None:
    x = np.array([[0, 3, 1], [100, 127, 120]])
    expected = layers.SoftMaxLayer().forward(x.astype(np.float64))
    np.testing.assert_array_equal(layers.SoftMaxLayer().forward(x.astype(dtype)), expected)


def test_cross_entropy_is_the_average_of_minus_the_log_of_the_right_classes_probability() -> None:
    loss = layers.CrossEntropyLayer()
    x = np.array([[0.25, 0.75], [0.9, 0.1]])
    value = loss.forward(x, np.array([[1, 0], [1, 0]]))
    assert isinstance(value, float)
    assert value == pytest.approx((np.log(4) - np.log(0.9)) / 2, rel=1e-15)
    np.testing.assert_allclose(loss.backward(), [[-2.0, 0.0], [-0.5 / 0.9, 0.0]], rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.float32])
def test_every_layer_takes_integers_and_short_floats(dtype: type) -> None:
    """Small integers overflow easily: 200 * 3 is 88 in uint8, and -1 is 255."""
    rng = np.random.default_rng(6)
    x = rng.integers(0, 120, size=(5, 3))
    y_grad = rng.integers(0, 120, size=(5, 2))
    t = np.eye(2)[rng.integers(2, size=5)]

    def everything(dtype: type) -> list[np.ndarray]:
        full, relu, loss = layers.FullLayer(3, 2), layers.ReluLayer(), layers.CrossEntropyLayer()
        softmax = layers.SoftMaxLayer()
        full.W = np.array([[0.5, -1.0, 2.0], [1.0, 0.25, -0.5]])
        y = [full.forward(x.astype(dtype)), full.backward(y_grad.astype(dtype))]
        y += [full.W_grad, full.b_grad]
        y += [relu.forward(x.astype(dtype)), relu.backward(x.astype(dtype))]
        y += [softmax.forward(x.astype(dtype)), softmax.backward(x.astype(dtype))]
        y += [np.array(loss.forward(np.full((5, 2), 0.5), t.astype(dtype))), loss.backward()]
        return y

    for found, expected in zip(everything(dtype), everything(np.float64), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_no_method_changes_its_arguments() -> None:
    """Read-only arrays raise as soon as anything writes into them."""
    rng = np.random.default_rng(7)
    network = make_network(rng, 3, 4, 2)
    x, t = rng.normal(size=(7, 3)), one_hot(rng, 7, 2)
    for array in (x, t):
        array.flags.writeable = False
    network.fit(x, t, epochs=2, lr=0.1, batch_size=3)
    network.predict(x)

    y_grad = rng.normal(size=(7, 3))
    y_grad.flags.writeable = False
    for layer in (layers.FullLayer(3, 3), layers.ReluLayer(), layers.SoftMaxLayer()):
        layer.forward(x)
        layer.backward(y_grad)
        layer.update_param(0.1)


def test_training_copies_neither_the_parameters_nor_the_batches() -> None:
    rng = np.random.default_rng(7)
    network = make_network(rng, 3, 4, 2)
    x, t = rng.normal(size=(7, 3)), one_hot(rng, 7, 2)
    full = network.layers[0]
    W, b, before = full.W, full.b, full.W.copy()
    network.fit(x, t, epochs=1, lr=0.1, batch_size=3)
    assert full.W is W
    assert full.b is b
    assert not np.array_equal(W, before)
    assert np.shares_memory(full.x, x)


def test_layers_without_parameters_have_an_update_that_changes_nothing() -> None:
    rng = np.random.default_rng(8)
    x, t = rng.uniform(0.1, 1.0, size=(3, 2)), one_hot(rng, 3, 2)
    loss = layers.CrossEntropyLayer()
    before = loss.forward(x, t)
    loss.update_param(0.1)
    assert loss.forward(x, t) == before
    for layer in (layers.ReluLayer(), layers.SoftMaxLayer()):
        y = layer.forward(x)
        layer.update_param(0.1)
        np.testing.assert_array_equal(layer.y, y)


@pytest.mark.parametrize("file", ["full.py", "relu.py", "softmax.py", "cross_entropy.py"])
def test_no_layer_loops_in_python(file: str) -> None:
    tree = ast.parse((FOLDER / file).read_text(encoding="utf-8"))
    loops = (ast.For, ast.While, ast.comprehension)
    assert not [node for node in ast.walk(tree) if isinstance(node, loops)]


# Sequential


class Spy:
    """A layer and a loss that writes down what is done to it."""

    def __init__(self, name: str, log: list[Any]) -> None:
        self.name = name
        self.log = log

    def forward(self, x: np.ndarray, t: np.ndarray | None = None) -> Any:
        self.log.append((self.name, "forward", x.copy()) + (() if t is None else (t.copy(),)))
        return x if t is None else float(np.mean(x))

    def backward(self, y_grad: np.ndarray | None = None) -> np.ndarray:
        self.log.append((self.name, "backward"))
        return np.ones((1, 1)) if y_grad is None else y_grad

    def update_param(self, lr: float) -> None:
        self.log.append((self.name, "update", lr))


def test_a_training_step_is_forward_then_backward_in_reverse_then_update() -> None:
    log: list[Any] = []
    network = layers.Sequential((Spy("a", log), Spy("b", log)), Spy("loss", log))
    network.fit(np.ones((2, 1)), np.ones((2, 1)), epochs=1, lr=0.25, batch_size=2)
    assert [entry[:2] for entry in log] == [
        ("a", "forward"),
        ("b", "forward"),
        ("loss", "forward"),
        ("loss", "backward"),
        ("b", "backward"),
        ("a", "backward"),
        ("a", "update"),
        ("b", "update"),
    ]
    assert [entry[2] for entry in log if entry[1] == "update"] == [0.25, 0.25]


def test_fit_uses_every_row_once_an_epoch_and_keeps_the_last_smaller_batch() -> None:
    log: list[Any] = []
    x = np.arange(7.0).reshape(7, 1)
    network = layers.Sequential([Spy("a", log)], Spy("loss", log))
    losses = network.fit(x, 10 * x, epochs=2, batch_size=3)
    batches = [entry[2:] for entry in log if entry[:2] == ("loss", "forward")]
    assert [len(rows) for rows, _ in batches] == [3, 3, 1, 3, 3, 1]
    for rows, targets in batches:
        np.testing.assert_array_equal(targets, 10 * rows)
    for epoch in (batches[:3], batches[3:]):
        np.testing.assert_array_equal(np.sort(np.concatenate([rows for rows, _ in epoch])), x)
    # The spy's loss is the mean of its rows, so the average over rows is the mean of all.
    assert losses == [3.0, 3.0]


def test_fit_takes_a_batch_larger_than_the_data() -> None:
    log: list[Any] = []
    layers.Sequential([], Spy("loss", log)).fit(np.ones((3, 1)), np.ones((3, 1)), epochs=1)
    assert [len(entry[2]) for entry in log if entry[1] == "forward"] == [3]


def test_forward_gives_the_output_without_a_target_and_the_loss_with_one() -> None:
    rng = np.random.default_rng(9)
    network = make_network(rng, 3, 4, 2)
    x, t = rng.normal(size=(5, 3)), one_hot(rng, 5, 2)
    y = network.forward(x)
    assert y.shape == (5, 2)
    np.testing.assert_allclose(np.sum(y, axis=1), np.ones(5), rtol=1e-14)
    assert network.forward(x, t) == layers.CrossEntropyLayer().forward(y, t)


def test_predict_gives_the_index_of_the_largest_output_of_each_row() -> None:
    outputs = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.2, 0.3, 0.5]])
    classes = layers.Sequential([], layers.CrossEntropyLayer()).predict(outputs)
    np.testing.assert_array_equal(classes, [1, 0, 2])
    assert classes.shape == (3,)
    assert np.issubdtype(classes.dtype, np.integer)


def test_training_learns_what_no_single_full_layer_can() -> None:
    """The exclusive or of two signs: not linearly separable."""
    x = np.random.default_rng(11).uniform(-1.0, 1.0, size=(400, 2))
    labels = (x[:, 0] * x[:, 1] > 0).astype(int)
    network = make_network(np.random.default_rng(10), 2, 16, 2)
    losses = network.fit(x, np.eye(2)[labels], epochs=60, lr=0.5, batch_size=32)
    assert len(losses) == 60
    assert losses[-1] < 0.3 * losses[0]
    assert np.mean(network.predict(x) == labels) > 0.95
