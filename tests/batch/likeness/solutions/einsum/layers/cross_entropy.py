import numpy as np


class CrossEntropyLayer:
    def forward(self, x: np.ndarray, t: np.ndarray) -> float:
        assert x.shape == t.shape
        self.x, self.t = x, t
        self.n_b = x.shape[0]
        return float(-np.einsum("bi,bi->", t, np.log(x)) / self.n_b)

    def backward(self, y_grad: np.ndarray | None = None) -> np.ndarray:
        outer = 1.0 if y_grad is None else y_grad
        return outer * np.divide(self.t, self.x) * (-1.0 / self.n_b)
