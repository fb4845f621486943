"""The `layers.dataset` of a training: its data come from the grader, whatever the archive holds."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from grader.bridge.values import AnyArray

NAME = "layers.dataset"
OWN_NAME = "layers._students_dataset"
CLASSES_IN_ALL = 100

Samples = tuple[AnyArray, AnyArray]
Fetch = Callable[[int], dict[str, Any]]
Took = Callable[[int, AnyArray, AnyArray, AnyArray | None], None]


class DeskDataset(MetaPathFinder, Loader):
    """Makes `layers.dataset`, with a `cifar100` that asks the grader.

    Other names are those of the student's own file, so that helpers kept there still work.

    Parameters
    ----------
    root : Path
        The submission's root.
    fetch : callable
        Returns what the grader gives for a seed: `x_train`, `x_test` (uint8, one image a row),
        `y_train`, `y_test` (encoded as the lab says), `labelled` (whether `y_test` means
        anything), `classes` and `replace` of the draw.
    took : callable
        Told each time: the seed, the images as the script gets them, the test images' labels.
    """

    def __init__(self, root: Path, fetch: Fetch, took: Took) -> None:
        self._own = root / "layers" / "dataset.py"
        self._fetch = fetch
        self._took = took

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Take over the one name."""
        if fullname != NAME:
            return None
        return importlib.machinery.ModuleSpec(NAME, self, origin=str(self._own))

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """Have the import system make the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module."""
        module.__file__ = str(self._own)
        vars(module).update(cifar100=self.cifar100, __getattr__=self._own_name)

    def cifar100(self, seed: int) -> tuple[Samples, Samples]:
        """Load the subset that belongs to a seed.

        As the handout's loader does, it seeds numpy's global generator and draws the classes
        from it, so that the weights drawn afterwards are the same ones.

        Parameters
        ----------
        seed : int
            The student's own number.

        Returns
        -------
        (x_train, y_train), (x_test, y_test)
            Pixels as float64 in ``value / 255 - 0.5``, one image a row.
        """
        np.random.seed(seed)
        given = self._fetch(int(seed))
        np.random.choice(CLASSES_IN_ALL, given["classes"], replace=given["replace"])
        x_train, x_test = given["x_train"] / 255.0 - 0.5, given["x_test"] / 255.0 - 0.5
        self._took(int(seed), x_train, x_test, given["y_test"] if given["labelled"] else None)
        return (x_train, given["y_train"]), (x_test, given["y_test"])

    def _own_name(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {NAME!r} has no attribute {name!r}")
        if OWN_NAME not in sys.modules:
            spec = importlib.util.spec_from_file_location(OWN_NAME, self._own)
            if spec is None or spec.loader is None or not self._own.is_file():
                raise AttributeError(f"module {NAME!r} has no attribute {name!r}")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            sys.modules[OWN_NAME] = module
        return getattr(sys.modules[OWN_NAME], name)
