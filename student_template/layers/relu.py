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
        raise NotImplementedError(
            "layers/relu.py: ReluLayer.forward is yours to write; "
            "see HANDOUT.md, section 4, 'The ReLU layer'"
        )

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
        raise NotImplementedError(
            "layers/relu.py: ReluLayer.backward is yours to write; "
            "see HANDOUT.md, section 4, 'The ReLU layer'"
        )

    def update_param(self, lr: float) -> None:
        """Do nothing: a ReLU layer has no parameters.

        Parameters
        ----------
        lr : float
            Learning rate, not used.
        """
        raise NotImplementedError(
            "layers/relu.py: ReluLayer.update_param is yours to write; "
            "see HANDOUT.md, section 4, 'The ReLU layer'"
        )
