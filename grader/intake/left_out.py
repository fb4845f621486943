"""What people zip along without meaning to: left out of the submission, at no cost."""

from __future__ import annotations

from collections.abc import Iterable

from grader.intake.shown import listed
from grader.model import Finding

_NAMES = {
    "system-files": {
        "__macosx", ".ds_store", ".spotlight-v100", ".trashes", ".fseventsd", "icon\r",
        "thumbs.db", "ehthumbs.db", "desktop.ini",
    },
    "caches": {
        "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis",
        ".ipynb_checkpoints",
    },
    "version-control": {".git", ".hg", ".svn"},
    "editor-settings": {".idea", ".vscode", ".vs"},
    "virtual-environment": {".venv", "venv", "site-packages"},
}  # fmt: skip
_KIND_OF = {name: kind for kind, names in _NAMES.items() for name in names}
_WHAT = {
    "system-files": "Files of the operating system",
    "caches": "Python's caches",
    "version-control": "The version control's own files",
    "editor-settings": "The editor's settings",
    "virtual-environment": "The virtual environment",
    "dataset": "The data set",
    "too-large": "What is too large and no Python source",
    "links": "Symbolic links",
}


class LeftOut:
    """Decides what is left out, and remembers it for the student.

    Parameters
    ----------
    paths : iterable of tuple of str
        Every path of the archive or folder, to tell a virtual environment by its `pyvenv.cfg`.
    """

    def __init__(self, paths: Iterable[tuple[str, ...]] = ()) -> None:
        self._seen: dict[str, dict[str, None]] = {}
        marked: set[tuple[str, ...]] = set()
        protected: set[tuple[str, ...]] = set()
        for parts in paths:
            if parts and parts[-1] == "pyvenv.cfg":
                marked.add(parts[:-1])
            # Somebody's project folder may itself be the environment: keep what holds layers/.
            for depth, part in enumerate(parts):
                if _kind_of(part):
                    break
                if part.casefold() == "layers":
                    protected.update(parts[:above] for above in range(depth + 1))
        self._environments = marked - protected

    def drops(self, parts: tuple[str, ...]) -> int | None:
        """Return how many leading parts of a path are kept, or None if all of it is."""
        for depth, part in enumerate(parts):
            kind = _kind_of(part)
            if parts[: depth + 1] in self._environments:
                kind = "virtual-environment"
            if kind:
                self.note(kind, "/".join(parts[: depth + 1]))
                return depth
        return None

    def note(self, kind: str, path: str) -> None:
        """Remember that a path was left out for the given kind of reason."""
        self._seen.setdefault(kind, {})[path] = None

    def findings(self) -> tuple[Finding, ...]:
        """Return one remark for each kind of thing that was left out."""
        return tuple(
            Finding(
                id=kind,
                costs=None,
                message=f"{_WHAT[kind]} left out, which costs nothing: {listed(list(paths))}.",
            )
            for kind, paths in sorted(self._seen.items())
        )


def _kind_of(part: str) -> str | None:
    folded = part.casefold()
    if kind := _KIND_OF.get(folded):
        return kind
    if folded.startswith("._"):
        return "system-files"
    if folded.endswith((".pyc", ".pyo")):
        return "caches"
    if folded.startswith("cifar-100-python"):
        return "dataset"
    return None
