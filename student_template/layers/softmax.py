"""The softmax layer: it turns each row of scores into a row of probabilities."""

import numpy as np


class SoftMaxLayer:
    """A softmax over the features of each sample.

    See HANDOUT.md, section 5, "The softmax layer".

    Attributes
    ----------
    y : ndarray of float64, shape (n_b, n_f)
        Output of the last `forward`, which `backward` needs.
    """

    y: np.ndarray

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Compute ``y_ij = exp(x_ij - m_i) / sum_k exp(x_ik - m_i)`` with ``m_i = max_k x_ik``.

        Subtracting the maximum changes nothing in exact arithmetic, and keeps exp from
        overflowing in floating point.

        Parameters
        ----------
        x : ndarray of float or int, shape (n_b, n_f)
            One sample a row.

        Returns
        -------
        y : ndarray of float64, shape (n_b, n_f)
            Each row is positive and sums to 1.
        """
        raise NotImplementedError(
            "layers/softmax.py: SoftMaxLayer.forward is yours to write; "
            "see HANDOUT.md, section 5, 'The softmax layer'"
        )

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        """Return the gradient of the input: ``dx = dy J`` for each row.

        The Jacobian of a row z of the output is ``J = diag(z) - z^T z``.

        Parameters
        ----------
        y_grad : ndarray of float or int, shape (n_b, n_f)
            Gradient of the loss with respect to the output of the last `forward`.

        Returns
        -------
        x_grad : ndarray of float64, shape (n_b, n_f)
            Gradient of the loss with respect to the input of the last `forward`.
        """
        raise NotImplementedError(
            "layers/softmax.py: SoftMaxLayer.backward is yours to write; "
            "see HANDOUT.md, section 5, 'The softmax layer'"
        )

    def update_param(self, lr: float) -> None:
        """Do nothing: a softmax layer has no parameters.

        Parameters
        ----------
        lr : float
            Learning rate, not used.
        """
        raise NotImplementedError(
            "layers/softmax.py: SoftMaxLayer.update_param is yours to write; "
            "see HANDOUT.md, section 5, 'The softmax layer'"
        )
