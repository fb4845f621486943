import numpy as np
from layers import *
from layers.dataset import cifar100


def build(widths):
    pairs = zip(widths[:-1], widths[1:])
    stack = []
    for n_i, n_o in pairs:
        stack += [FullLayer(n_i, n_o), ReluLayer()]
    stack[-1] = SoftMaxLayer()
    return Sequential(layers=tuple(stack), loss=CrossEntropyLayer())


def main(seed=2345678):
    (x, t), (x_test, labels) = cifar100(seed)
    network = build([3072, 1024, 256, 4])
    for lr in (0.1, 0.05, 0.01):
        network.fit(x, t, epochs=8, lr=lr, batch_size=50)
    print(f"{np.mean(network.predict(x_test) == labels):.1%}")


main()
