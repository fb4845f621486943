"""Layers and a loss of the siblings' own, which note down what a Sequential does with them.

They are not the lab's layers, and simpler: a trained layer writes its input twice side by side,
then scales and shifts every column; a fixed one scales every column and adds the right half to the
left. So no two neighbours have the same width, and what is wired up wrongly does not fit. They pass
for the lab's classes in ``isinstance``, because a Sequential may ask which layers have parameters.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

Parameters = list[tuple[np.ndarray, np.ndarray | None]]
"""Scale and shift of each layer, both of shape (1, columns); a fixed layer has no shift."""


@dataclass(frozen=True)
class Call:
    """One call: the method, the layer's place in the network (the loss comes last), and with what.

    Forward is called with `x`, and the loss's with `t` beside it.
    """

    method: str
    place: int
    given: np.ndarray
    t: np.ndarray


NOTHING = np.empty(0)


def doubled(values: np.ndarray) -> np.ndarray:
    """Write the columns twice, side by side."""
    return np.hstack([values, values])


def folded(values: np.ndarray) -> np.ndarray:
    """Add the right half of the columns to the left half."""
    left, right = np.split(np.asarray(values), 2, axis=1)
    return left + right


class Watched:
    """What all of them share."""

    poses_as: ClassVar[str]

    def __init__(self, place: int, journal: list[Call]) -> None:
        self.place = place
        self.journal = journal

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """Your class of that name, where your code runs in the same process as the test."""
        named = getattr(sys.modules.get("layers"), self.poses_as, None)
        return named if isinstance(named, type) else type(self)

    def note(self, method: str, given: Any = NOTHING, t: Any = NOTHING) -> None:
        """Write a call down."""
        self.journal.append(Call(method, self.place, np.array(given), np.array(t)))

    def update_param(self, lr: float) -> None:
        """Note the call; there is nothing to learn."""
        self.note("update", lr)

    def update_params(self, lr: float) -> None:
        """Answer to the handout's other spelling."""
        self.update_param(lr)


class Fixed(Watched):
    """A layer without parameters: ``y = folded(x * scale)``."""

    poses_as = "ReluLayer"

    def __init__(self, place: int, journal: list[Call], scale: np.ndarray) -> None:
        super().__init__(place, journal)
        self.scale = scale

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Scale and fold."""
        self.note("forward", x)
        return folded(x * self.scale)

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        """Return the gradient of the input."""
        self.note("backward", y_grad)
        return doubled(y_grad) * self.scale


class Last(Fixed):
    """The same, in the softmax's place."""

    poses_as = "SoftMaxLayer"


class Trained(Watched):
    """A layer with parameters: ``y = doubled(x) * W + b``, with W and b of shape (1, 2 n_f)."""

    poses_as = "FullLayer"

    def __init__(self, place: int, journal: list[Call], W: np.ndarray, b: np.ndarray) -> None:
        super().__init__(place, journal)
        self.W, self.b = W, b
        self.x: np.ndarray | None = None
        self.W_grad: np.ndarray | None = None
        self.b_grad: np.ndarray | None = None

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Double, scale and shift."""
        self.note("forward", x)
        self.x = np.array(x)
        return doubled(self.x) * self.W + self.b

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        """Keep the gradients of W and b, and return the input's."""
        self.note("backward", y_grad)
        if self.x is None:
            raise AssertionError("The backward of a layer was called before its forward.")
        self.W_grad = np.sum(y_grad * doubled(self.x), axis=0, keepdims=True)
        self.b_grad = np.sum(y_grad, axis=0, keepdims=True)
        return folded(y_grad * self.W)

    def update_param(self, lr: float) -> None:
        """Take one step of gradient descent."""
        self.note("update", lr)
        if self.W_grad is None or self.b_grad is None:
            raise AssertionError("A layer was updated before its backward.")
        self.W = self.W - lr * self.W_grad
        self.b = self.b - lr * self.b_grad


class Loss(Watched):
    """A loss: the average over the samples of the sum of ``10 (x^2 - t x + 2 t^2)``."""

    poses_as = "CrossEntropyLayer"

    def __init__(self, place: int, journal: list[Call]) -> None:
        super().__init__(place, journal)
        self.x: np.ndarray | None = None
        self.t: np.ndarray | None = None

    def forward(self, x: np.ndarray, t: np.ndarray) -> np.float64:
        """Return the loss."""
        self.note("forward", x, t)
        self.x, self.t = np.array(x), np.array(t)
        return loss_of(self.x, self.t)

    def backward(self, y_grad: Any = None) -> np.ndarray:
        """Return the gradient of the network's output; `y_grad` is ignored."""
        self.note("backward")
        if self.x is None or self.t is None:
            raise AssertionError("The backward of the loss was called before its forward.")
        return loss_gradient(self.x, self.t)


def loss_of(x: np.ndarray, t: np.ndarray) -> np.float64:
    """Return the loss of a network's output."""
    return np.float64(10.0 * np.sum(x**2 - t * x + 2.0 * t**2) / len(x))


