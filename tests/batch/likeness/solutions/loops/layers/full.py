import math

import numpy as np


class FullLayer:
    def __init__(self, n_i: int, n_o: int) -> None:
        std = math.sqrt(2.0) / math.sqrt(n_i + n_o)
        self.W = np.random.normal(loc=0.0, scale=std, size=(n_o, n_i))
        self.b = np.zeros(shape=(1, n_o))

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = np.array(x)
        rows = []
        for sample in self.x:
            rows.append(self.W.dot(sample) + self.b[0])
        return np.array(rows)

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        n_b = len(y_grad)
        self.W_grad = np.zeros(self.W.shape)
        self.b_grad = np.zeros(self.b.shape)
        result = []
        for k in range(n_b):
            self.W_grad += np.outer(y_grad[k], self.x[k])
            self.b_grad[0] += y_grad[k]
            result.append(self.W.T.dot(y_grad[k]))
        return np.array(result)

    def update_param(self, lr: float) -> None:
        self.W += -lr * self.W_grad
        self.b += -lr * self.b_grad
