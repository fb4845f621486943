"""What item processes find imported, and what they are left to import themselves."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.bridge.preloading import Libraries


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A library, which imports another of three modules, where Python finds it."""
    site = tmp_path / "site"
    (site / "a_library/parts").mkdir(parents=True)
    (site / "a_library/__init__.py").write_text("import a_helper.deep\n")
    (site / "a_library/drawing.py").write_text("import a_library.parts\n")
    (site / "a_library/parts/__init__.py").write_text("")
    (site / "a_helper").mkdir()
    (site / "a_helper/__init__.py").write_text("")
    (site / "a_helper/deep.py").write_text("")
    monkeypatch.syspath_prepend(site)
    yield "a_library"
    for name in [name for name in sys.modules if name.startswith(("a_library", "a_helper"))]:
        del sys.modules[name]


def known() -> set[str]:
    return {name for name in sys.modules if name.startswith(("a_library", "a_helper"))}


def test_modules_are_imported_and_others_left_to_those_who_ask(library: str) -> None:
    Libraries().load(
        [f"{library}.none", "sys", f"{library}.drawing", "", ".", f"{library}.drawing.x"]
    )
    assert known() == {
        *(library, f"{library}.drawing", f"{library}.parts"),
        *("a_helper", "a_helper.deep"),
    }


@pytest.mark.parametrize(
    ("own", "goes"),
    [
        ("a_helper.py", True),
        ("a_helper/__init__.py", True),
        ("a_helper/other.py", False),
        ("layers/a_helper.py", False),
        ("pytest.py", False),
    ],
)
def test_a_submissions_own_module_goes_before_what_came_along(
    own: str, goes: bool, library: str, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    (root / own).parent.mkdir(parents=True)
    (root / own).write_text("")
    libraries = Libraries()
    libraries.load([library])
    libraries.give_way(str(root))
    left = {library} if goes else {library, "a_helper", "a_helper.deep"}
    assert known() == left
    assert "pytest" in sys.modules
