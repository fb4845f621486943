import numpy as np


class Sequential:
    def __init__(self, layers, loss) -> None:
        self.layers = layers
        self.loss = loss

    def forward(self, x, target=None):
        for layer in self.layers:
            x = layer.forward(x)
        if target is not None:
            return self.loss.forward(x, target)
        return x

    def backward(self):
        grad = self.loss.backward()
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad

    def update_param(self, lr):
        for layer in self.layers:
            layer.update_param(lr)

    def fit(self, x, y, epochs=10, lr=0.1, batch_size=128):
        losses = []
        for epoch in range(epochs):
            epoch_loss = []
            for i in range(0, x.shape[0], batch_size):
                loss = self.forward(x[i : i + batch_size], y[i : i + batch_size])
                self.backward()
                self.update_param(lr)
                epoch_loss.append(loss)
            losses.append(np.mean(epoch_loss))
            print("epoch", epoch, "loss", losses[-1])
        return losses

    def predict(self, x):
        return np.argmax(self.forward(x), axis=1)
