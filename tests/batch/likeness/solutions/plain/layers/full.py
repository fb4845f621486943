import numpy as np


class FullLayer:
    def __init__(self, n_i: int, n_o: int) -> None:
        self.W = np.random.randn(n_o, n_i) * np.sqrt(2 / (n_i + n_o))
        self.b = np.zeros((1, n_o))
        self.x = None
        self.W_grad = None
        self.b_grad = None

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        return np.dot(x, self.W.T) + self.b

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        self.W_grad = np.dot(y_grad.T, self.x)
        self.b_grad = np.sum(y_grad, axis=0).reshape(1, -1)
        return np.dot(y_grad, self.W)

    def update_param(self, lr: float) -> None:
        self.W = self.W - lr * self.W_grad
        self.b = self.b - lr * self.b_grad
