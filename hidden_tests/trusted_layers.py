"""Layers known to be right that record every call, to test a student's Sequential with.

They are handed to the student's ``Sequential`` as its layers and loss, so that a mistake in the
student's own layers costs its points once. They bear the names of the classes they stand for and
pass ``isinstance`` checks against the student's, because a Sequential may ask which layers have
parameters; and they answer to both of the handout's spellings.
"""

import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import expected_values
import numpy as np
from expected_values import Array

# The longest training here brings some thousands of numbers.
JOURNAL_LIMIT = 2_000_000


@dataclass(frozen=True)
class Call:
    """One call that student code made to a layer or to the loss.

    Attributes
    ----------
    place : int
        Index of the layer; the loss has the number of layers.
    method : str
        ``"forward"``, ``"backward"`` or ``"update_param"``.
    arguments : tuple
        Copies of the arguments.
    """

    place: int
    method: str
    arguments: tuple[Any, ...]


class Journal:
    """The calls made to the layers of one network, in order.

    Attributes
    ----------
    calls : list of Call
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._numbers = 0

    def note(self, place: int, method: str, *arguments: Any) -> None:
        """Write a call down with copies of its arguments.

        Raises
        ------
        RuntimeError
            If the calls together brought more than `JOURNAL_LIMIT` numbers. The journal lies in
            the grader's memory, which student code must not fill.
        """
        copies = tuple(np.array(value) for value in arguments)
        self._numbers += 10 + sum(copy.size for copy in copies)
        if self._numbers > JOURNAL_LIMIT:
            raise RuntimeError("the layers were called with far more data than the test holds")
        self.calls.append(Call(place, method, copies))

    def of(self, place: int, method: str) -> list[Call]:
        """Return the calls of one method of one layer, in order."""
        return [call for call in self.calls if (call.place, call.method) == (place, method)]


class _Recorded:
    """What all trusted layers share: their place in the network and who they pose as."""

    poses_as: ClassVar[str]

    def __init__(self, journal: Journal, place: int) -> None:
        self._journal = journal
        self._place = place

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The student's class of that name where it lives in this process, for ``isinstance``.

        Under the grader the student's process arranges this itself, and ``layers`` here is a
        package of proxies that was not read from a file: posing as a proxy would be wrong.
        """
        package = sys.modules.get("layers")
        if getattr(package, "__file__", None) is None:
            return type(self)
        named = getattr(package, self.poses_as, None)
        return named if isinstance(named, type) else type(self)

    def update_param(self, lr: float) -> None:
        """Note the call; a layer without parameters has nothing to update."""
        self._journal.note(self._place, "update_param", float(lr))

    def update_params(self, lr: float) -> None:
        """Do what `update_param` does, under the handout's other spelling."""
        self.update_param(lr)


class FullLayer(_Recorded):
    """A full layer with given parameters."""

    poses_as = "FullLayer"

    def __init__(self, journal: Journal, place: int, W: Array, b: Array) -> None:
        _Recorded.__init__(self, journal, place)
        self.W = W.copy()
        self.b = b.reshape(1, -1).copy()
        self.W_grad: Array | None = None
        self.b_grad: Array | None = None

    @property
    def w_grad(self) -> Array | None:
        """The weights' gradient under the handout's other spelling."""
        return self.W_grad

    def forward(self, x: Array) -> Array:
        """Return ``x W^T + b``."""
        self._journal.note(self._place, "forward", x)
        self.x = np.array(x)
        return expected_values.full(self.x, self.W, self.b[0])

    def backward(self, y_grad: Array) -> Array:
        """Keep the parameters' gradients and return the input's."""
        self._journal.note(self._place, "backward", y_grad)
        x_grad, self.W_grad, b_grad = expected_values.full_gradients(self.x, self.W, y_grad)
        self.b_grad = b_grad.reshape(1, -1)
        return x_grad

    def update_param(self, lr: float) -> None:
        """Move the parameters against their gradients."""
        lr = float(lr)
        self._journal.note(self._place, "update_param", lr)
        if self.W_grad is None or self.b_grad is None:
            raise RuntimeError("update_param was called before backward")
        self.W = self.W - lr * self.W_grad
        self.b = self.b - lr * self.b_grad


