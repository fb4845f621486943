"""What a regrade would change, as it is kept beside a batch: for programs, and as a page."""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator

import msgspec

from grader.atomic_file import write_pieces
from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.switch import REGRADE
from grader.batch.regrade.changes import SubmissionChange, by_case, verdict
from grader.errors import ConfigurationError
from grader.model import Audience, Entry
from grader.report.json_report import to_json
from grader.report.page import render_pieces

SCHEMA = "grader-regrade/1"
DIFFERENCE = "diff.json"
PAGE = "diff.html"
HEAD = 256
"""Bytes of `diff.json`, within which it says what was compared; it may be as large as a class."""
_BASIS = re.compile(rb'\{\s*"basis":\s*"([0-9a-f]{64})"')

Whole = Callable[[SubmissionChange], SubmissionChange]
"""Returns a change with its diagnostics."""


class Kept(msgspec.Struct, frozen=True):
    """A result that stays as it is.

    Attributes
    ----------
    key : str
        The submission's.
    why : str
        For staff.
    failed : bool
        Whether it was to be graded again, and something of ours failed.
    """

    key: str
    why: str
    failed: bool


class Difference(msgspec.Struct, frozen=True):
    """What a regrade would change; `diff.json`.

    Attributes
    ----------
    basis : str
        Digest of the results that it was compared with.
    submissions : int
        How many the batch has.
    changes : tuple of SubmissionChange
        Those in which something differs, the largest losses first. In memory they are without
        diagnostics, which only the files hold.
    kept : tuple of Kept
        What was not graded again, or could not be.
    schema : str
        The document's kind.
    """

    basis: str
    submissions: int
    changes: tuple[SubmissionChange, ...]
    kept: tuple[Kept, ...]
    schema: str = SCHEMA

    @property
    def verdicts(self) -> tuple[SubmissionChange, ...]:
        """Those in which more than wording differs."""
        return tuple(change for change in self.changes if change.items)


def write_difference(folder: BatchFolder, difference: Difference, whole: Whole) -> None:
    """Write what a regrade would change, for people and then for programs.

    Parameters
    ----------
    folder : BatchFolder
        Of the batch.
    difference : Difference
        Without diagnostics.
    whole : callable
        Asked for one change after the other, so that never all diagnostics are in memory.
    """
    place = folder.folder / REGRADE
    write_pieces(place / PAGE, page(difference, whole))
    # The last of all: what has it is whole.
    write_pieces(place / DIFFERENCE, document(difference, whole))


def page(difference: Difference, whole: Whole) -> Iterator[bytes]:
    """Return a page that shows all that would change, piece by piece."""
    cases = by_case(difference.changes)
    return render_pieces("regrade.html", difference=difference, cases=cases, whole=whole)


def document(difference: Difference, whole: Whole) -> Iterator[bytes]:
    """Return all that would change as indented JSON, piece by piece."""
    bare = msgspec.structs.replace(difference, changes=())
    # Before the changes come a digest and a number alone.
    before, empty, after = _indented(bare).partition('"changes": []')
    yield (before + empty.removesuffix("]")).encode()
    separator = "\n"
    for change in difference.changes:
        # No line of it begins in a string: JSON escapes line feeds.
        yield (separator + textwrap.indent(_indented(whole(change)), "    ")).encode()
        separator = ",\n"
    yield (("\n  " if difference.changes else "") + "]" + after + "\n").encode()


def _indented(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value).decode(), indent=2)


def basis_of(entries: Iterable[Entry]) -> str:
    """Return the digest of what the checks found, whatever people decided."""
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(found_in(entry))
    return digest.hexdigest()


def found_in(entry: Entry) -> bytes:
    """Return what the checks found in a submission, whatever people decided, for a digest."""
    found = b"" if entry.report is None else to_json(verdict(entry.report), Audience.STAFF)
    return entry.key.encode() + b"\0" + found


def prepared_basis(folder: BatchFolder) -> str:
    """Return the digest of the results that a prepared regrade was compared with.

    Raises
    ------
    ConfigurationError
        If none is prepared.
    """
    try:
        with (folder.folder / REGRADE / DIFFERENCE).open("rb") as file:
            says = _BASIS.match(file.read(HEAD))
    except OSError:
        says = None
    if says is None:
        raise ConfigurationError(
            f"{folder.folder} holds no finished regrade.",
            "Run `grader regrade` first, and look at what it changes.",
        )
    return says[1].decode()
