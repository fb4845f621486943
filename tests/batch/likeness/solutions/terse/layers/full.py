import numpy as np


class FullLayer:
    def __init__(self, n_i: int, n_o: int) -> None:
        self.W = np.random.normal(0, np.sqrt(2 / (n_i + n_o)), (n_o, n_i))
        self.b = np.zeros((1, n_o))

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        return x @ self.W.T + self.b

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        self.W_grad, self.b_grad = y_grad.T @ self.x, y_grad.sum(0, keepdims=True)
        return y_grad @ self.W

    def update_param(self, lr: float) -> None:
        self.W -= lr * self.W_grad
        self.b -= lr * self.b_grad
