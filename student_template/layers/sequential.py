"""A network of layers in a row: forward through all of them, backward in reverse, and training."""

from collections.abc import Sequence
from typing import Any

import numpy as np


class Sequential:
    """A network whose layers feed one another in order, with a loss at its end.

    See HANDOUT.md, section 7, "Sequential".

    Parameters
    ----------
    layers : sequence of layers
        Objects with ``forward(x)``, ``backward(y_grad)`` and ``update_param(lr)``, the input's
        layer first. A list or a tuple.
    loss : loss
        An object with ``forward(x, t)`` and ``backward()``.

    Attributes
    ----------
    layers : sequence of layers
        As given.
    loss : loss
        As given.
    """

    layers: Sequence[Any]
    loss: Any

    def __init__(self, layers: Sequence[Any], loss: Any) -> None:
        raise NotImplementedError(
            "layers/sequential.py: Sequential.__init__ is yours to write; "
            "see HANDOUT.md, section 7, 'Sequential'"
        )

    def forward(self, x: np.ndarray, target: np.ndarray | None = None) -> Any:
        """Send a batch through all layers, and through the loss if there is a target.

        Parameters
        ----------
        x : ndarray, shape (n_b, n_i)
            One sample a row.
        target : ndarray, shape (n_b, n_o), optional
            The right labels, one-hot.

        Returns
        -------
        ndarray, shape (n_b, n_o), or float
            Output of the last layer; with a `target`, the loss instead.
        """
        raise NotImplementedError(
            "layers/sequential.py: Sequential.forward is yours to write; "
            "see HANDOUT.md, section 7, 'Sequential'"
        )

    def backward(self) -> np.ndarray:
        """Send the gradient of the loss back through all layers, the last one first.

        Call it after a `forward` with a target. Afterwards each layer holds the gradients of its
        parameters.

        Returns
        -------
        x_grad : ndarray, shape (n_b, n_i)
            Gradient of the loss with respect to the network's input.
        """
        raise NotImplementedError(
            "layers/sequential.py: Sequential.backward is yours to write; "
            "see HANDOUT.md, section 7, 'Sequential'"
        )

    def update_param(self, lr: float) -> None:
        """Let every layer take one step of gradient descent.

        Parameters
        ----------
        lr : float
            Learning rate.
        """
        raise NotImplementedError(
            "layers/sequential.py: Sequential.update_param is yours to write; "
            "see HANDOUT.md, section 7, 'Sequential'"
        )

    def fit(
        self,
        x: np.ndarray,
        y: np.ndarray,
        epochs: int = 10,
        lr: float = 0.1,
        batch_size: int = 128,
    ) -> list[float]:
        """Train the network with mini-batch gradient descent.

        Each epoch goes once through all rows in batches: forward, backward, update. The last
        batch is smaller when `batch_size` does not divide the number of rows.

        Parameters
        ----------
        x : ndarray, shape (n, n_i)
            Training data, one sample a row.
        y : ndarray, shape (n, n_o)
            The right labels, one-hot; row i belongs to row i of `x`.
        epochs : int
            How often to go through the data.
        lr : float
            Learning rate.
        batch_size : int
            Number of rows in a batch.

        Returns
        -------
        losses : list of float, length `epochs`
            Average training loss by epoch: each row's loss counts once, measured just before the
            update that its batch causes.
        """
        raise NotImplementedError(
            "layers/sequential.py: Sequential.fit is yours to write; "
            "see HANDOUT.md, section 7, 'Sequential'"
        )

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the most probable class of each sample.

        Parameters
        ----------
        x : ndarray, shape (n, n_i)
            One sample a row.

        Returns
        -------
        classes : ndarray of int, shape (n,)
            Index of the largest output of each row; the first one in a tie.
        """
        raise NotImplementedError(
            "layers/sequential.py: Sequential.predict is yours to write; "
            "see HANDOUT.md, section 7, 'Sequential'"
        )
