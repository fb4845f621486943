import numpy as np

from .base import Layer


class SoftMaxLayer(Layer):
    def forward(self, x: np.ndarray) -> np.ndarray:
        largest = np.amax(x, axis=1).reshape((-1, 1))
        log_sum = np.log(np.exp(x - largest).sum(axis=1)).reshape((-1, 1))
        self.y = np.exp(x - largest - log_sum)
        return self.y

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        weighted = self.y * y_grad
        return weighted - self.y * weighted.sum(axis=1).reshape((-1, 1))
