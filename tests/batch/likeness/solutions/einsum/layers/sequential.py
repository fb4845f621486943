from functools import reduce

import numpy as np


def batches(x, y, size):
    assert len(x) == len(y)
    yield from ((x[k : k + size], y[k : k + size]) for k in range(0, len(x), size))


class Sequential:
    def __init__(self, layers, loss):
        self.layers, self.loss = layers, loss

    def forward(self, x, target=None):
        z = reduce(lambda value, layer: layer.forward(value), self.layers, x)
        return z if target is None else self.loss.forward(z, target)

    def backward(self):
        return reduce(lambda g, layer: layer.backward(g), self.layers[::-1], self.loss.backward())

    def update_param(self, lr):
        [layer.update_param(lr) for layer in self.layers]

    def step(self, x, t, lr):
        loss = self.forward(x, t)
        self.backward()
        self.update_param(lr)
        return loss

    def fit(self, x, y, epochs=10, lr=0.1, batch_size=128):
        return [
            np.mean([self.step(*batch, lr) for batch in batches(x, y, batch_size)])
            for _ in range(epochs)
        ]

    def predict(self, x):
        return self.forward(x).argmax(axis=-1)
