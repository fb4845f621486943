"""The data that networks are trained and measured on: CIFAR-100, its subsets and their splits."""
