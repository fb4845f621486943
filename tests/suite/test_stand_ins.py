"""Test files that were collected before there was an implementation get hold of one."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from grader.suite.stand_ins import Imports, StandIn, packages

CLASSES = {"FullLayer": "layers.full", "ReluLayer": "layers.relu"}
TEST_FILE = """
import layers
from layers import FullLayer, full
from layers.relu import ReluLayer as Relu
"""
FULL = "class FullLayer:\n    right = True\n"
RELU = "class ReluLayer:\n    right = True\n"
PACKAGE = "from layers.full import FullLayer\nfrom layers.relu import ReluLayer\n"


def loaded() -> list[str]:
    return [name for name in sys.modules if name.split(".")[0] == "layers"]


@pytest.fixture
def test_file() -> Iterator[ModuleType]:
    """A test file that was loaded while stand-ins were in place."""
    before = {name: sys.modules.pop(name) for name in loaded()}
    sys.modules.update(packages(CLASSES))
    module = ModuleType("a_collected_test_file")
    exec(TEST_FILE, vars(module))
    sys.modules[module.__name__] = module
    yield module
    for name in [*loaded(), module.__name__]:
        del sys.modules[name]
    sys.modules.update(before)


@pytest.fixture
def implement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put an implementation on the path."""

    def write(full: str = FULL, relu: str = RELU, package: str = PACKAGE) -> None:
        folder = tmp_path / "layers"
        folder.mkdir()
        for name, source in (("full", full), ("relu", relu), ("__init__", package)):
            (folder / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()

    return write


def test_every_way_of_importing_gets_the_implementation(
    test_file: ModuleType, implement: Callable[..., None]
) -> None:
    imports = Imports()
    implement()
    imports.bind()
    assert test_file.FullLayer.right
    assert test_file.Relu.right
    assert test_file.full.FullLayer is test_file.layers.FullLayer is test_file.FullLayer
    assert not any(isinstance(value, StandIn) for value in vars(test_file).values())


def test_what_has_taken_the_place_of_the_stand_ins_comes_before_the_path(
    test_file: ModuleType, implement: Callable[..., None]
) -> None:
    imports = Imports()
    implement()
    proxies = packages(CLASSES)
    sys.modules.update(proxies)
    imports.bind()
    assert test_file.FullLayer is vars(proxies["layers"])["FullLayer"]
    assert test_file.full is proxies["layers.full"]


def test_a_class_that_is_missing_fails_whoever_uses_it_and_no_other(
    test_file: ModuleType, implement: Callable[..., None]
) -> None:
    imports = Imports()
    implement(relu="class Relu:\n    pass\n", package="from layers.full import FullLayer\n")
    imports.bind()
    assert test_file.FullLayer.right
    with pytest.raises(AttributeError, match="ReluLayer"):
        test_file.Relu()


def test_an_implementation_that_cannot_be_imported_fails_with_its_own_error(
    test_file: ModuleType, implement: Callable[..., None]
) -> None:
    imports = Imports()
    implement(full="raise ValueError('their own')\n")
    imports.bind()
    with pytest.raises(ValueError, match="their own"):
        test_file.FullLayer(3, 2)


def test_use_while_the_tests_are_collected_is_told_as_that(test_file: ModuleType) -> None:
    with pytest.raises(ImportError, match="used while the tests were collected"):
        test_file.FullLayer(3, 2)
