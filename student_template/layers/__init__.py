"""A neural network from scratch: the layers, the loss and the network that joins them.

>>> from layers import CrossEntropyLayer, FullLayer, ReluLayer, Sequential, SoftMaxLayer

The data have a module of their own: ``from layers.dataset import cifar100``.
"""

from .cross_entropy import CrossEntropyLayer
from .full import FullLayer
from .relu import ReluLayer
from .sequential import Sequential
from .softmax import SoftMaxLayer

__all__ = ["CrossEntropyLayer", "FullLayer", "ReluLayer", "Sequential", "SoftMaxLayer"]
