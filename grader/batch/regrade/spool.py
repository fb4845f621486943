"""Keeps what would change with all diagnostics on disk, and in memory what sums it up."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType

import msgspec

from grader.batch.regrade.changes import ChangeOutlines, SubmissionChange
from grader.errors import GraderError


class Spool:
    """Takes one change after the other, then gives them back in any order.

    Parameters
    ----------
    folder : Path
        Where there is room for them; nothing that is seen there is made.

    Raises
    ------
    GraderError
        If they cannot be written there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._outlines = ChangeOutlines()
        self._kept: list[SubmissionChange] = []
        self._places: dict[str, tuple[int, int]] = {}
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with this
        except OSError as error:
            raise self._unwritten(error) from error

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._file.close()

    def keep(self, change: SubmissionChange) -> None:
        """Keep the change of a submission that has none here yet."""
        data = msgspec.msgpack.encode(change)
        self._places[change.key] = (self._file.tell(), len(data))
        self._kept.append(self._outlines.outline(change))
        try:
            self._file.write(data)
        except OSError as error:
            raise self._unwritten(error) from error

    def changes(self) -> tuple[SubmissionChange, ...]:
        """Return all without diagnostics, the largest losses first."""
        return tuple(sorted(self._kept, key=lambda one: one.gain))

    def whole(self, change: SubmissionChange) -> SubmissionChange:
        """Return a change that was kept, with its diagnostics; nothing more can be kept then."""
        place, size = self._places[change.key]
        try:
            self._file.seek(place)
            data = self._file.read(size)
        except OSError as error:
            raise self._unwritten(error) from error
        return msgspec.msgpack.decode(data, type=SubmissionChange)

    def _unwritten(self, error: OSError) -> GraderError:
        return GraderError(
            f"What would change could not be written to {self._folder} ({error.strerror}).",
            "Check that the folder may be written to, and make room.",
        )
