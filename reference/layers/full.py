"""The full layer: every output is a weighted sum of all inputs, plus a bias."""

import numpy as np


class FullLayer:
    """A full layer (also called dense, linear or fully connected).

    See HANDOUT.md, section 3, "The full layer".

    The weights start from Glorot's normal distribution, with mean 0 and standard deviation
    ``sqrt(2 / (n_i + n_o))``, drawn from numpy's global generator; the biases start at 0.

    Parameters
    ----------
    n_i : int
        Number of inputs.
    n_o : int
        Number of outputs.

    Attributes
    ----------
    W : ndarray of float64, shape (n_o, n_i)
        Weights: row k holds the weights of output k.
    b : ndarray of float64, shape (1, n_o)
        Biases.
    x : ndarray of float64, shape (n_b, n_i)
        Input of the last `forward`, which `backward` needs.
    W_grad : ndarray of float64, shape (n_o, n_i)
        Gradient of the loss with respect to `W`, from the last `backward`.
    b_grad : ndarray, shape (1, n_o)
        Gradient of the loss with respect to `b`, from the last `backward`.
    """

    W: np.ndarray
    b: np.ndarray
    x: np.ndarray
    W_grad: np.ndarray
    b_grad: np.ndarray

    def __init__(self, n_i: int, n_o: int) -> None:
        # BEGIN SOLUTION
        # The global generator, so that the seed given to cifar100 settles the whole experiment.
        self.W = np.random.normal(0.0, np.sqrt(2.0 / (n_i + n_o)), size=(n_o, n_i))
        self.b = np.zeros((1, n_o))
        # END SOLUTION

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Compute ``y = x W^T + b`` for every row of a batch, and keep `x` for `backward`.

        Parameters
        ----------
        x : ndarray of float or int, shape (n_b, n_i)
            One sample a row.

        Returns
        -------
        y : ndarray of float64, shape (n_b, n_o)
        """
        # BEGIN SOLUTION
        self.x = np.asarray(x, dtype=np.float64)
        y: np.ndarray = self.x @ self.W.T + self.b
        return y
        # END SOLUTION

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        """Store the gradients of the parameters and return the gradient of the input.

        ``dW = dy^T x``, ``db = sum_i dy_i`` over the rows i of the batch, ``dx = dy W``. The
        parameters stay as they are: changing them is the work of `update_param`.

        Parameters
        ----------
        y_grad : ndarray of float or int, shape (n_b, n_o)
            Gradient of the loss with respect to the output of the last `forward`.

        Returns
        -------
        x_grad : ndarray of float64, shape (n_b, n_i)
            Gradient of the loss with respect to the input of the last `forward`.
        """
        # BEGIN SOLUTION
        self.W_grad = y_grad.T @ self.x
        self.b_grad = np.sum(y_grad, axis=0, keepdims=True)
        x_grad: np.ndarray = y_grad @ self.W
        return x_grad
        # END SOLUTION

    def update_param(self, lr: float) -> None:
        """Take one step of gradient descent: ``W <- W - lr dW`` and ``b <- b - lr db``.

        Parameters
        ----------
        lr : float
            Learning rate.
        """
        # BEGIN SOLUTION
        # In place: W is by far the largest array here, and a new one for every batch costs time.
        self.W -= lr * self.W_grad
        self.b -= lr * self.b_grad
        # END SOLUTION
