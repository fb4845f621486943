"""What the layers must compute, by formulas other than those a solution would use.

Two implementations that share a formula share its mistakes. So matrix products are written as
index sums, softmax as ``1 / sum_k exp(x_k - x_j)``, its gradient with the whole Jacobian, the
loss by picking the true class, and a network's gradient with softmax and loss taken together.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Parameters = Sequence[tuple[Array, Array]]


def full(x: Array, W: Array, b: Array) -> Array:
    """Return ``y_ko = sum_i x_ki W_oi + b_o``.

    Parameters
    ----------
    x, W, b : ndarray
        Of shapes ``(n_b, n_i)``, ``(n_o, n_i)`` and ``(n_o,)``.

    Returns
    -------
    ndarray of shape (n_b, n_o)
    """
    y: Array = np.einsum("ki,oi->ko", x, W) + b[None, :]
    return y


def full_gradients(x: Array, W: Array, y_grad: Array) -> tuple[Array, Array, Array]:
    """Return the gradients with respect to the input, the weights and the bias.

    Parameters
    ----------
    x, W, y_grad : ndarray
        Of shapes ``(n_b, n_i)``, ``(n_o, n_i)`` and ``(n_b, n_o)``.

    Returns
    -------
    tuple of ndarray
        Of shapes ``(n_b, n_i)``, ``(n_o, n_i)`` and ``(n_o,)``.
    """
    return (
        np.einsum("ko,oi->ki", y_grad, W),
        np.einsum("ko,ki->oi", y_grad, x),
        np.einsum("ko->o", y_grad),
    )


def relu(x: Array) -> Array:
    """Return ``x`` where it is positive and 0 elsewhere."""
    return np.where(x > 0, x, 0.0)


def relu_gradient(x: Array, y_grad: Array) -> Array:
    """Return ``y_grad`` where ``x`` is positive and 0 elsewhere, at 0 too."""
    return np.where(x > 0, y_grad, 0.0)


def softmax(x: Array) -> Array:
    """Return ``z_ij = 1 / sum_k exp(x_ik - x_ij)``, which needs no stabilising.

    A difference too large for ``exp`` gives infinity, and its reciprocal the right zero.

    Parameters
    ----------
    x : ndarray of shape (n_b, n_f)

    Returns
    -------
    ndarray of shape (n_b, n_f)
    """
    with np.errstate(over="ignore"):
        z: Array = 1.0 / np.exp(x[:, :, None] - x[:, None, :]).sum(axis=1)
    return z


def softmax_gradient(x: Array, y_grad: Array) -> Array:
    """Return ``y_grad J`` row by row, with the Jacobian ``J = diag(z) - z^T z`` written out.

    Parameters
    ----------
    x, y_grad : ndarray of shape (n_b, n_f)

    Returns
    -------
    ndarray of shape (n_b, n_f)
    """
    z = softmax(x)
    diagonals = np.einsum("kj,ij->kij", z, np.eye(z.shape[1]))
    jacobians = diagonals - np.einsum("ki,kj->kij", z, z)
    x_grad: Array = np.einsum("ki,kij->kj", y_grad, jacobians)
    return x_grad


def cross_entropy(z: Array, t: Array) -> float:
    """Return ``-(1/n_b) sum_k log z_k,true(k)`` for one-hot ``t``.

    Parameters
    ----------
    z, t : ndarray of shape (n_b, n_f)
    """
    true_class = np.argmax(t, axis=1)
    return float(-np.log(z[np.arange(len(z)), true_class]).sum() / len(z))


def cross_entropy_gradient(z: Array, t: Array) -> Array:
    """Return the gradient of the loss: ``-1 / (n_b z)`` at the true class, 0 elsewhere.

    Parameters
    ----------
    z, t : ndarray of shape (n_b, n_f)

    Returns
    -------
    ndarray of shape (n_b, n_f)
    """
    rows, true_class = np.arange(len(z)), np.argmax(t, axis=1)
    gradient = np.zeros(z.shape)
    gradient[rows, true_class] = -1.0 / (len(z) * z[rows, true_class])
    return gradient


def network(parameters: Parameters, x: Array) -> Array:
    """Return the probabilities of a network: full layers, ReLU between them, softmax last.

    Parameters
    ----------
    parameters : sequence of (W, b)
        One pair for each full layer; none at all makes the network a softmax alone.
    x : ndarray of shape (n_b, n_f)

    Returns
    -------
    ndarray of shape (n_b, n_classes)
    """
    return softmax(_logits(parameters, x)[-1])


def network_gradients(parameters: Parameters, x: Array, t: Array) -> list[tuple[Array, Array]]:
    """Return the gradients of the mean cross entropy with respect to each ``(W, b)``.

    Softmax and cross entropy together have the gradient ``(z - t) / n_b`` at the logits.

    Parameters
    ----------
    parameters : sequence of (W, b)
    x : ndarray of shape (n_b, n_f)
    t : ndarray of shape (n_b, n_classes)

    Returns
    -------
    list of (W_grad, b_grad)
        In the order of `parameters`.
    """
    sums = _logits(parameters, x)
    gradient = (softmax(sums[-1]) - t) / len(x)
    found: list[tuple[Array, Array]] = []
    for index in reversed(range(len(parameters))):
        layer_input = relu(sums[index]) if index else sums[0]
        gradient, W_grad, b_grad = full_gradients(layer_input, parameters[index][0], gradient)
        found.insert(0, (W_grad, b_grad))
        gradient = relu_gradient(sums[index], gradient)
    return found


def gradient_descent(
    parameters: Parameters, batches: Sequence[tuple[Array, Array]], rates: Sequence[float]
) -> list[tuple[Array, Array]]:
    """Return the parameters after one step of gradient descent for each batch.

    Parameters
    ----------
    parameters : sequence of (W, b)
    batches : sequence of (x, t)
    rates : sequence of float
        The learning rate of each step.

    Returns
    -------
    list of (W, b)
    """
    current = list(parameters)
    for (x, t), lr in zip(batches, rates, strict=True):
        gradients = network_gradients(current, x, t)
        current = [
            (W - lr * W_grad, b - lr * b_grad)
            for (W, b), (W_grad, b_grad) in zip(current, gradients, strict=True)
        ]
    return current


def linear_network_gradients(
    parameters: Parameters, x: Array, t: Array
) -> list[tuple[Array, Array]]:
    """Return the gradients of the mean cross entropy of full layers alone.

    Parameters
    ----------
    parameters : sequence of (W, b)
        Such that all outputs are positive.
    x : ndarray of shape (n_b, n_f)
    t : ndarray of shape (n_b, n_classes)

    Returns
    -------
    list of (W_grad, b_grad)
        In the order of `parameters`.
    """
    values = [x]
    for W, b in parameters:
        values.append(full(values[-1], W, b))
    gradient = cross_entropy_gradient(values[-1], t)
    found: list[tuple[Array, Array]] = []
    for (W, _), layer_input in reversed(list(zip(parameters, values[:-1], strict=True))):
        gradient, W_grad, b_grad = full_gradients(layer_input, W, gradient)
        found.insert(0, (W_grad, b_grad))
    return found


def _logits(parameters: Parameters, x: Array) -> list[Array]:
    """Return the input and then every full layer's sums, before ReLU."""
    sums = [x]
    for index, (W, b) in enumerate(parameters):
        sums.append(full(relu(sums[-1]) if index else x, W, b))
    return sums
