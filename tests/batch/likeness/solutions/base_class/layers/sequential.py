import time

import numpy as np


class Sequential:
    def __init__(self, layers, loss):
        self.layers = layers
        self.loss = loss
        self.history = []

    def forward(self, x, target=None):
        activation = x
        for layer in self.layers:
            activation = layer.forward(activation)
        if target is None:
            return activation
        return self.loss.forward(activation, target)

    def backward(self):
        upstream = self.loss.backward()
        for layer in self.layers[::-1]:
            upstream = layer.backward(upstream)
        return upstream

    def update_param(self, lr):
        for layer in self.layers:
            if hasattr(layer, "update_param"):
                layer.update_param(lr)

    def train_on(self, x, y, lr):
        value = self.forward(x, y)
        self.backward()
        self.update_param(lr)
        return value

    def fit(self, x, y, epochs=10, lr=0.1, batch_size=128):
        started = time.time()
        count = x.shape[0] // batch_size + (x.shape[0] % batch_size > 0)
        for epoch in range(1, epochs + 1):
            values = np.zeros(count)
            for n, (xs, ys) in enumerate(zip(np.array_split(x, count), np.array_split(y, count))):
                values[n] = self.train_on(xs, ys, lr)
            self.history.append(values.mean())
        print("trained in", time.time() - started)
        return self.history

    def predict(self, x):
        probabilities = self.forward(x)
        return probabilities.argmax(1)