class ReluLayer(_Recorded):
    """A ReLU layer."""

    poses_as = "ReluLayer"

    def forward(self, x: Array) -> Array:
        """Return the positive part of `x`."""
        self._journal.note(self._place, "forward", x)
        self.y = expected_values.relu(np.array(x))
        return self.y.copy()

    def backward(self, y_grad: Array) -> Array:
        """Return `y_grad` where the input was positive."""
        self._journal.note(self._place, "backward", y_grad)
        return expected_values.relu_gradient(self.y, y_grad)


class SoftMaxLayer(_Recorded):
    """A softmax layer."""

    poses_as = "SoftMaxLayer"

    def forward(self, x: Array) -> Array:
        """Return each row's probabilities."""
        self._journal.note(self._place, "forward", x)
        # Not `expected_values.softmax`: its memory grows with the square of a width that is the
        # student's choice here.
        exponentials = np.exp(x - np.max(x, axis=1, keepdims=True))
        self.y: Array = exponentials / exponentials.sum(axis=1, keepdims=True)
        return np.array(self.y)

    def backward(self, y_grad: Array) -> Array:
        """Return `y_grad` times the Jacobian."""
        self._journal.note(self._place, "backward", y_grad)
        x_grad: Array = self.y * (y_grad - np.sum(y_grad * self.y, axis=1, keepdims=True))
        return x_grad


class CrossEntropyLayer(_Recorded):
    """The cross entropy loss."""

    poses_as = "CrossEntropyLayer"

    def forward(self, x: Array, t: Array) -> float:
        """Return the mean loss of the probabilities `x` for the targets `t`, as numpy's float."""
        self._journal.note(self._place, "forward", x, t)
        self.x = np.array(x)
        self.t = np.array(t)
        return np.float64(expected_values.cross_entropy(self.x, self.t))

    def backward(self, y_grad: Any = None) -> Array:
        """Return the gradient of the loss; `y_grad` is ignored, as in the handout."""
        self._journal.note(self._place, "backward")
        return expected_values.cross_entropy_gradient(self.x, self.t)


@dataclass(frozen=True)
class Network:
    """A network of trusted layers, to be put together by the student's Sequential.

    Attributes
    ----------
    layers : list
        Full layers with ReLU between them and softmax last, or full layers alone.
    loss : CrossEntropyLayer
    journal : Journal
        The calls to any of them.
    parameters : list of (W, b)
        What the full layers started from.
    """

    layers: list[Any]
    loss: CrossEntropyLayer
    journal: Journal
    parameters: list[tuple[Array, Array]]

    @property
    def full_layers(self) -> list[FullLayer]:
        """The layers that have parameters."""
        return [layer for layer in self.layers if type(layer) is FullLayer]

    @property
    def full_places(self) -> list[int]:
        """The places of the layers that have parameters."""
        return [place for place, layer in enumerate(self.layers) if type(layer) is FullLayer]


def trusted_network(rng: np.random.Generator, widths: list[int]) -> Network:
    """Make a network with random parameters.

    Parameters
    ----------
    rng : numpy.random.Generator
    widths : list of int
        Number of inputs, of each hidden layer's units and of classes. One width gives a softmax
        alone.

    Returns
    -------
    Network
    """
    journal = Journal()
    layers: list[Any] = []
    parameters = []
    for n_i, n_o in pairwise(widths):
        if layers:
            layers.append(ReluLayer(journal, len(layers)))
        # Positive biases keep enough units on for a gradient to reach the first of many layers.
        W, b = rng.normal(0.0, n_i**-0.5, (n_o, n_i)), rng.uniform(0.1, 0.9, n_o)
        parameters.append((W, b))
        layers.append(FullLayer(journal, len(layers), W, b))
    layers.append(SoftMaxLayer(journal, len(layers)))
    return Network(layers, CrossEntropyLayer(journal, len(layers)), journal, parameters)


def linear_network(parameters: list[tuple[Array, Array]]) -> Network:
    """Make a network of full layers alone, one right behind the other and one at the end.

    Parameters
    ----------
    parameters : list of (W, b)

    Returns
    -------
    Network
    """
    journal = Journal()
    layers = [FullLayer(journal, place, W, b) for place, (W, b) in enumerate(parameters)]
    return Network(layers, CrossEntropyLayer(journal, len(layers)), journal, parameters)
