"""Makes a data set of CIFAR-100's format, small and learnable, for the demo and the tests."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import numpy.typing as npt

from grader.dataset.files import CLASSES_IN_ALL, FOLDER, PIXELS
from grader.errors import GraderError

SIDE = 32
COARSE_CLASSES = 20
CUTOFF = 3.5
"""Waves across an image, beyond which its patterns hold none."""
DISTURBANCES = 24

Floats = npt.NDArray[np.float64]


class Recipe(msgspec.Struct, frozen=True):
    """How much of what an image consists of.

    Attributes
    ----------
    train, test : int
        Images of each class.
    pattern : float
        Standard deviation, in grey levels, of the class's own pattern.
    disturbance, noise : float
        The same for the smooth patterns that all classes have in common, and for the noise of
        single pixels.
    offset : float
        How much more often, as a fraction of its strength, a pattern is as it is than inverted.
    """

    train: int
    test: int
    pattern: float
    disturbance: float = 25.0
    noise: float = 30.0
    offset: float = 0.2


SMALL = Recipe(train=16, test=8, pattern=10.5, disturbance=8.5, noise=8.5)
"""7 MB. So few images must show their patterns more clearly to be as hard to learn from."""
FULL = Recipe(train=500, test=100, pattern=6.0)
"""CIFAR-100's own numbers, 185 MB."""


def synthesize(folder: Path, recipe: Recipe, seed: int) -> Path:
    """Make the files `train`, `test` and `meta` below `folder`.

    Each class has a smooth random pattern, which an image shows either as it is or inverted, in
    changing strength, below smooth disturbances and noise. A sum over pixels, which is all that
    a linear model computes, hardly tells the classes apart; a hidden layer does, and the better
    the more it has been trained.

    Parameters
    ----------
    folder : Path
        Gets the folder `cifar-100-python`.
    recipe : Recipe
        How many images, and how hard to tell apart.
    seed : int
        The same seed makes the same bytes.

    Returns
    -------
    Path
        The folder `cifar-100-python`.

    Raises
    ------
    GraderError
        If it cannot be written.
    """
    generator = np.random.default_rng(seed)
    patterns = _smooth(generator, CLASSES_IN_ALL)
    disturbances = _smooth(generator, DISTURBANCES) / np.sqrt(DISTURBANCES)
    made = folder / FOLDER
    names = [f"pattern_{n:02}".encode() for n in range(CLASSES_IN_ALL)]
    try:
        made.mkdir(parents=True, exist_ok=True)
        for name, count in (("train", recipe.train), ("test", recipe.test)):
            content = _part(generator, recipe, count, patterns, disturbances, name)
            _write(made / name, content)
        _write(
            made / "meta",
            {
                b"fine_label_names": names,
                b"coarse_label_names": [f"group_{n:02}".encode() for n in range(COARSE_CLASSES)],
            },
        )
    except OSError as error:
        raise GraderError(
            f"The data could not be written to {made} ({error.strerror}).",
            "Choose another folder with --out, or make room.",
        ) from error
    return made


def _part(
    generator: np.random.Generator,
    recipe: Recipe,
    count: int,
    patterns: Floats,
    disturbances: Floats,
    name: str,
) -> dict[bytes, Any]:
    """Make one file's content: its images in random order, as the real files have them."""
    labels = generator.permutation(np.repeat(np.arange(CLASSES_IN_ALL), count))
    images = np.empty((len(labels), PIXELS), np.uint8)
    # A few hundred at a time: as floats, all at once would take gigabytes.
    for start in range(0, len(labels), 500):
        some = labels[start : start + 500]
        sign = generator.choice([-1.0, 1.0], size=(len(some), 1))
        strength = generator.normal(1.0, 0.25, size=(len(some), 1))
        x = recipe.pattern * (sign * strength + recipe.offset) * patterns[some]
        weights = generator.normal(size=(len(some), DISTURBANCES))
        x += recipe.disturbance * weights @ disturbances
        x += recipe.noise * generator.normal(size=x.shape)
        images[start : start + 500] = np.clip(np.round(127.5 + x), 0, 255)
    return {
        b"batch_label": f"{name} (synthetic)".encode(),
        b"coarse_labels": [int(label) // 5 for label in labels],
        b"data": images,
        b"filenames": [f"synthetic_{n:05}.png".encode() for n in range(len(labels))],
        b"fine_labels": [int(label) for label in labels],
    }


def _smooth(generator: np.random.Generator, count: int) -> Floats:
    """Return random colour images of low spatial frequencies, with mean 0 and deviation 1.

    Returns
    -------
    ndarray of float64, shape (count, 3072)
    """
    waves = np.fft.fftfreq(SIDE) * SIDE
    distance = np.hypot(waves[:, None], waves[None, :])
    passed = (distance > 0) & (distance <= CUTOFF)
    noise = generator.normal(size=(count, 3, SIDE, SIDE))
    images = np.fft.ifft2(np.fft.fft2(noise) * passed).real.reshape(count, PIXELS)
    images -= images.mean(axis=1, keepdims=True)
    smooth: Floats = images / images.std(axis=1, keepdims=True)
    return smooth


def _write(path: Path, content: object) -> None:
    with path.open("wb") as file:
        _Python2Pickler(file, protocol=2).dump(content)


# The interpreter's own pickler in Python; only its typing stub leaves out what it can be used for.
_Pickler: Any = pickle._Pickler


class _Python2Pickler(_Pickler):  # type: ignore[misc]
    """Writes bytes as Python 2 did, which wrote the real files.

    Python 3 would write them into a pickle of this protocol as text, half as large again.
    """

    def _save_string(self, data: bytes) -> None:
        if len(data) < 256:
            self.write(pickle.SHORT_BINSTRING + struct.pack("<B", len(data)) + data)
        else:
            self.write(pickle.BINSTRING + struct.pack("<i", len(data)) + data)
        self.memoize(data)

    dispatch: ClassVar[dict[type, Any]] = {**_Pickler.dispatch, bytes: _save_string}
