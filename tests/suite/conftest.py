"""A copy of the lab that a test may change, with a corpus of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.lab import Project, read_lab
from grader.suite.corpus import Edit

SOFTMAX_AXIS = Edit(
    "layers/softmax.py",
    old="np.sum(exponentials, axis=1, keepdims=True)",
    new="np.sum(exponentials, axis=0, keepdims=True)",
)
SOFTMAX_WHOLE_MAXIMUM = Edit(
    "layers/softmax.py",
    old="np.max(x, axis=1, keepdims=True)",
    new="np.max(x)",
)
RELU_COMMENT = Edit("layers/relu.py", old="class ReluLayer:", new="# right\nclass ReluLayer:")


@pytest.fixture
def copied(project: Project, tmp_path: Path) -> Project:
    """Return a copy of the lab without bugs, variants, justifications or publications."""
    root = tmp_path / "lab"
    root.mkdir()
    shutil.copy(project.root / "lab.toml", root)
    ignore = shutil.ignore_patterns("__pycache__", "bugs", "variants", "*.toml", "*.json")
    for name in ("reference", "student_template", "hidden_tests"):
        shutil.copytree(project.root / name, root / name, ignore=ignore)
    return Project(root, read_lab(root / "lab.toml"))


Write = Callable[..., None]


@pytest.fixture
def write_bug(copied: Project) -> Write:
    """Add a bug to the copy's corpus."""

    def write(name: str, items: list[str], *edits: Edit, **more: object) -> None:
        path = copied.hidden_tests / "bugs" / "some.toml"
        _append(path, "bug", name, edits, items=items, mind="m", **more)

    return write


@pytest.fixture
def write_variant(copied: Project) -> Write:
    """Add a variant to the copy's corpus."""

    def write(name: str, *edits: Edit) -> None:
        _append(copied.hidden_tests / "variants" / "some.toml", "variant", name, edits, what="w")

    return write


def _append(path: Path, kind: str, name: str, edits: tuple[Edit, ...], **more: object) -> None:
    # A JSON string or list of strings is TOML too.
    lines = [f"[[{kind}]]", f"id = {json.dumps(name)}"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in more.items()]
    for edit in edits:
        lines += [f"[[{kind}.edits]]", f"file = {json.dumps(edit.file)}"]
        if edit.old is not None:
            lines.append(f"old = {json.dumps(edit.old)}")
        lines.append(f"new = {json.dumps(edit.new)}")
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write("\n".join(lines) + "\n")
