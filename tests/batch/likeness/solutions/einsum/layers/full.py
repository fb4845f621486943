import numpy as np

rng = np.random.default_rng()


def glorot(n_i, n_o):
    return rng.standard_normal((n_o, n_i)) * (2.0 / (n_i + n_o)) ** 0.5


class FullLayer:
    def __init__(self, n_i: int, n_o: int) -> None:
        self.W, self.b = glorot(n_i, n_o), np.zeros((1, n_o))
        self.W_grad = np.zeros_like(self.W)
        self.b_grad = np.zeros_like(self.b)

    def forward(self, x: np.ndarray) -> np.ndarray:
        assert x.ndim == 2, x.shape
        self.x = x
        return np.einsum("bi,oi->bo", x, self.W) + self.b

    def backward(self, y_grad: np.ndarray) -> np.ndarray:
        assert y_grad.shape == (self.x.shape[0], self.W.shape[0])
        self.W_grad = np.einsum("bo,bi->oi", y_grad, self.x)
        self.b_grad = np.einsum("bo->o", y_grad)[None, :]
        return np.einsum("bo,oi->bi", y_grad, self.W)

    def update_param(self, lr: float) -> None:
        for name in ("W", "b"):
            value = getattr(self, name) - lr * getattr(self, f"{name}_grad")
            setattr(self, name, value)
