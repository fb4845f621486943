import numpy as np


class ReluLayer:
    def __init__(self) -> None:
        self.y = None

    def forward(self, x: np.ndarray) -> np.ndarray:
        zeros = np.zeros(x.shape)
        self.y = np.maximum(x, zeros)
        output = self.y
        return output

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        derivative = np.zeros(self.y.shape)
        derivative[self.y > 0] = 1
        x_grad = derivative * y_grad
        return x_grad

    def update_param(self, lr: float) -> None:
        pass  # no parameters
