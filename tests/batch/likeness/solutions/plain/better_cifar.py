import matplotlib.pyplot as plt
from layers import CrossEntropyLayer, FullLayer, ReluLayer, Sequential, SoftMaxLayer
from layers.dataset import cifar100

(x_train, y_train), (x_test, y_test) = cifar100(1234567)
model = Sequential(
    (
        FullLayer(3072, 1500),
        ReluLayer(),
        FullLayer(1500, 500),
        ReluLayer(),
        FullLayer(500, 4),
        SoftMaxLayer(),
    ),
    CrossEntropyLayer(),
)
losses = model.fit(x_train, y_train, epochs=20, lr=0.05, batch_size=64)
prediction = model.predict(x_test)
print("accuracy:", (prediction == y_test).mean())
plt.plot(losses)
plt.savefig("results/better.png")
