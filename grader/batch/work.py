"""One submission in the hands of a batch: what is known of it, and what is still to be found."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

import msgspec

from grader.batch.folder.batch_folder import BatchFolder, entry_of
from grader.batch.results.cache import ResultCache
from grader.batch.results.content_key import content_keys
from grader.batch.results.reading import Reading, read
from grader.batch.source.handed import Handed
from grader.checks import better_cifar
from grader.errors import GraderError
from grader.intake import Rejection, read_archive_bytes
from grader.model import Entry, Graded, ItemResult, Judged, Report, Submission
from grader.overrides import Override
from grader.pipeline import Plan, make_report


class Work:
    """What a batch knows of one submission; its files are read again whenever they are needed.

    Parameters
    ----------
    one : Handed
        The archive.
    plan : Plan
        How to grade it.
    folder : BatchFolder
        Gets its report whenever something becomes known.
    cache : ResultCache
        Keeps each item's result.
    overrides : sequence of Override
        People's decisions.

    Attributes
    ----------
    open : set of str
        Items whose last word is still to come.
    number : int or None
        The student's number, by the class list or by what better_cifar.py says.
    over : bool
        Whether its entry was handed on: what is still running for it comes too late.

    Raises
    ------
    GraderError
        If the archive cannot be read or the report not be written.
    """

    def __init__(
        self,
        one: Handed,
        plan: Plan,
        folder: BatchFolder,
        cache: ResultCache,
        overrides: Sequence[Override],
    ) -> None:
        self.one = one
        self.plan = msgspec.structs.replace(plan, student_seed=one.seed)
        self._folder = folder
        self._cache = cache
        self._overrides = overrides
        self._known: dict[str, ItemResult] = {}
        self._keys: dict[str, str] = {}
        self.open: set[str] = set()
        self.over = False
        self.number: int | None = None
        started = time.monotonic()
        reading = read(one, plan.project.lab, cache)
        self._head, self._flags = reading.head, reading.flags
        pictures: dict[str, bytes] = {}
        if reading.refused is None:
            self.number = one.seed if one.seed is not None else reading.number
            pictures = self._recall(reading)
        self.seconds = {"intake": time.monotonic() - started}
        self.report = self._write(pictures) if self._tells_something() else None

    def key_of(self, item: str) -> str:
        """Return the key of an item's result."""
        return self._keys[item]

    def archive(self) -> bytes:
        """Read the archive again.

        Raises
        ------
        GraderError
            If it cannot be read, or is another one now.
        """
        path = self.one.path
        try:
            data = path.read_bytes()
        except OSError as error:
            raise GraderError(
                f"{path} could not be read ({error.strerror}).",
                "Put it back and run the batch again.",
            ) from error
        if hashlib.sha256(data).hexdigest() != self._head.sha256:
            raise GraderError(f"{path} was changed meanwhile.", "Run the batch again.")
        return data

    def submission(self) -> Submission:
        """Take the archive in again; as `archive` otherwise."""
        taken_in = read_archive_bytes(self.one.name, self.archive(), self.plan.project.lab)
        if isinstance(taken_in, Rejection):
            raise GraderError(f"{self.one.path} is refused the second time.", "Report this.")
        return taken_in

    def learn(self, judged: Sequence[Judged], *, for_now: bool = False) -> None:
        """Keep what was found, and write the report with it.

        Parameters
        ----------
        judged : sequence of Judged
            One or several items.
        for_now : bool
            Whether something is still to be added to them.

        Raises
        ------
        GraderError
            If it cannot be written.
        """
        pictures: dict[str, bytes] = {}
        for one in judged:
            item = one.result.id
            self._known[item] = one.result
            pictures.update(one.artefacts)
            if not for_now:
                self._cache.save(self._keys[item], one)
                self.open.discard(item)
        self.report = self._write(pictures)

    def entry(self) -> Entry:
        """Return the submission's entry, as far as it is known."""
        return entry_of(self.one, self.report)

    def _recall(self, reading: Reading) -> dict[str, bytes]:
        """Find what was judged before; return the pictures that belong to it."""
        pictures: dict[str, bytes] = {}
        asked = {item for item in self.plan.items if item != better_cifar.ITEM}
        if self.plan.dataset is not None:
            asked |= {better_cifar.ITEM} & set(self.plan.items)
        self._keys = content_keys(reading, self.plan, asked)
        for item, key in self._keys.items():
            judged = self._cache.load(key)
            if judged is None:
                self.open.add(item)
            else:
                self._known[item] = judged.result
                pictures.update(judged.artefacts)
        return pictures

    def _tells_something(self) -> bool:
        """Tell whether there is something to report; an older report must not stay as it is."""
        path = self._folder.report_path(self.one.key)
        return bool(self._known) or not self.open or path.exists()

    def _write(self, pictures: dict[str, bytes]) -> Report:
        seconds = {**self.seconds, "total": sum(self.seconds.values())}
        pending = self.open - set(self._known)
        report = make_report(
            self._head, self.plan, self._known, self._flags, seconds, self.one.lms, pending
        )
        return self._folder.write(self.one.key, Graded(report, pictures), self._overrides)
