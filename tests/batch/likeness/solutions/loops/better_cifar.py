import numpy as np
from layers.cross_entropy import CrossEntropyLayer
from layers.dataset import cifar100
from layers.full import FullLayer
from layers.relu import ReluLayer
from layers.sequential import Sequential
from layers.softmax import SoftMaxLayer

train, test = cifar100(7654321)
best = 0
for hidden in [600, 1000, 2000]:
    net = Sequential(
        [FullLayer(3072, hidden), ReluLayer(), FullLayer(hidden, 4), SoftMaxLayer()],
        CrossEntropyLayer(),
    )
    net.fit(train[0], train[1], 15, 0.1, 32)
    acc = np.sum(net.predict(test[0]) == test[1]) / len(test[1])
    print(hidden, acc)
    if acc > best:
        best = acc
print("best", best)
