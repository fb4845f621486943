import numpy as np


def normalise(rows):
    return (rows.T / rows.T.sum(axis=0)).T


def row_gradient(probabilities, upstream):
    mean = probabilities @ upstream
    return probabilities * (upstream - mean)


class SoftMaxLayer:
    y: np.ndarray

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.y = normalise(np.exp((x.T - x.max(axis=1)).T))
        return self.y

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        return np.array(list(map(row_gradient, self.y, y_grad)))

    def update_param(self, lr: float) -> None:
        del lr
