import numpy as np


class Sequential:
    def __init__(self, layers, loss):
        self.layers, self.loss = layers, loss

    def forward(self, x, target=None):
        for l in self.layers:
            x = l.forward(x)
        return x if target is None else self.loss.forward(x, target)

    def backward(self):
        g = self.loss.backward()
        for l in reversed(self.layers):
            g = l.backward(g)
        return g

    def update_param(self, lr):
        for l in self.layers:
            l.update_param(lr)

    def fit(self, x, y, epochs=10, lr=0.1, batch_size=128):
        out = []
        for _ in range(epochs):
            p = np.random.permutation(len(x))
            s = [p[i : i + batch_size] for i in range(0, len(x), batch_size)]
            c = []
            for i in s:
                c += [self.forward(x[i], y[i])]
                self.backward()
                self.update_param(lr)
            out += [sum(c) / len(c)]
        return out

    def predict(self, x):
        return self.forward(x).argmax(1)
