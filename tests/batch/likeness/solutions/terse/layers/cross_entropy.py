import numpy as np


class CrossEntropyLayer:
    def forward(self, x: np.ndarray, t: np.ndarray) -> float:
        self.x, self.t = x, t
        return -(t * np.log(x)).sum(1).mean()

    def backward(self, y_grad: np.ndarray | None = None) -> np.ndarray:
        return -self.t / (self.x * len(self.x))
