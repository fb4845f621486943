import sys

import layers
import numpy as np
from layers.dataset import cifar100

STUDENT = 3456789


class Experiment:
    def __init__(self, hidden, epochs, lr):
        self.hidden = hidden
        self.epochs = epochs
        self.lr = lr

    def run(self, data):
        (x, y), (x_test, y_test) = data
        parts = []
        size = 3072
        for width in self.hidden:
            parts.append(layers.FullLayer(size, width))
            parts.append(layers.ReluLayer())
            size = width
        parts.append(layers.FullLayer(size, 4))
        parts.append(layers.SoftMaxLayer())
        self.model = layers.Sequential(parts, layers.CrossEntropyLayer())
        self.model.fit(x, y, epochs=self.epochs, lr=self.lr)
        return np.equal(self.model.predict(x_test), y_test).mean()


if __name__ == "__main__":
    data = cifar100(STUDENT)
    results = [Experiment(h, 25, 0.08).run(data) for h in ([800, 200], [1600])]
    sys.stdout.write(str(results) + "\n")
