class Parameter:
    def __init__(self, value):
        self.value = value
        self.grad = None

    def set(self, value):
        self.value = value

    def step(self, lr):
        if self.grad is not None:
            self.value = self.value - lr * self.grad


class Layer:
    def __init__(self):
        self.parameters = []

    def add(self, parameter):
        self.parameters.append(parameter)
        return parameter

    def update_param(self, lr):
        for parameter in self.parameters:
            parameter.step(lr)
