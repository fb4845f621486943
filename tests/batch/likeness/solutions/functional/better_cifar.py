import argparse

import numpy as np
from layers import CrossEntropyLayer, FullLayer, ReluLayer, Sequential, SoftMaxLayer
from layers.dataset import cifar100


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=6789012)
    parser.add_argument("--width", type=int, default=1200)
    parser.add_argument("--epochs", type=int, default=40)
    return parser.parse_args()


def score(network, images, labels):
    wrong = np.count_nonzero(network.predict(images) - labels)
    return 1 - wrong / len(labels)


def run(chosen):
    train, test = cifar100(chosen.seed)
    hidden = [
        FullLayer(3072, chosen.width),
        ReluLayer(),
        FullLayer(chosen.width, chosen.width // 4),
        ReluLayer(),
    ]
    network = Sequential(
        hidden + [FullLayer(chosen.width // 4, 4), SoftMaxLayer()], CrossEntropyLayer()
    )
    network.fit(*train, epochs=chosen.epochs, lr=0.03)
    print("train", score(network, train[0], train[1].argmax(axis=1)), "test", score(network, *test))


run(options())
