import numpy as np


def rectify(x):
    return (np.abs(x) + x) / 2


class ReluLayer:
    y: np.ndarray

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.y = rectify(x)
        return self.y

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        return np.heaviside(self.y, 0.0) * y_grad

    def update_param(self, lr: float) -> None:
        del lr
