import numpy as np


class Sequential:
    def __init__(self, layers, loss):
        self.layers = list(layers)
        self.loss = loss

    def forward(self, x, target=None):
        out = x
        for i in range(len(self.layers)):
            out = self.layers[i].forward(out)
        if target is None:
            return out
        return self.loss.forward(out, target)

    def backward(self):
        dy = self.loss.backward()
        i = len(self.layers) - 1
        while i >= 0:
            dy = self.layers[i].backward(dy)
            i -= 1
        return dy

    def update_param(self, lr):
        for i in range(len(self.layers)):
            self.layers[i].update_param(lr)

    def fit(self, x, y, epochs=10, lr=0.1, batch_size=128):
        n = len(x)
        batches = int(np.ceil(n / batch_size))
        for e in range(epochs):
            order = np.random.permutation(n)
            total = 0
            for b in range(batches):
                chosen = order[b * batch_size : (b + 1) * batch_size]
                total += self.forward(x[chosen], y[chosen]) * len(chosen)
                self.backward()
                self.update_param(lr)
            print(f"Epoch {e + 1}/{epochs}: {total / n:.4f}")

    def predict(self, x):
        out = self.forward(x)
        answers = []
        for row in out:
            answers.append(row.argmax())
        return np.array(answers)
