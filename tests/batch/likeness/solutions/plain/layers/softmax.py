import numpy as np


class SoftMaxLayer:
    def forward(self, x: np.ndarray) -> np.ndarray:
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        self.y = e / np.sum(e, axis=1, keepdims=True)
        return self.y

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        x_grad = np.zeros_like(y_grad)
        for i in range(self.y.shape[0]):
            z = self.y[i].reshape(-1, 1)
            jacobian = np.diagflat(z) - np.dot(z, z.T)
            x_grad[i] = np.dot(y_grad[i], jacobian)
        return x_grad

    def update_param(self, lr: float) -> None:
        pass
