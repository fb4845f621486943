import numpy as np


class ReluLayer:
    def forward(self, x: np.ndarray) -> np.ndarray:
        self.y = np.where(x > 0, x, 0.0)
        return self.y

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        assert y_grad.shape == self.y.shape
        return np.where(self.y > 0, y_grad, 0.0)

    def update_param(self, lr: float) -> None:
        """Nothing to learn."""
