"""Finds the submission's root folder in what was unpacked, and says what is not where it belongs.

An archive as asked for is one top folder with the files right below it:

    FIRSTNAME_LASTNAME_LAB3/
        layers/  test/  results/  better_cifar.py

The root is the folder that holds `layers/`, however deep it lies.
"""

from __future__ import annotations

import msgspec

from grader.intake.archive_name import ArchiveName, read_name, same_stem
from grader.intake.shown import listed, quoted
from grader.intake.tree import Tree
from grader.lab import Lab
from grader.model import Finding

COSTS = "top-folder"
_FOLDERS = ("layers", "test", "results")
_SCRIPT = "better_cifar.py"


class Layout(msgspec.Struct, frozen=True):
    """A submission's files, by paths relative to its root.

    Attributes
    ----------
    root : str
        Where the root lies in the archive; "" if the archive has no folder around it.
    files : dict of str to bytes
        Contents by path; required names are spelled as required.
    folders : frozenset of str
        All folders below the root.
    findings : tuple of Finding
        What is spelled otherwise, and which root was taken where there was a choice.
    """

    root: str
    files: dict[str, bytes]
    folders: frozenset[str]
    findings: tuple[Finding, ...]


def lay_out(tree: Tree, lab: Lab) -> Layout:
    """Take the files below the root, with required names spelled as required."""
    root, findings = _find_root(tree, lab)
    prefix = f"{root}/" if root else ""
    required = {name: name for name in _FOLDERS} | {_SCRIPT: _SCRIPT}
    required |= {f"layers/{m.file}".casefold(): f"layers/{m.file}" for m in lab.modules}
    misspelled: dict[str, str] = {}

    def spell(path: str) -> str:
        parts = path.split("/")
        for depth in range(1, min(len(parts), 2) + 1):
            wanted = required.get("/".join(parts[:depth]).casefold())
            if wanted is None:
                continue
            name = wanted.rpartition("/")[2]
            if parts[depth - 1] != name:
                misspelled[wanted] = parts[depth - 1]
                parts[depth - 1] = name
        return "/".join(parts)

    files = {spell(p[len(prefix) :]): c for p, c in tree.files.items() if p.startswith(prefix)}
    folders = {spell(p[len(prefix) :]) for p in tree.folders if p.startswith(prefix)}
    findings += [
        Finding(
            id="upper-and-lower-case",
            costs=wanted,
            message=f"{quoted(found)} was taken for {wanted}: rename it, since on other computers "
            "Python will not find it.",
        )
        for wanted, found in sorted(misspelled.items())
    ]
    return Layout(root, files, frozenset(folders), tuple(findings))


def judge_top_folder(tree: Tree, layout: Layout, name: ArchiveName, lab: Lab) -> list[Finding]:
    """Say what is not as asked about the one top folder; at most one finding.

    Parameters
    ----------
    tree : Tree
        The whole archive.
    layout : Layout
        Where its root is.
    name : ArchiveName
        What the top folder should be called.
    lab : Lab
        For the lab's name.
    """
    wanted = name.canonical or f"FIRSTNAME_LASTNAME_{lab.lab.name}"
    ask = f"zip one folder named {wanted} with the files right inside it."
    root = layout.root
    if not root:
        return [
            Finding(
                id="no-top-folder",
                costs=COSTS,
                message=f"The files lie in the archive without a folder around them: {ask}",
            )
        ]
    if "/" in root:
        return [
            Finding(
                id="nested-twice",
                costs=COSTS,
                message=f"The files lie in a folder within a folder, {quoted(root)}: {ask}",
            )
        ]
    beside = sorted(p for p in (*tree.files, *tree.folders) if "/" not in p and p != root)
    if beside:
        return [
            Finding(
                id="several-at-the-top",
                costs=COSTS,
                message=f"Only {quoted(root)} was graded, and beside it the archive holds "
                f"{listed(beside)}: {ask}",
            )
        ]
    if not _rightly_named(root, name, lab):
        return [
            Finding(
                id="top-folder-name",
                costs=COSTS,
                message=f"The top folder is named {quoted(root)} and not as the archive: {ask}",
            )
        ]
    return []


def _rightly_named(root: str, name: ArchiveName, lab: Lab) -> bool:
    """Compare with the archive as it is named and as it should be: one slip is not paid twice."""
    folder = read_name(root, lab.lab.name)
    if name.identity.first_name is None:
        return folder.right
    names = [name.stem, *([name.canonical] if name.canonical else [])]
    return any(same_stem(folder.stem, other) for other in names)


def _find_root(tree: Tree, lab: Lab) -> tuple[str, list[Finding]]:
    packages = [path for path in tree.folders if path.rsplit("/", 1)[-1].casefold() == "layers"]
    if not packages:
        return _single_folders(tree), []
    required = {module.file.casefold() for module in lab.modules}
    held = {path.casefold() for path in tree.files}

    def has_modules(package: str) -> bool:
        return any(f"{package.casefold()}/{file}" in held for file in required)

    def rank(package: str) -> tuple[bool, int, bool, str]:
        script = f"{_parent(package)}/{_SCRIPT}".lstrip("/").casefold()
        return (not has_modules(package), package.count("/"), script not in held, package)

    chosen, *others = sorted(packages, key=rank)
    others = [package for package in others if has_modules(package)]
    findings = []
    if others:
        findings.append(
            Finding(
                id="several-layers",
                costs=None,
                message=f"Of several folders named layers, {quoted(chosen)} was graded and not "
                f"{listed(others)}.",
            )
        )
    return _parent(chosen), findings


def _single_folders(tree: Tree) -> str:
    """Without any layers/: step down while there is nothing but one folder."""
    root = ""
    while True:
        prefix = f"{root}/" if root else ""
        inside = {
            path[len(prefix) :].partition("/")[0]
            for path in (*tree.files, *tree.folders)
            if path.startswith(prefix)
        }
        only = prefix + next(iter(inside), "")
        if len(inside) != 1 or only not in tree.folders:
            return root
        root = only


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