def loss_gradient(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return the loss's gradient with respect to a network's output."""
    return 10.0 * (2.0 * x - t) / len(x)


@dataclass(frozen=True)
class Network:
    """Watched layers to put into a Sequential, with what they start from.

    Attributes
    ----------
    layers : list
        A trained layer, then fixed and trained ones in turn, and a fixed one in softmax's place;
        or trained ones alone.
    loss : Loss
    journal : list of Call
        All calls, in order.
    start : list of (scale, shift)
        What each layer starts from.
    """

    layers: list[Any]
    loss: Loss
    journal: list[Call]
    start: Parameters

    @property
    def trained(self) -> list[Trained]:
        """The layers with parameters."""
        return [layer for layer in self.layers if type(layer) is Trained]


def draw_network(rng: np.random.Generator, trained: int, n_f: int) -> Network:
    """Draw a network with so many trained layers; none makes it a single fixed one.

    Its output has `n_f` columns and so has its input, but a single fixed layer takes twice as many.
    """
    journal: list[Call] = []
    layers: list[Any] = []
    start: Parameters = []
    depth, columns = max(2 * trained, 1), (1, 2 * n_f)
    for place in range(depth):
        scale = rng.uniform(0.4, 0.9, size=columns) * rng.choice([-1.0, 1.0], size=columns)
        shift = None
        if trained > 0 and place % 2 == 0:
            shift = rng.normal(size=columns)
            layers.append(Trained(place, journal, scale.copy(), shift.copy()))
        else:
            layers.append((Last if place == depth - 1 else Fixed)(place, journal, scale))
        start.append((scale, shift))
    return Network(layers, Loss(len(layers), journal), journal, start)


def draw_trained_network(rng: np.random.Generator, trained: int, n_f: int) -> Network:
    """Draw a network of trained layers alone; each has twice as many columns as the one before."""
    journal: list[Call] = []
    start: Parameters = []
    for place in range(trained):
        columns = (1, 2 ** (place + 1) * n_f)
        scale = rng.uniform(0.4, 0.9, size=columns) * rng.choice([-1.0, 1.0], size=columns)
        start.append((scale, rng.normal(size=columns)))
    layers = [Trained(place, journal, W, b) for place, (W, b) in enumerate(start)]
    return Network(layers, Loss(trained, journal), journal, start)


def values_between(parameters: Parameters, x: np.ndarray) -> list[np.ndarray]:
    """Return the input and then what each layer makes of it; the last is the network's output."""
    values = [x]
    for scale, shift in parameters:
        fixed = shift is None
        values.append(folded(values[-1] * scale) if fixed else doubled(values[-1]) * scale + shift)
    return values


def gradients_between(parameters: Parameters, x: np.ndarray, t: np.ndarray) -> list[np.ndarray]:
    """Return for each layer the gradient of its output."""
    gradients = [loss_gradient(values_between(parameters, x)[-1], t)]
    for scale, shift in parameters[:0:-1]:
        later = gradients[0]
        gradients.insert(0, doubled(later) * scale if shift is None else folded(later * scale))
    return gradients


def after_descent(
    network: Network, batches: Sequence[tuple[np.ndarray, np.ndarray]], rates: Sequence[float]
) -> Parameters:
    """Return scale and shift of the trained layers after one step for each batch."""
    parameters = list(network.start)
    places = [layer.place for layer in network.trained]
    for (x, t), lr in zip(batches, rates, strict=True):
        values, gradients = values_between(parameters, x), gradients_between(parameters, x, t)
        for place in places:
            W, b = parameters[place]
            parameters[place] = (
                W - lr * np.sum(gradients[place] * doubled(values[place]), axis=0),
                b - lr * np.sum(gradients[place], axis=0),
            )
    return [parameters[place] for place in places]


@dataclass
class Step:
    """One training step: it begins with the loss's backward.

    Attributes
    ----------
    x, t : ndarray
        The rows that the first layer and the labels that the loss got last before it.
    missing : list of int
        Places that had no forward since the last update, the loss's among them.
    backward : list of int
        Places of the layers, in the order of their backward.
    updates : list of (int, float)
        Trained layers' places and the rates they were updated with.
    too_early : list of int
        Those that were updated before their backward.
    """

    x: np.ndarray
    t: np.ndarray
    missing: list[int]
    backward: list[int] = field(default_factory=list)
    updates: list[tuple[int, float]] = field(default_factory=list)
    too_early: list[int] = field(default_factory=list)


def training_steps(network: Network) -> list[Step]:
    """Read a training's steps from the journal; forwards in between, to watch it, are no steps."""
    loss, trained = len(network.layers), {layer.place for layer in network.trained}
    steps: list[Step] = []
    x = t = NOTHING
    forward: set[int] = set()
    for call in network.journal:
        if call.method == "forward":
            forward.add(call.place)
            x = call.given if call.place == 0 else x
            t = call.t if call.place == loss else t
        elif call.method == "backward" and call.place == loss:
            steps.append(Step(x, t, [place for place in range(loss + 1) if place not in forward]))
        elif call.method == "backward" and steps:
            steps[-1].backward.append(call.place)
        elif call.method == "update" and call.place in trained:
            forward.clear()
            if not steps:
                raise AssertionError("A layer was updated before the loss's first backward.")
            if call.place not in steps[-1].backward:
                steps[-1].too_early.append(call.place)
            steps[-1].updates.append((call.place, float(call.given)))
    return steps
