import numpy as np


class Sequential:
    def __init__(self, layers, loss):
        self.layers = layers
        self.loss = loss

    def forward(self, x, target=None):
        current_output = x
        for current_layer in self.layers:
            current_input = current_output
            current_output = current_layer.forward(current_input)
        if target is None:
            result = current_output
        else:
            result = self.loss.forward(current_output, target)
        return result

    def backward(self):
        current_gradient = self.loss.backward()
        number_of_layers = len(self.layers)
        for index in range(number_of_layers - 1, -1, -1):
            current_layer = self.layers[index]
            current_gradient = current_layer.backward(current_gradient)
        return current_gradient

    def update_param(self, lr):
        for current_layer in self.layers:
            current_layer.update_param(lr)

    def fit(self, x, y, epochs=10, lr=0.1, batch_size=128):
        number_of_samples = x.shape[0]
        number_of_batches = number_of_samples // batch_size
        if number_of_samples % batch_size != 0:
            number_of_batches = number_of_batches + 1
        all_losses = np.zeros(epochs)
        for epoch in range(epochs):
            sum_of_losses = 0
            for batch in range(number_of_batches):
                start = batch * batch_size
                end = min(start + batch_size, number_of_samples)
                x_batch = x[start:end, :]
                y_batch = y[start:end, :]
                loss = self.forward(x_batch, y_batch)
                sum_of_losses = sum_of_losses + loss
                self.backward()
                self.update_param(lr)
            all_losses[epoch] = sum_of_losses / number_of_batches
            print("Loss in epoch " + str(epoch) + ": " + str(all_losses[epoch]))
        return all_losses

    def predict(self, x):
        probabilities = self.forward(x, None)
        classes = np.argmax(probabilities, axis=1)
        return classes
