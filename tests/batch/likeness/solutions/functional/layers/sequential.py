import itertools

import numpy as np


def chain(functions, value):
    for function in functions:
        value = function(value)
    return value


class Sequential:
    def __init__(self, layers, loss):
        self.layers = tuple(layers)
        self.loss = loss

    def forward(self, x, target=None):
        probabilities = chain((layer.forward for layer in self.layers), x)
        if target is None:
            return probabilities
        return self.loss.forward(probabilities, target)

    def backward(self):
        return chain((layer.backward for layer in reversed(self.layers)), self.loss.backward())

    def update_param(self, lr):
        for layer in itertools.chain(self.layers, [self.loss]):
            getattr(layer, "update_param", lambda _: None)(lr)

    def fit(self, x, y, epochs=10, lr=0.1, batch_size=128):
        edges = [*range(0, len(x), batch_size), len(x)]
        for epoch in range(epochs):
            cost = 0.0
            for low, high in zip(edges, edges[1:]):
                cost += (high - low) * self.forward(x[low:high], target=y[low:high])
                self.backward()
                self.update_param(lr=lr)
            yield_report(epoch, cost / len(x))
        return self

    def predict(self, x):
        return np.argmax(self.forward(x), -1)


def yield_report(epoch, cost):
    print("%3d %8.5f" % (epoch, cost))
