"""The ReLU layer: what is positive passes, everything else becomes 0."""

import numpy as np


class ReluLayer:
    """A layer of rectified linear units, applied to every element by itself.

    See HANDOUT.md, section 4, "The ReLU layer".

    Attributes
    ----------
    y : ndarray, shape of the input
        Output of the last `forward`, which `backward` needs.
    """

    y: np.ndarray

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Compute ``y = max(x, 0)`` and keep `y` for `backward`.

        Parameters
        ----------
        x : ndarray of float or int, shape (n_b, n_f)
            One sample a row.

        Returns
        -------
        y : ndarray of the dtype and shape of `x`
        """
        # BEGIN SOLUTION
        self.y = np.maximum(x, 0)
        return self.y
        # END SOLUTION

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        """Return the gradient of the input: ``dx = dy`` where ``y > 0``, and 0 elsewhere.

        ReLU has no derivative at 0; this lab takes 0 there.

        Parameters
        ----------
        y_grad : ndarray of float or int, shape (n_b, n_f)
            Gradient of the loss with respect to the output of the last `forward`.

        Returns
        -------
        x_grad : ndarray of float, shape (n_b, n_f)
            Gradient of the loss with respect to the input of the last `forward`.
        """
        # BEGIN SOLUTION
        return np.where(self.y > 0, y_grad, 0.0)
        # END SOLUTION

    def update_param(self, lr: float) -> None:
        """Do nothing: a ReLU layer has no parameters.

        Parameters
        ----------
        lr : float
            Learning rate, not used.
        """
        # BEGIN SOLUTION
        # Nothing to learn here. The method exists so that a network can treat all layers alike.
        # END SOLUTION
