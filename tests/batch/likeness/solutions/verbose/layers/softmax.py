import numpy as np


class SoftMaxLayer:
    def __init__(self) -> None:
        self.y = None

    def forward(self, x: np.ndarray) -> np.ndarray:
        maximum = np.max(x)
        numerator = np.exp(x - maximum)
        denominator = np.sum(numerator, axis=1)
        denominator = denominator[:, np.newaxis]
        self.y = numerator / denominator
        return self.y

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        number_of_samples = self.y.shape[0]
        gradients = []
        for sample in range(number_of_samples):
            y = self.y[sample]
            jacobian = np.diag(y) - np.outer(y, y)
            gradient = np.matmul(jacobian, y_grad[sample])
            gradients.append(gradient)
        x_grad = np.stack(gradients)
        return x_grad

    def update_param(self, lr: float) -> None:
        pass  # no parameters
