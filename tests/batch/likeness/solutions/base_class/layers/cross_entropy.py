import numpy as np


class CrossEntropyLayer:
    def __init__(self):
        self.cache = {}

    x = property(lambda self: self.cache["x"])
    t = property(lambda self: self.cache["t"])

    def forward(self, x: np.ndarray, t: np.ndarray) -> float:
        self.cache.update(x=x, t=t)
        log_likelihood = np.log((x * t).sum(axis=1))
        return -log_likelihood.mean()

    def backward(self, y_grad: np.ndarray | None = None) -> np.ndarray:
        if y_grad is None:
            y_grad = 1.0
        n = self.t.shape[0]
        return -(y_grad / n) * (self.t / self.x)
