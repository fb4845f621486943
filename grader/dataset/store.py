"""Where the data are: the folder that is named, the user's own, or one beside the checkout."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec

from grader.dataset.files import FOLDER, DataMissing, Dataset
from grader.dataset.synth import SMALL, synthesize
from grader.lab import Project

VARIABLE = "CIFAR100_DIR"
DEMO_SEED = 1
_DEMO_NAME = "-".join(f"{value:g}" for value in (*msgspec.structs.astuple(SMALL), DEMO_SEED))


def find_dataset(project: Project) -> Dataset:
    """Find the CIFAR-100 files.

    If the environment variable CIFAR100_DIR is set, only that folder counts (or the folder
    `cifar-100-python` in it).

    Raises
    ------
    DataMissing
        If they are nowhere, or were changed after they were fetched; it says where, and how to get
        them.
    """
    candidates = candidate_folders(project)
    for folder in candidates:
        if (folder / "train").is_file() and (folder / "test").is_file():
            dataset = Dataset(folder)
            dataset.check_seal()
            return dataset
    raise DataMissing(
        f"The CIFAR-100 data are not on this machine (looked in {_listed(candidates)}).",
        "Get them with `grader data fetch`, or from a copy with `grader data import PATH`.",
    )


def candidate_folders(project: Project) -> tuple[Path, ...]:
    """Return the folders that are looked in, the first choice first."""
    named = os.environ.get(VARIABLE)
    if named:
        return (Path(named), Path(named) / FOLDER)
    return (data_folder() / FOLDER, project.root / FOLDER, project.root.parent / FOLDER)


def data_folder() -> Path:
    """Return the folder that `grader data fetch` fills."""
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "nn-lab-grader"


def cache_folder() -> Path:
    """Return the folder for what can be made again."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "nn-lab-grader"


def demo_dataset() -> Dataset:
    """Return the small synthetic data set of the demo and the tests, made on first use."""
    place = cache_folder() / "synthetic" / _DEMO_NAME
    if not (place / FOLDER / "test").is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        # Under another name first: it appears whole or not at all.
        with tempfile.TemporaryDirectory(dir=place.parent, prefix="partial-") as name:
            synthesize(Path(name) / "made", SMALL, DEMO_SEED)
            try:
                (Path(name) / "made").rename(place)
            except OSError:
                # Another process was faster; its files are the same.
                if not (place / FOLDER / "test").is_file():
                    raise
    return Dataset(place / FOLDER)


def _listed(folders: tuple[Path, ...]) -> str:
    return ", ".join(str(folder) for folder in folders)
