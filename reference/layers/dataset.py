"""The data: four classes of CIFAR-100, read from its files and made ready for training.

See HANDOUT.md, section 8, "The data: a subset of CIFAR-100". This file comes complete.
"""

import os
import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

FOLDER = "cifar-100-python"
ENVIRONMENT_VARIABLE = "CIFAR100_DIR"
SOURCE = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"

CLASSES_IN_ALL = 100
CLASSES = 4
PIXELS = 3 * 32 * 32

Samples = tuple[np.ndarray, np.ndarray]


def cifar100(seed: int) -> tuple[Samples, Samples]:
    """Load the subset of CIFAR-100 that belongs to a seed.

    The seed decides which 4 of the 100 classes are drawn (without replacement). It seeds numpy's
    global generator, so the weights that `FullLayer` draws afterwards are the same each time too.

    Parameters
    ----------
    seed : int
        Your own number: everybody trains on different classes.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x_train : ndarray of float64, shape (2000, 3072), x_test : the same, shape (400, 3072)
            One image a row, pixels ``value / 255 - 0.5``: the red plane, then green, then blue,
            32 x 32 each, row by row.
        y_train : ndarray of float64, shape (2000, 4)
            One-hot labels, as the loss wants them.
        y_test : ndarray of int64, shape (400,)
            Class indices from 0 to 3, as `Sequential.predict` gives them.

    Raises
    ------
    FileNotFoundError
        If the folder with the data, or a file in it, is not there.
    ValueError
        If a file is not what CIFAR-100's python version holds.
    """
    folder = find_folder()
    np.random.seed(seed)
    drawn = np.random.choice(CLASSES_IN_ALL, CLASSES, replace=False)
    x_train, labels_train = _subset(folder / "train", drawn)
    x_test, labels_test = _subset(folder / "test", drawn)
    return (x_train, np.eye(CLASSES)[labels_train]), (x_test, labels_test)


def find_folder() -> Path:
    """Find the folder `cifar-100-python`.

    If the environment variable CIFAR100_DIR is set, only that folder counts (or the folder
    `cifar-100-python` in it). Otherwise the folder is looked for in the lab's folder, beside it,
    and in the current directory, each time also in `data/`.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileNotFoundError
        If it is in none of these places. The message names them and says where to get the data.
    """
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        candidates = [Path(named), Path(named) / FOLDER]
    else:
        lab = Path(__file__).resolve().parent.parent
        around = [lab, lab.parent, Path.cwd()]
        candidates = [place / below / FOLDER for place in around for below in ("", "data")]
    for candidate in candidates:
        if (candidate / "train").is_file():
            return candidate
    looked_in = "\n".join(f"  {candidate}" for candidate in dict.fromkeys(candidates))
    raise FileNotFoundError(
        f"The CIFAR-100 data are not here. No file 'train' in\n{looked_in}\n"
        f"Download {SOURCE} and unpack it beside your lab folder, or set the environment "
        f"variable {ENVIRONMENT_VARIABLE} to the folder {FOLDER}."
    )


def read_file(path: Path) -> Samples:
    """Read one file of CIFAR-100's python version and check that it holds what it should.

    Parameters
    ----------
    path : pathlib.Path
        The file `train` or `test`.

    Returns
    -------
    data : ndarray of uint8, shape (n, 3072)
        One image a row.
    fine_labels : ndarray of int64, shape (n,)
        Their classes, from 0 to 99.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be read, or holds something else.
    """
    try:
        with path.open("rb") as file:
            content = _Cifar100Unpickler(file).load()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing. {_unpack_again()}") from None
    # A damaged pickle fails in as many ways as there are ways to damage it.
    except Exception as error:
        raise ValueError(
            f"{path} cannot be read as a CIFAR-100 file: {error}. {_unpack_again()}"
        ) from error

    def refuse(found: str) -> ValueError:
        return ValueError(f"{path} is not a file of CIFAR-100: {found}. {_unpack_again()}")

    if not isinstance(content, dict) or not {b"data", b"fine_labels"} <= content.keys():
        raise refuse("there are no 'data' and 'fine_labels' in it")
    data = content[b"data"]
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8:
        raise refuse("'data' is not an array of uint8")
    if data.ndim != 2 or data.shape[1] != PIXELS:
        raise refuse(f"'data' has the shape {data.shape}, not (n, {PIXELS})")
    labels = np.asarray(content[b"fine_labels"])
    if labels.shape != (len(data),) or not np.issubdtype(labels.dtype, np.integer):
        raise refuse(f"'fine_labels' is not one integer for each of the {len(data)} images")
    if np.any(labels < 0) or np.any(labels >= CLASSES_IN_ALL):
        raise refuse(f"'fine_labels' has labels outside 0 to {CLASSES_IN_ALL - 1}")
    return data, labels.astype(np.int64)


def _subset(path: Path, drawn: np.ndarray) -> Samples:
    """Read the images of the drawn classes; class `drawn[k]` gets the label k."""
    data, labels = read_file(path)
    new_label = np.full(CLASSES_IN_ALL, -1)
    new_label[drawn] = np.arange(len(drawn))
    labels = new_label[labels]
    chosen = labels >= 0
    return data[chosen] / 255.0 - 0.5, labels[chosen]


def _unpack_again() -> str:
    return f"Unpack {SOURCE} again (md5 eb9058c3a382ffc7106e4002c42a8d85)."


class _Cifar100Unpickler(pickle.Unpickler):
    """Reads pickles of numbers, strings, lists, dicts and numpy arrays, and refuses all others.

    An ordinary unpickler runs whatever code a file names. This one knows the few names that
    CIFAR-100's files need: they were written by Python 2, so their strings arrive as bytes.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="bytes")

    def find_class(self, module: str, name: str) -> Any:
        match module, name:
            case (("numpy.core.multiarray" | "numpy._core.multiarray"), "_reconstruct"):
                return _empty_array
            case "numpy", "ndarray":
                return np.ndarray
            case "numpy", "dtype":
                return _dtype
            case "_codecs", "encode":
                return _encode
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which this format does not use")


def _empty_array(_type: type, _shape: tuple[int, ...], _code: bytes) -> np.ndarray:
    """Make the array that the pickle fills next: what numpy's own `_reconstruct` does."""
    return np.ndarray.__new__(np.ndarray, (0,), np.int8)


def _dtype(code: Any, align: int = 0, copy: int = 0) -> np.dtype:
    """Make a dtype. Python 2 wrote 0 and 1 for the flags, of which numpy 2.4 warns."""
    dtype: np.dtype = np.dtype(code, align=bool(align), copy=bool(copy))
    return dtype


def _encode(text: str, _encoding: str = "latin1") -> bytes:
    """Turn text back into the bytes that Python 3 writes this way into an old-style pickle."""
    return text.encode("latin1")
