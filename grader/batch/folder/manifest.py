"""What a batch set out to do: whose archives, which items, which seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from grader.batch.source.handed import Handed
from grader.errors import ConfigurationError
from grader.intake import is_text

MANIFEST_SCHEMA = "grader-batch-manifest/1"


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`batch.json` in a batch's folder, written before the first submission is graded.

    Attributes
    ----------
    source : Path
        What was named on the command line, as an absolute path.
    sandbox : str
        Where student code was to run, as `--sandbox` takes it.
    items : tuple of str
        The rubric items that were asked for.
    seed : int
        The grading seed.
    roster : Path or None
        The class list.
    handed : tuple of Handed
        The archives that count, one a student, with absolute paths.
    passed_over : tuple of str
        What was no archive, a sentence each.
    unknown : tuple of str
        Submissions that are nobody's in the class list, or not surely; a sentence each.
    missing : tuple of str
        Students of the class list without a submission, a sentence each.
    """

    schema: str = MANIFEST_SCHEMA
    source: Path
    sandbox: str
    items: tuple[str, ...]
    seed: int
    roster: Path | None = None
    handed: tuple[Handed, ...]
    passed_over: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def encode(manifest: Manifest) -> bytes:
    """Return the manifest as JSON, indented, with a line feed at its end.

    Raises
    ------
    ConfigurationError
        If a path in it is no text.
    """
    return msgspec.json.format(msgspec.json.encode(manifest, enc_hook=_text), indent=2) + b"\n"


def decode(document: bytes) -> Manifest:
    """Read a manifest.

    Raises
    ------
    msgspec.DecodeError
        If it is none.
    """
    manifest = msgspec.json.decode(document, type=Manifest, dec_hook=_path)
    if manifest.schema != MANIFEST_SCHEMA:
        raise msgspec.ValidationError(f"is of the kind {manifest.schema!r}")
    return manifest


def _text(path: Any) -> str:
    """Turn a path into a string, which JSON has a type for."""
    if not is_text(path):
        raise ConfigurationError(
            f"The path {str(path)!a} is no text in UTF-8, and could not be noted.",
            "Rename its folders or the file.",
        )
    return str(path)


def _path(kind: type, value: Any) -> Any:
    """Turn a string into a path, which JSON has no type for."""
    return kind(value)
