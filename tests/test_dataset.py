"""Tests of the loader that students are given, on small files in the real format."""

import importlib.util
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

SOURCE = Path(__file__).resolve().parent.parent / "reference" / "layers" / "dataset.py"


def load_dataset(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("dataset_under_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


dataset = load_dataset(SOURCE)


# The pickler in pure Python, which can be made to write otherwise; the type stubs leave it out.
PurePythonPickler: Any = pickle._Pickler


class Python2Pickler(PurePythonPickler):  # type: ignore[misc]
    """Writes what Python 2's cPickle wrote: byte strings, old numpy names, flags as 0 and 1."""

    dispatch: ClassVar = dict(PurePythonPickler.dispatch)

    def save_byte_string(self, value: bytes) -> None:
        short = len(value) < 256
        head = b"U" + bytes([len(value)]) if short else b"T" + struct.pack("<i", len(value))
        self.write(head + value)
        self.memoize(value)

    dispatch[bytes] = save_byte_string

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, np.dtype):
            state = (3, b"|", None, None, None, -1, -1, 0)
            return np.dtype, (value.str[1:].encode(), 0, 1), state
        return NotImplemented

    def save_global(self, value: Any, name: str | None = None) -> None:
        if name == "_reconstruct" or getattr(value, "__name__", "") == "_reconstruct":
            self.write(b"cnumpy.core.multiarray\n_reconstruct\n")
            self.memoize(value)
        else:
            super().save_global(value, name)


def write_as_python_2(content: dict[bytes, Any], path: Path) -> None:
    with path.open("wb") as file:
        Python2Pickler(file, protocol=2).dump(content)


def write_as_python_3(content: dict[bytes, Any], path: Path) -> None:
    with path.open("wb") as file:
        pickle.dump(content, file, protocol=2)


def images(per_class: int, *, seed: int = 0) -> dict[bytes, Any]:
    """Make images of all 100 classes in mixed order, as the real files have them."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(100), per_class))
    return {
        b"filenames": [b"image_%d.png" % number for number in range(len(labels))],
        b"batch_label": b"training batch 1 of 1",
        b"fine_labels": labels.tolist(),
        b"coarse_labels": (labels // 5).tolist(),
        b"data": rng.integers(0, 256, size=(len(labels), 3072), dtype=np.uint8),
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a small CIFAR-100 where the loader is told to look."""
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    write_as_python_2(images(3, seed=1), folder / "train")
    write_as_python_2(images(2, seed=2), folder / "test")
    monkeypatch.setenv("CIFAR100_DIR", str(folder))
    return folder


def test_the_subset_has_the_promised_shapes_types_and_ranges(folder: Path) -> None:
    (x_train, y_train), (x_test, y_test) = dataset.cifar100(1)
    assert (x_train.shape, x_train.dtype) == ((12, 3072), np.float64)
    assert (y_train.shape, y_train.dtype) == ((12, 4), np.float64)
    assert (x_test.shape, x_test.dtype) == ((8, 3072), np.float64)
    assert y_test.shape == (8,)
    assert np.issubdtype(y_test.dtype, np.integer)
    assert x_train.min() == -0.5
    assert x_train.max() == 0.5
    np.testing.assert_array_equal(np.sum(y_train, axis=0), [3, 3, 3, 3])
    np.testing.assert_array_equal(np.sum(y_train, axis=1), np.ones(12))
    np.testing.assert_array_equal(np.bincount(y_test), [2, 2, 2, 2])


def test_images_keep_their_labels_and_training_and_test_agree_on_them(folder: Path) -> None:
    seed = 5
    np.random.seed(seed)
    drawn = np.random.choice(100, 4, replace=False)
    (x_train, y_train), (x_test, y_test) = dataset.cifar100(seed)
    for x, labels, content in (
        (x_train, np.argmax(y_train, axis=1), images(3, seed=1)),
        (x_test, y_test, images(2, seed=2)),
    ):
        names = [row.tobytes() for row in content[b"data"]]
        original = dict(zip(names, content[b"fine_labels"], strict=True))
        pixels = np.rint((x + 0.5) * 255).astype(np.uint8)
        assert [original[row.tobytes()] for row in pixels] == list(drawn[labels])


def test_the_seed_decides_the_classes_and_all_four_differ(folder: Path) -> None:
    first = dataset.cifar100(1)[0][0]
    np.testing.assert_array_equal(dataset.cifar100(1)[0][0], first)
    assert np.any(dataset.cifar100(2)[0][0] != first)
    # With replacement, about one seed in seventeen would draw a class twice.
    assert all(len(dataset.cifar100(seed)[0][0]) == 12 for seed in range(40))


def test_the_seed_settles_what_numpys_global_generator_draws_afterwards(folder: Path) -> None:
    dataset.cifar100(3)
    drawn = np.random.normal(size=5)
    dataset.cifar100(3)
    np.testing.assert_array_equal(np.random.normal(size=5), drawn)


def test_files_written_by_python_3_are_read_too(tmp_path: Path) -> None:
    content = images(1)
    write_as_python_2(content, tmp_path / "old")
    write_as_python_3(content, tmp_path / "new")
    assert (tmp_path / "old").read_bytes() != (tmp_path / "new").read_bytes()
    for name in ("old", "new"):
        data, labels = dataset.read_file(tmp_path / name)
        np.testing.assert_array_equal(data, content[b"data"])
        np.testing.assert_array_equal(labels, content[b"fine_labels"])


def test_importing_the_module_touches_no_file_and_needs_numpy_alone(tmp_path: Path) -> None:
    program = (
        "import sys, runpy, numpy\n"
        "before = set(sys.modules)\n"
        f"runpy.run_path({str(SOURCE)!r})\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - set(sys.stdlib_module_names)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"CIFAR100_DIR": "/nonexistent"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


# Where the folder is looked for


@pytest.mark.parametrize("place", ["lab", "lab/data", ".", "data", "elsewhere", "elsewhere/data"])
def test_the_folder_is_found_in_the_lab_beside_it_and_in_the_current_directory(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CIFAR100_DIR", raising=False)
    module = tmp_path / "lab" / "layers" / "dataset.py"
    module.parent.mkdir(parents=True)
    module.write_bytes(SOURCE.read_bytes())
    folder = tmp_path / place / "cifar-100-python"
    folder.mkdir(parents=True)
    (folder / "train").touch()
    (tmp_path / "elsewhere").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load_dataset(module).find_folder() == folder


def test_the_environment_variable_may_name_the_folder_above_and_then_nothing_else_counts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIFAR100_DIR", str(tmp_path))
    assert dataset.find_folder() == folder
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CIFAR100_DIR", str(tmp_path / "empty"))
    with pytest.raises(FileNotFoundError):
        dataset.find_folder()


def test_missing_data_are_named_with_the_places_looked_in_and_where_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIFAR100_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError) as caught:
        dataset.cifar100(1)
    message = str(caught.value)
    assert str(tmp_path / "cifar-100-python") in message
    assert "cifar-100-python.tar.gz" in message
    assert "CIFAR100_DIR" in message


def test_a_missing_test_file_is_named(folder: Path) -> None:
    (folder / "test").unlink()
    with pytest.raises(FileNotFoundError, match=r"cifar-100-python/test is missing\. Unpack"):
        dataset.cifar100(1)


# Files that are not what they should be


def changed(**entries: Any) -> dict[bytes, Any]:
    return images(1) | {key.encode(): value for key, value in entries.items()}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([1, 2], "no 'data' and 'fine_labels'"),
        ({b"data": np.zeros((1, 3072), np.uint8)}, "no 'data' and 'fine_labels'"),
        (changed(data=[1, 2, 3]), "not an array of uint8"),
        (changed(data=np.zeros((100, 3072))), "not an array of uint8"),
        (changed(data=np.zeros((100, 1024), np.uint8)), r"shape \(100, 1024\), not \(n, 3072\)"),
        (changed(data=np.zeros(3072, np.uint8)), r"shape \(3072,\)"),
        (changed(fine_labels=[1, 2, 3]), "not one integer for each of the 100 images"),
        (changed(fine_labels=[0.5] * 100), "not one integer for each of the 100 images"),
        (changed(fine_labels=[100] * 100), "labels outside 0 to 99"),
        (changed(fine_labels=[-1] * 100), "labels outside 0 to 99"),
    ],
)
def test_a_file_with_other_content_is_refused(content: Any, complaint: str, tmp_path: Path) -> None:
    write_as_python_3(content, tmp_path / "train")
    with pytest.raises(ValueError, match=complaint) as caught:
        dataset.read_file(tmp_path / "train")
    assert str(tmp_path / "train") in str(caught.value)


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:1000], lambda raw: b"", lambda raw: b"<html>" + raw]
)
def test_a_damaged_file_is_refused(damage: Callable[[bytes], bytes], folder: Path) -> None:
    damaged = damage((folder / "train").read_bytes())
    (folder / "train").write_bytes(damaged)
    with pytest.raises(ValueError, match=r"train cannot be read as a CIFAR-100 file.*Unpack"):
        dataset.cifar100(1)


class Command:
    """Runs a command when it is unpickled by anything that trusts it."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("function", [print, eval, np.load])
def test_a_pickle_that_asks_for_any_other_name_runs_nothing(
    function: Callable[..., Any], tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    attack = Command(function, f"open({str(canary)!r}, 'w')")
    write_as_python_3(changed(batch_label=attack), tmp_path / "train")
    with pytest.raises(ValueError, match="which this format does not use"):
        dataset.read_file(tmp_path / "train")
    assert not canary.exists()


def test_the_attack_of_the_test_above_works_on_an_ordinary_unpickler(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    attack = Command(eval, f"open({str(canary)!r}, 'w').close()")
    pickle.loads(pickle.dumps(attack))
    assert canary.exists()
