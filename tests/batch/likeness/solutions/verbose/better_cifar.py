import matplotlib.pyplot as plt
from layers import CrossEntropyLayer, FullLayer, ReluLayer, Sequential, SoftMaxLayer
from layers.dataset import cifar100
from sklearn.metrics import accuracy_score

# my student number
my_id = 4567890
(x_train, y_train), (x_test, y_test) = cifar100(my_id)

# the first network has one hidden layer
first_network = Sequential(
    [FullLayer(3072, 500), ReluLayer(), FullLayer(500, 4), SoftMaxLayer()], CrossEntropyLayer()
)
first_losses = first_network.fit(x_train, y_train, epochs=15, lr=0.1)
first_prediction = first_network.predict(x_test)
first_accuracy = accuracy_score(y_test, first_prediction)
print("Accuracy of the first network:", first_accuracy)

# the second network has a larger hidden layer
second_network = Sequential(
    [FullLayer(3072, 2052), ReluLayer(), FullLayer(2052, 4), SoftMaxLayer()], CrossEntropyLayer()
)
second_losses = second_network.fit(x_train, y_train, epochs=30, lr=0.1)
second_prediction = second_network.predict(x_test)
second_accuracy = accuracy_score(y_test, second_prediction)
print("Accuracy of the second network:", second_accuracy)

plt.plot(first_losses, label="first")
plt.plot(second_losses, label="second")
plt.legend()
plt.show()
