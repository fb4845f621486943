"""Results of items by the digest of what they depend on: on disk, whole or not at all."""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from grader.atomic_file import write_atomically
from grader.dataset.store import cache_folder
from grader.model import Judged, Outcome

RESULT = ".result"
PART = ".part"
DAY = 86400.0
NOT_KEPT = frozenset({Outcome.GRADER_ERROR, Outcome.NOT_RUN})
"""What says nothing about the submission."""


class CacheStats(msgspec.Struct, frozen=True):
    """What a cache holds: how many results, and bytes."""

    results: int
    bytes: int


class ResultCache:
    """Keeps what checks found, a file each: a folder each would take longer to make than the file.

    Parameters
    ----------
    folder : Path
        Made on first use.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, key: str) -> Judged | None:
        """Return a result, or None if there is none that can be read."""
        try:
            return msgspec.msgpack.decode(self._place(key, RESULT).read_bytes(), type=Judged)
        except (OSError, msgspec.DecodeError):
            return None

    def save(self, key: str, judged: Judged) -> None:
        """Keep a result with its pictures."""
        if judged.result.outcome in NOT_KEPT:
            return
        whole = Judged(judged.result, dict(judged.artefacts))
        write_atomically(self._place(key, RESULT), msgspec.msgpack.encode(whole))

    def load_part(self, key: str) -> bytes | None:
        """Return what was kept on the way to a result, or None if there is nothing."""
        try:
            return self._place(key, PART).read_bytes()
        except OSError:
            return None

    def save_part(self, key: str, part: bytes) -> None:
        """Keep what took long and is not a result yet, such as a training without its baseline."""
        write_atomically(self._place(key, PART), part)

    def stats(self) -> CacheStats:
        """Count what is there."""
        files = self._files()
        results = sum(path.suffix == RESULT for path, _ in files)
        return CacheStats(results, sum(found.st_size for _, found in files))

    def prune(self, days: float) -> int:
        """Remove what is older than so many days; return how many results were.

        No empty folder stays either.
        """
        oldest = time.time() - days * DAY
        old = [path for path, found in self._files() if found.st_mtime < oldest]
        for path in old:
            path.unlink(missing_ok=True)
        for folder in self._folder.glob("*/"):
            # Only what is empty can be removed, whatever a batch that is running puts there.
            with suppress(OSError):
                folder.rmdir()
        return sum(path.suffix == RESULT for path in old)

    def _files(self) -> list[tuple[Path, os.stat_result]]:
        files = []
        for path in self._folder.rglob("*"):
            # A batch that is running renames some, and another `prune` removes them.
            with suppress(FileNotFoundError):
                found = path.stat()
                if stat.S_ISREG(found.st_mode):
                    files.append((path, found))
        return files

    def _place(self, key: str, kind: str) -> Path:
        return self._folder / key[:2] / f"{key}{kind}"


def default_cache() -> ResultCache:
    """Return the cache in the user's own folder."""
    return ResultCache(cache_folder() / "results")
