import numpy as np


class ReluLayer:
    def __init__(self):
        self.mask = None

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.mask = x > 0
        out = x.copy()
        out[~self.mask] = 0
        self.y = out
        return out

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        gradient = np.array(y_grad, dtype=float)
        for i in range(gradient.shape[0]):
            for j in range(gradient.shape[1]):
                if not self.mask[i, j]:
                    gradient[i, j] = 0.0
        return gradient

    def update_param(self, lr: float) -> None:
        return None
