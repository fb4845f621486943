"""The cross-entropy loss: how far the predicted probabilities are from the right labels."""

import numpy as np


class CrossEntropyLayer:
    """The cross entropy between one-hot labels and predicted probabilities, averaged over a batch.

    See HANDOUT.md, section 6, "The cross-entropy loss".

    Attributes
    ----------
    x : ndarray of float64, shape (n_b, n_c)
        Probabilities given to the last `forward`, which `backward` needs.
    t : ndarray of float64, shape (n_b, n_c)
        Labels given to the last `forward`, which `backward` needs.
    """

    x: np.ndarray
    t: np.ndarray

    def forward(self, x: np.ndarray, t: np.ndarray) -> float:
        """Compute the average loss ``-(1/n_b) sum_ij t_ij log x_ij``, and keep `x` and `t`.

        Parameters
        ----------
        x : ndarray of float or int, shape (n_b, n_c)
            Predicted probabilities, positive: one sample a row, one class a column.
        t : ndarray of float or int, shape (n_b, n_c)
            The right labels, one-hot.

        Returns
        -------
        loss : float

        Notes
        -----
        A probability of exactly 0 makes the loss infinite or NaN, with a warning of numpy's. That
        is on purpose: it is how training with too large a learning rate shows that it diverged.
        """
        raise NotImplementedError(
            "layers/cross_entropy.py: CrossEntropyLayer.forward is yours to write; "
            "see HANDOUT.md, section 6, 'The cross-entropy loss'"
        )

    def backward(self, y_grad: np.ndarray | None = None) -> np.ndarray:
        """Return the gradient of the loss: ``dx_ij = -(1/n_b) t_ij / x_ij``.

        Parameters
        ----------
        y_grad : None
            Not used: nothing comes after the loss, so no gradient comes in from behind it.

        Returns
        -------
        x_grad : ndarray of float64, shape (n_b, n_c)
            Gradient of the loss with respect to the probabilities of the last `forward`.
        """
        raise NotImplementedError(
            "layers/cross_entropy.py: CrossEntropyLayer.backward is yours to write; "
            "see HANDOUT.md, section 6, 'The cross-entropy loss'"
        )

    def update_param(self, lr: float) -> None:
        """Do nothing: a loss has no parameters.

        Parameters
        ----------
        lr : float
            Learning rate, not used.
        """
        raise NotImplementedError(
            "layers/cross_entropy.py: CrossEntropyLayer.update_param is yours to write; "
            "see HANDOUT.md, section 6, 'The cross-entropy loss'"
        )
