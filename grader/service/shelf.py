"""A batch's folder that looks at a submission again only when something about it has changed."""

from __future__ import annotations

from pathlib import Path

from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.outline import Outlines
from grader.batch.source.handed import Handed
from grader.model import Entry

_Mark = tuple[int, int, int] | None


class Shelf(BatchFolder):
    """Keeps outlines of a batch's reports in memory, for pages that list all of them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._shared = Outlines()
        self._kept: dict[str, tuple[tuple[Handed, _Mark, _Mark], Entry]] = {}

    def outlines(self) -> tuple[Entry, ...]:
        """Return every submission with an outline of its report, as it was read before or anew."""
        return tuple(self._outline(handed) for handed in self.manifest().handed)

    def _outline(self, handed: Handed) -> Entry:
        key = handed.key
        # Taken first: what changes meanwhile is read again the next time.
        marks = (handed, _mark(self.report_path(key)), _mark(self.problem_path(key)))
        kept = self._kept.get(key)
        if kept is None or kept[0] != marks:
            kept = self._kept[key] = (marks, self._shared.entry(self.entry(handed)))
        return kept[1]


def _mark(path: Path) -> _Mark:
    """Return what tells a file from the one before: they are replaced as a whole."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
