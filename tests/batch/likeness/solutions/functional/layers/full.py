from dataclasses import dataclass, field

import numpy as np


def affine(x, weights, bias):
    return np.tensordot(x, weights, axes=([1], [1])) + bias


def affine_gradients(upstream, x, weights):
    with_respect_to_weights = np.tensordot(upstream, x, axes=([0], [0]))
    with_respect_to_bias = np.add.reduce(upstream, axis=0, keepdims=True)
    with_respect_to_input = np.tensordot(upstream, weights, axes=([1], [0]))
    return with_respect_to_input, with_respect_to_weights, with_respect_to_bias


@dataclass
class FullLayer:
    n_i: int
    n_o: int
    W: np.ndarray = field(init=False)
    b: np.ndarray = field(init=False)

    def __post_init__(self):
        variance = 2 / (self.n_i + self.n_o)
        self.W = np.random.default_rng().normal(scale=variance**0.5, size=(self.n_o, self.n_i))
        self.b = np.zeros((1, self.n_o))

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        return affine(x, self.W, self.b)

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        x_grad, self.W_grad, self.b_grad = affine_gradients(y_grad, self.x, self.W)
        return x_grad

    def update_param(self, lr: float) -> None:
        self.W, self.b = self.W - lr * self.W_grad, self.b - lr * self.b_grad
