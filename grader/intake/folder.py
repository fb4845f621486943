"""Takes in a folder that a student has not zipped yet, by the same rules as an archive."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import MappingProxyType

from grader.errors import GraderError
from grader.intake.archive_name import read_name
from grader.intake.entry_path import check_parts, split_path
from grader.intake.file_name import file_name
from grader.intake.layout import lay_out
from grader.intake.left_out import LeftOut
from grader.intake.rejection import RefusedError, Rejection
from grader.intake.shown import quoted
from grader.intake.source_text import note_marks
from grader.intake.tree import Tree
from grader.lab import Lab
from grader.model import Finding, Identity, Submission

NOT_PACKED = "not-packed"
_CHUNK = 1 << 20


def read_folder(path: Path, lab: Lab) -> Submission | Rejection:
    """Read a folder, following no symbolic link in it.

    Parameters
    ----------
    path : Path
        The lab's folder, or one around it.
    lab : Lab
        For the limits, the lab's name and the required files.

    Returns
    -------
    Submission or Rejection
        The submission holds the finding `not-packed`: it has no archive to judge the name of.

    Raises
    ------
    GraderError
        If the folder is missing or something in it cannot be read.
    """
    name = file_name(path.resolve())
    identity = _identity(name, lab)
    try:
        tree, left_out = _read_tree(path, lab)
    except RefusedError as refused:
        empty = hashlib.sha256().hexdigest()
        return Rejection(name, empty, identity, refused.reason)
    layout = lay_out(tree, lab)
    findings = [
        Finding(
            id=NOT_PACKED,
            costs=None,
            message="The archive's name and its top folder are judged once it is zipped; grader "
            "pack gets both right.",
        )
    ]
    if layout.root:
        findings.append(
            Finding(
                id="folder-within",
                costs=None,
                message=f"The lab's files were found in {quoted(layout.root)} below this folder.",
            )
        )
    return Submission(
        archive=name,
        sha256=_digest(layout.files),
        identity=identity,
        files=MappingProxyType(layout.files),
        folders=layout.folders,
        naming=(*findings, *layout.findings, *left_out.findings(), *note_marks(layout.files)),
    )


def _identity(name: str, lab: Lab) -> Identity:
    read = read_name(name, lab.lab.name)
    return read.identity if read.right else Identity(None, None)


def _read_tree(path: Path, lab: Lab) -> tuple[Tree, LeftOut]:
    tree = Tree(lab.intake)
    left_out = LeftOut()
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(path.joinpath(*folder)) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            raise _unreadable(path.joinpath(*folder), error) from error
        # pyvenv.cfg marks a virtual environment, unless the lab itself was made into one.
        names = {entry.name.casefold() for entry in entries}
        if folder and "pyvenv.cfg" in names and "layers" not in names:
            left_out.note("virtual-environment", "/".join(folder))
            continue
        tree.add_folder(folder)
        for entry in entries:
            parts = (*folder, entry.name)
            if left_out.drops(parts) is not None:
                continue
            split_path("/".join(parts))
            check_parts(parts)
            if entry.is_symlink():
                left_out.note("links", "/".join(parts))
            elif entry.is_dir():
                waiting.append(parts)
            elif entry.is_file():
                _read_file(Path(entry.path), parts, tree, left_out)
    return tree, left_out


def _read_file(path: Path, parts: tuple[str, ...], tree: Tree, left_out: LeftOut) -> None:
    try:
        size = path.stat().st_size
        if size > tree.largest_file and path.suffix.lower() != ".py":
            left_out.note("too-large", "/".join(parts))
            return
        with path.open("rb") as file:
            content = file.read(tree.room + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    tree.add_file(parts, content)


def _digest(files: dict[str, bytes]) -> str:
    """Hash names and contents, each by a digest of its own: none can run into the next."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(hashlib.sha256(name.encode()).digest())
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def _unreadable(path: Path, error: OSError) -> GraderError:
    return GraderError(
        f"{path} could not be read ({error.strerror}).", "Check the path and its permissions."
    )
