"""Results of items by the digest of what they depend on: on disk, whole or not at all."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import msgspec

from grader.atomic_file import write_atomically
from grader.dataset.store import cache_folder
from grader.model import ItemResult, Judged, Outcome

RESULT = "result.json"
PART = "part.msgpack"
DAY = 86400.0
NOT_KEPT = frozenset({Outcome.GRADER_ERROR, Outcome.NOT_RUN})
"""What says nothing about the submission."""


class CacheStats(msgspec.Struct, frozen=True):
    """What a cache holds: how many results, and bytes."""

    results: int
    bytes: int


class ResultCache:
    """Keeps what checks found.

    Parameters
    ----------
    folder : Path
        Made on first use.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, key: str) -> Judged | None:
        """Return a result, or None if there is none that can be read."""
        place = self._place(key)
        try:
            result = msgspec.json.decode((place / RESULT).read_bytes(), type=ItemResult)
            pictures = {name: (place / name).read_bytes() for name in result.artefacts}
        except (OSError, msgspec.DecodeError):
            return None
        return Judged(result, pictures)

    def save(self, key: str, judged: Judged) -> None:
        """Keep a result, the pictures first: a result that can be read is whole."""
        if judged.result.outcome in NOT_KEPT:
            return
        place = self._place(key)
        for name, picture in judged.artefacts.items():
            write_atomically(place / name, picture)
        write_atomically(place / RESULT, msgspec.json.encode(judged.result))

    def load_part(self, key: str) -> bytes | None:
        """Return what was kept on the way to a result, or None if there is nothing."""
        try:
            return (self._place(key) / PART).read_bytes()
        except OSError:
            return None

    def save_part(self, key: str, part: bytes) -> None:
        """Keep what took long and is not a result yet, such as a training without its baseline."""
        write_atomically(self._place(key) / PART, part)

    def stats(self) -> CacheStats:
        """Count what is there."""
        files = [path for path in self._folder.rglob("*") if path.is_file()]
        results = sum(path.name == RESULT for path in files)
        return CacheStats(results, sum(path.stat().st_size for path in files))

    def prune(self, days: float) -> int:
        """Remove the results that are older than so many days; return how many there were."""
        oldest = time.time() - days * DAY
        removed = 0
        for name in (RESULT, PART):
            for path in list(self._folder.rglob(name)):
                if path.stat().st_mtime < oldest:
                    shutil.rmtree(path.parent)
                    removed += name == RESULT
        return removed

    def _place(self, key: str) -> Path:
        return self._folder / key[:2] / key


def default_cache() -> ResultCache:
    """Return the cache in the user's own folder."""
    return ResultCache(cache_folder() / "results")
