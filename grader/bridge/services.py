"""What an item process can be for, beside serving the student's layers."""

from __future__ import annotations

import importlib
from typing import Any

LAYERS = "layers"
"""The student's own classes, for the layer tests."""

SERVICES = {
    "pictures": ("grader.bridge.picture_reader", "PictureReader"),
    "training": ("grader.bridge.training_run", "TrainingRun"),
}
"""Each other service's module and class, of the grader's own."""


class ServiceClasses:
    """Finds the one class of the grader's own that a service consists of.

    Parameters
    ----------
    service : str
        A name in `SERVICES`.
    """

    def __init__(self, service: str) -> None:
        self._module, self._name = SERVICES[service]

    def prepare(self, name: str, module: str, alone: bool) -> None:
        """Import the class."""
        self.find(name, module)

    def find(self, name: str, module: str) -> Any:
        """Return the class; another is not to be had."""
        if (module, name) != (self._module, self._name):
            raise LookupError(f"this process does not serve {module}.{name}")
        # Imported only now: what it imports is not for the other processes to pay for.
        return getattr(importlib.import_module(module), name)

    def find_posed(self, name: str) -> None:
        """Return None: here no host object stands for a layer."""
