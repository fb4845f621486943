"""The guard lets through what the handout allows, and names what it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from grader.suite.handout_guard import NotInTheHandoutError, guarded


class FullLayer:
    """As a solution has it, as far as shapes go."""

    def __init__(self, n_i: int, n_o: int) -> None:
        self.W = np.ones((n_o, n_i))
        self.b = np.zeros((1, n_o))

    def forward(self, x: Any) -> Any:
        return np.ones((len(x), self.W.shape[0]))

    def backward(self, y_grad: Any) -> Any:
        return np.ones((len(y_grad), self.W.shape[1]))

    def update_param(self, lr: float) -> None:
        pass


class ReluLayer:
    """Passes on what it gets."""

    def forward(self, x: Any) -> Any:
        return x

    def backward(self, y_grad: Any) -> Any:
        return y_grad

    def update_param(self, lr: float) -> None:
        pass


class CrossEntropyLayer:
    """Gives any loss."""

    def forward(self, x: Any, t: Any) -> float:
        return 1.0


class Sequential:
    """A network that does nothing."""

    def __init__(self, layers: Any, loss: Any) -> None:
        pass

    def forward(self, x: Any, target: Any = None) -> Any:
        return x

    def update_param(self, lr: float) -> None:
        pass

    def fit(self, x: Any, y: Any, epochs: int = 1, lr: float = 0.1, batch_size: int = 2) -> None:
        pass

    def predict(self, x: Any) -> Any:
        return x


Full, Relu, Loss, Net = (guarded(c) for c in (FullLayer, ReluLayer, CrossEntropyLayer, Sequential))
X = np.ones((4, 3))


def set_to(name: str, value: Any) -> Any:
    layer = Full(3, 2)
    setattr(layer, name, value)
    return layer


def after_forward(layer: Any) -> Any:
    layer.forward(X)
    return layer


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda: Full(0, 2), "n_i is 0"),
        (lambda: Full(3, 2).forward(np.ones((4, 5))), "takes 3 features"),
        (lambda: Full(3, 2).forward(np.ones(3)), "x has shape (3,)"),
        (lambda: Full(3, 2).forward(np.ones((0, 3))), "both at least 1"),
        (lambda: Full(3, 2).forward(X.astype(str)), "real numbers"),
        (lambda: set_to("W", np.ones((3, 2))).forward(X), "W is (2, 3)"),
        (lambda: set_to("b", np.ones(3)).forward(X), "b is (1, 2)"),
        (lambda: after_forward(Full(3, 2)).backward(X), "the last output has (4, 2)"),
        (lambda: after_forward(Relu()).backward(X[:1]), "the last output has (4, 3)"),
        (lambda: Relu().update_param(np.inf), "finite"),
        (lambda: Loss().forward(np.full((2, 2), 0.5), np.eye(2)[:1]), "they are alike"),
        (lambda: Loss().forward(np.eye(2), np.eye(2)), "probabilities, above 0"),
        (lambda: Loss().forward(np.full((1, 2), 0.5), np.full((1, 2), 0.5)), "not one-hot"),
        (lambda: Net([], None), "no layer"),
        (lambda: Net([1], None).fit(X, np.eye(3)), "4 rows and the labels 3"),
        (lambda: Net([1], None).forward(X, target=np.eye(3)), "4 rows and the labels 3"),
        (lambda: Net([1], None).fit(X, X, batch_size=0), "batch_size is 0"),
    ],
)
def test_what_the_handout_does_not_allow_is_named(use: Callable[[], Any], said: str) -> None:
    with pytest.raises(NotInTheHandoutError) as caught:
        use()
    assert said in str(caught.value)


def test_what_the_handout_allows_passes() -> None:
    layer = set_to("b", np.ones(2))
    layer.W = np.zeros((2, 3))
    layer.forward(np.ones((1, 3), np.uint8))
    layer.backward(np.ones((1, 2)))
    after_forward(layer).backward(np.ones((4, 2)))
    layer.update_param(0.1)
    Loss().forward(np.full((2, 2), 0.5), np.eye(2, dtype=int))
    Net([1], None).fit(X, np.eye(4), epochs=1)
    assert Net([1], None).forward(X) is X
