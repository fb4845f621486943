"""Zips and folders to take in, and the lab that they are for."""

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from grader.lab import Lab, find_project

Files = Mapping[str, bytes | str]


@pytest.fixture(scope="session")
def lab() -> Lab:
    return find_project().lab


@pytest.fixture(scope="session")
def right_files() -> dict[str, bytes]:
    """A whole submission, as small as can be, by paths below its top folder."""
    methods = {
        "FullLayer": ("full", "__init__ forward backward update_param"),
        "ReluLayer": ("relu", "forward backward update_param"),
        "SoftMaxLayer": ("softmax", "forward backward update_param"),
        "CrossEntropyLayer": ("cross_entropy", "forward backward"),
        "Sequential": ("sequential", "__init__ forward backward update_param fit predict"),
    }
    files = {
        "layers/__init__.py": "".join(
            f"from .{file} import {name}\n" for name, (file, _) in methods.items()
        ),
        "layers/dataset.py": "def cifar100(seed):\n    pass\n",
        "test/test_full.py": "",
        "results/learning_rates.png": "",
        "better_cifar.py": "import layers\n",
    }
    for name, (file, names) in methods.items():
        body = "".join(f"    def {method}(self):\n        pass\n" for method in names.split())
        files[f"layers/{file}.py"] = f"class {name}:\n{body}"
    return {path: source.encode() for path, source in files.items()}


@pytest.fixture(scope="session")
def make_zip() -> Callable[[Files], bytes]:
    """Zip files given by their full names; a name that ends in / is a folder."""

    def zipped(files: Files) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return buffer.getvalue()

    return zipped


@pytest.fixture(scope="session")
def right_zip(make_zip: Callable[[Files], bytes], right_files: dict[str, bytes]) -> bytes:
    return make_zip({f"JANE_DOE_LAB3/{path}": data for path, data in right_files.items()})


@pytest.fixture
def right_folder(tmp_path: Path, right_files: dict[str, bytes]) -> Path:
    folder = tmp_path / "work" / "lab"
    for path, data in right_files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder
