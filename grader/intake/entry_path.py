"""Checks one path out of an archive or a folder: what may not be, and why."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from grader.intake.rejection import RefusedError
from grader.intake.shown import quoted

_LONGEST_NAME = 255  # what file systems hold
_LONGEST_PATH = 1_000
_DEEPEST = 32

_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_RENAME = "rename it and zip the folder again"


def separator_of(names: Iterable[str]) -> str:
    r"""Return the separator that an archive uses: some Windows tools write ``\`` for ``/``.

    Raises
    ------
    RefusedError
        If the archive holds both.
    """
    backslashed = None
    slashed = False
    for name in names:
        if "\\" in name:
            backslashed = name
        slashed = slashed or "/" in name
    if backslashed is None:
        return "/"
    if slashed:
        raise RefusedError(
            f"The archive mixes / and \\, as in {quoted(backslashed)}",
            "zip the folder again with another tool",
        )
    return "\\"


def split_path(name: str, separator: str = "/") -> tuple[str, ...]:
    """Split an entry's name into its parts; `.` and doubled separators are left out.

    Raises
    ------
    RefusedError
        If the name is empty, absolute, too deep, or climbs out of its folder.
    """
    if not name:
        raise RefusedError("The archive holds an entry without a name")
    if name[0] in "/\\" or re.match(r"[A-Za-z]:", name):
        raise RefusedError(f"The archive holds {quoted(name)}, an absolute path")
    if ".." in re.split(r"[/\\]", name):
        raise RefusedError(f"The archive holds {quoted(name)}, which leads out of its folder")
    parts = tuple(part for part in name.split(separator) if part not in ("", "."))
    if len(parts) > _DEEPEST:
        raise RefusedError(
            f"The path {quoted(name)} is {len(parts)} folders deep", "hand in the lab's files only"
        )
    return parts


def check_parts(parts: tuple[str, ...]) -> None:
    """Refuse a path that cannot be shown, or that no file system would hold.

    Raises
    ------
    RefusedError
        Naming the path and what is wrong with it.
    """
    path = "/".join(parts)
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in path):
        raise RefusedError(
            f"The name {quoted(path)} holds control characters or is not text", _RENAME
        )
    if not _BIDI.isdisjoint(path):
        raise RefusedError(f"The name {quoted(path)} holds characters that turn text", _RENAME)
    if max(map(len, parts), default=0) > _LONGEST_NAME or len(path) > _LONGEST_PATH:
        raise RefusedError(f"The name {quoted(path)} is {len(path)} characters long", _RENAME)
