"""The corpus: wrong implementations that must lose points, and unusual right ones that must not.

Both are small edits of the reference, in TOML files in `hidden_tests/bugs/` and
`hidden_tests/variants/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

import msgspec

from grader.errors import ConfigurationError
from grader.lab import Project


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change to one file of the reference.

    Attributes
    ----------
    file : str
        Path below the submission's root, such as `layers/full.py`.
    old : str or None
        Text that is there exactly once; None replaces the whole file, or adds it.
    new : str
        What takes its place.
    """

    file: str
    new: str
    old: str | None = None


class Bug(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wrong implementation.

    Attributes
    ----------
    id : str
        Unique in the corpus, such as `softmax-by-column`.
    items : tuple of str
        The rubric items that must lose points; no other may.
    mind : str
        How it goes wrong in a student's mind, in one clause.
    edits : tuple of Edit
        What differs from the reference.
    keeps : tuple of str or None
        The cases of its items that it may pass, such as `hidden:full/initial-bias`, without
        parameters; None where that is left open.
    """

    id: str
    items: tuple[str, ...]
    mind: str
    edits: tuple[Edit, ...]
    keeps: tuple[str, ...] | None = None


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A right but unusual implementation, which must keep every point.

    Attributes
    ----------
    id : str
        Unique in the corpus.
    what : str
        What is unusual about it, in one clause.
    edits : tuple of Edit
        What differs from the reference.
    bridge_only : bool
        Whether it is right only across the bridge, which accepts other spellings of names.
    """

    id: str
    what: str
    edits: tuple[Edit, ...]
    bridge_only: bool = False


class _BugFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bug: tuple[Bug, ...]


class _VariantFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    variant: tuple[Variant, ...]


class Corpus(msgspec.Struct, frozen=True):
    """All bugs and variants, in the order of their files."""

    bugs: tuple[Bug, ...]
    variants: tuple[Variant, ...]


_File = TypeVar("_File", _BugFile, _VariantFile)


def read_corpus(project: Project) -> Corpus:
    """Read every bug and variant.

    Raises
    ------
    ConfigurationError
        If a file is not valid, an id stands twice, or an item is not in the rubric.
    """
    bug_files = sorted((project.hidden_tests / "bugs").glob("*.toml"))
    variant_files = sorted((project.hidden_tests / "variants").glob("*.toml"))
    bugs = tuple(bug for path in bug_files for bug in _decode(path, _BugFile).bug)
    variants = tuple(one for path in variant_files for one in _decode(path, _VariantFile).variant)
    entries: tuple[Bug | Variant, ...] = (*bugs, *variants)
    seen: set[str] = set()
    for entry in entries:
        if entry.id in seen:
            raise ConfigurationError(
                f"The corpus has two entries {entry.id!r}.", "Give each an id of its own."
            )
        seen.add(entry.id)
    for bug in bugs:
        unknown = set(bug.items) - set(project.lab.test_items)
        if unknown or not bug.items:
            raise ConfigurationError(
                f"The bug {bug.id!r} names {', '.join(sorted(unknown)) or 'no item'}, which no "
                "tests decide.",
                f"Choose from {', '.join(project.lab.test_items)}.",
            )
    return Corpus(bugs, variants)


def choose(corpus: Corpus, patterns: Sequence[str]) -> Corpus:
    """Return the entries whose ids match one of the patterns, such as `softmax-*`.

    Raises
    ------
    ConfigurationError
        If a pattern matches none.
    """
    ids = [*(bug.id for bug in corpus.bugs), *(variant.id for variant in corpus.variants)]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in ids):
            raise ConfigurationError(
                f"No bug or variant has an id like {pattern!r}.",
                "Ids are in hidden_tests/bugs/ and hidden_tests/variants/.",
            )

    def chosen(entry: Bug | Variant) -> bool:
        return any(fnmatchcase(entry.id, pattern) for pattern in patterns)

    return Corpus(tuple(filter(chosen, corpus.bugs)), tuple(filter(chosen, corpus.variants)))


def _decode(path: Path, kind: type[_File]) -> _File:
    try:
        return msgspec.toml.decode(path.read_bytes(), type=kind)
    except (msgspec.DecodeError, OSError) as error:
        raise ConfigurationError(f"{path} is not valid: {error}.", "Mend it.") from error


def apply_edits(
    files: Mapping[str, bytes], edits: tuple[Edit, ...], owner: str
) -> dict[str, bytes]:
    """Return the files with the edits made, one after the other.

    Raises
    ------
    ConfigurationError
        If an edit's text is not in its file exactly once, as when the reference has changed.
    """
    edited = dict(files)
    for edit in edits:
        if edit.old is None:
            edited[edit.file] = edit.new.encode()
            continue
        text = edited.get(edit.file, b"").decode()
        if text.count(edit.old) != 1:
            raise ConfigurationError(
                f"{owner} no longer fits the reference: {edit.old!r} is in {edit.file} "
                f"{text.count(edit.old)} times.",
                "Mend the edit, so that its text is there exactly once.",
            )
        edited[edit.file] = text.replace(edit.old, edit.new).encode()
    return edited
