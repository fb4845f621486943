import numpy as np


class FullLayer:
    def __init__(self, n_i: int, n_o: int) -> None:
        self.number_of_inputs = n_i
        self.number_of_outputs = n_o
        mean = 0
        variance = 2 / (self.number_of_inputs + self.number_of_outputs)
        standard_deviation = np.sqrt(variance)
        shape = (self.number_of_outputs, self.number_of_inputs)
        self.W = np.random.normal(mean, standard_deviation, shape)
        self.b = np.zeros([1, self.number_of_outputs])
        self.x = None
        self.W_grad = None
        self.b_grad = None

    def forward(self, x: np.ndarray) -> np.ndarray:
        # remember the input for the backward pass
        self.x = x
        weights_transposed = np.transpose(self.W)
        product = np.matmul(self.x, weights_transposed)
        output = np.add(product, self.b)
        return output

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        # gradient of the input
        x_grad = np.matmul(y_grad, self.W)
        # gradient of the weights
        y_grad_transposed = np.transpose(y_grad)
        self.W_grad = np.matmul(y_grad_transposed, self.x)
        # gradient of the bias
        ones = np.ones((1, y_grad.shape[0]))
        self.b_grad = np.matmul(ones, y_grad)
        return x_grad

    def update_param(self, lr: float) -> None:
        weight_change = lr * self.W_grad
        bias_change = lr * self.b_grad
        self.W = np.subtract(self.W, weight_change)
        self.b = np.subtract(self.b, bias_change)
