"""Reads a file's name as text, whichever system wrote it."""

from __future__ import annotations

import os
from pathlib import Path


def file_name(path: Path) -> str:
    """Return the name of a file on this machine, as people are shown it and reports keep it.

    Windows' own names come to other systems in zips, and what unpacks these may keep the bytes.
    """
    return name_text(os.fsencode(path.name))


def name_text(raw: bytes) -> str:
    """Return the text of a name: UTF-8 where it can be that, and else code page 437, as in zips.

    Text in code page 437 is next to never valid UTF-8.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def is_text(path: Path) -> bool:
    """Return whether a path is text, so that a file of ours can hold it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
