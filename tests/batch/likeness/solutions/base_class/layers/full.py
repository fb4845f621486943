import numpy as np

from .base import Layer, Parameter


class FullLayer(Layer):
    def __init__(self, n_i: int, n_o: int) -> None:
        super().__init__()
        scale = np.sqrt(2.0 / float(n_i + n_o))
        self.weight = self.add(Parameter(np.random.normal(size=(n_o, n_i)) * scale))
        self.bias = self.add(Parameter(np.zeros((1, n_o))))

    W = property(lambda self: self.weight.value, lambda self, v: self.weight.set(v))
    b = property(lambda self: self.bias.value, lambda self, v: self.bias.set(v))
    W_grad = property(lambda self: self.weight.grad)
    b_grad = property(lambda self: self.bias.grad)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        y = x.dot(self.weight.value.transpose())
        y += self.bias.value
        return y

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        self.weight.grad = y_grad.transpose().dot(self.x)
        self.bias.grad = y_grad.sum(axis=0, keepdims=True)
        return y_grad.dot(self.weight.value)
