"""The folder of a batch: a report for each submission, people's decisions, and their sums."""

from __future__ import annotations

import csv
import fcntl
import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from grader.atomic_file import write_atomically
from grader.batch.folder.manifest import Manifest, decode, encode
from grader.batch.folder.outline import Outlines
from grader.batch.folder.switch import finish, is_cut_short
from grader.batch.source.handed import Handed
from grader.errors import ConfigurationError, GraderError
from grader.lab import Lab
from grader.model import Audience, Entry, Graded, Outcome, Report
from grader.overrides import Override, apply_overrides, read_overrides
from grader.report.json_report import to_json
from grader.report.likeness_report import Likeness
from grader.report.to_do import to_do

SUMMARY_SCHEMA = "grader-batch/1"
MANIFEST = "batch.json"
GRADEBOOK = "gradebook.csv"
SUMMARY = "summary.json"
LOCK = ".lock"
FINISH_LOCK = ".finish.lock"
HANDED_IN_AGAIN = "Another archive was handed in since it was graded. Run the batch again."
_T = TypeVar("_T")


class _Archive(msgspec.Struct, frozen=True):
    sha256: str


class _Graded(msgspec.Struct, frozen=True):
    """As much of a report as tells what it is about; the rest is not decoded."""

    submission: _Archive


class BatchFolder:
    """Reads and writes what a batch leaves.

    Parameters
    ----------
    folder : Path
        `DIR` of `grader batch --out DIR`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def report_path(self, key: str) -> Path:
        """Return where a submission's report is."""
        return self.folder / "submissions" / key / "report.json"

    def artefacts_path(self, key: str) -> Path:
        """Return the folder of the pictures that a submission's report names."""
        return self.folder / "submissions" / key / "artefacts"

    def problem_path(self, key: str) -> Path:
        """Return where it is said why a submission could not be graded, if it could not."""
        return self.folder / "submissions" / key / "problem.txt"

    @property
    def overrides_path(self) -> Path:
        """Where people's decisions are, if there are any."""
        return self.folder / "overrides.json"

    def begin(self, manifest: Manifest) -> None:
        """Write down what the batch sets out to do.

        A report about an earlier archive of the student counts no more from now on, also if the
        batch is ended before it comes to the later one.
        """
        self._settle()
        for handed in manifest.handed:
            graded = self._standing(handed.key, _Graded)
            if graded is not None and _is_another(handed.path, graded.submission.sha256):
                self.write_problem(handed.key, HANDED_IN_AGAIN)
        write_atomically(self.folder / MANIFEST, encode(manifest))

    def manifest(self) -> Manifest:
        """Return what the batch set out to do.

        Raises
        ------
        ConfigurationError
            If the folder holds no batch.
        """
        path = self.folder / MANIFEST
        self._settle()
        try:
            return decode(path.read_bytes())
        except OSError as error:
            raise ConfigurationError(
                f"{self.folder} holds no batch ({MANIFEST}: {error.strerror}).",
                "Name the folder that `grader batch --out` wrote.",
            ) from error
        except msgspec.DecodeError as error:
            raise ConfigurationError(
                f"{path} does not say what the batch is ({error}).", "Run the batch again."
            ) from error

    def entries(self) -> tuple[Entry, ...]:
        """Return every submission of the batch with what is known of it now, by key.

        Raises
        ------
        GraderError
            If the folder holds no batch, or a report in it cannot be read.
        """
        return tuple(self.one_by_one())

    def outlines(self) -> tuple[Entry, ...]:
        """Return every submission, as `entries` does, with outlines of the reports.

        However large the class, they fit in memory.
        """
        outlines = Outlines()
        return tuple(outlines.entry(entry) for entry in self.one_by_one())

    def one_by_one(self) -> Iterator[Entry]:
        """Yield every submission, as `entries` returns them: one report after the other is read."""
        for handed in self.manifest().handed:
            yield self.entry(handed)

    def entry(self, handed: Handed) -> Entry:
        """Return what is known of a submission now; raises as `read`."""
        problem = self.problem_path(handed.key)
        if problem.exists():
            return entry_of(handed, None, problem.read_text())
        if not self.report_path(handed.key).exists():
            return entry_of(handed, None, "It was not graded yet. Run the batch again.")
        return entry_of(handed, self.read(handed.key))

    def overrides(self) -> tuple[Override, ...]:
        """Return people's decisions; none if there is no file of them."""
        path = self.overrides_path
        return read_overrides(path) if path.exists() else ()

    def changing(self) -> AbstractContextManager[None]:
        """Keep all others that change decisions or reports for them waiting meanwhile."""
        return self._locked(LOCK)

    def finishing(self) -> AbstractContextManager[None]:
        """Keep all others that write what is made of the reports waiting meanwhile.

        Who needs both locks takes this one first.
        """
        return self._locked(FINISH_LOCK)

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        try:
            lock = (self.folder / name).open("ab")
        except OSError as error:
            raise GraderError(
                f"{self.folder} could not be locked ({error.strerror}).",
                "Check that the folder may be written to, and make room.",
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _settle(self) -> None:
        """Finish the switch to a regrade's results that was cut short, if one was."""
        if is_cut_short(self.folder):
            with self.changing():
                finish(self.folder)

    def decided(self, key: str, overrides: Sequence[Override]) -> Report:
        """Return a submission's report with decisions applied, also those taken back since."""
        return apply_overrides(self.read(key), overrides, key)

    def rewrite(self, key: str, report: Report) -> None:
        """Write a submission's report again, with other decisions."""
        write_atomically(self.report_path(key), to_json(report, Audience.STAFF))

    def write(self, key: str, graded: Graded, overrides: Sequence[Override]) -> Report:
        """Write a submission's pictures, then its report, with decisions applied.

        What stands there already is not written again: a report that says the same as before
        keeps the time at which it was made.
        """
        report = apply_overrides(graded.report, overrides, key)
        for name, picture in graded.artefacts.items():
            path = self.artefacts_path(key) / name
            if not _holds(path, picture):
                write_atomically(path, picture)
        # Whoever decides meanwhile would write the report that he read, and undo this.
        with self.changing():
            standing = self._standing(key, Report)
            if standing is not None and _says_the_same(standing, report):
                report = standing
            else:
                write_atomically(self.report_path(key), to_json(report, Audience.STAFF))
        self.problem_path(key).unlink(missing_ok=True)
        return report

    def _standing(self, key: str, kind: type[_T]) -> _T | None:
        """Return the standing report, or as much of it as a type asks for."""
        try:
            return msgspec.json.decode(self.report_path(key).read_bytes(), type=kind)
        except (OSError, msgspec.DecodeError):
            return None

    def write_problem(self, key: str, problem: str) -> None:
        """Say why a submission could not be graded; an older report of it counts no more."""
        write_atomically(self.problem_path(key), problem.encode())

    def read(self, key: str) -> Report:
        """Read a submission's report.

        Raises
        ------
        GraderError
            If it cannot be read.
        """
        try:
            return msgspec.json.decode(self.document(key), type=Report)
        except msgspec.DecodeError as error:
            raise self._unreadable(key, error) from error

    def document(self, key: str) -> bytes:
        """Read a submission's report as it is on disk; raises as `read`."""
        try:
            return self.report_path(key).read_bytes()
        except OSError as error:
            raise self._unreadable(key, error) from error

    def _unreadable(self, key: str, error: Exception) -> GraderError:
        return GraderError(
            f"{self.report_path(key)} cannot be read ({error}).", "Run the batch again."
        )

    def finish(
        self, entries: Sequence[Entry], manifest: Manifest, lab: Lab, likeness: Likeness
    ) -> None:
        """Write `gradebook.csv` and `summary.json`."""
        write_atomically(self.folder / GRADEBOOK, gradebook(entries, lab))
        write_atomically(self.folder / SUMMARY, summary(entries, manifest, likeness))


def _is_another(archive: Path, sha256: str) -> bool:
    """Tell whether an archive is not the one with that digest; one that cannot be read may be."""
    try:
        with archive.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() != sha256
    except OSError:
        return False


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def _says_the_same(standing: Report, report: Report) -> bool:
    """Tell whether two reports differ in nothing but when they were made, and how fast."""
    made = {"timings": standing.timings, "graded_at": standing.graded_at}
    return msgspec.structs.replace(report, **made) == standing


def entry_of(handed: Handed, report: Report | None, problem: str = "") -> Entry:
    """Return a submission's entry; what the grader failed on in its report is its problem."""
    if report is not None:
        broken = [item for item in report.items if item.outcome is Outcome.GRADER_ERROR]
        problem = " ".join(line for item in broken for line in item.feedback)
    return Entry(handed.key, handed.name, report, problem, handed.superseded)


def gradebook(entries: Sequence[Entry], lab: Lab) -> bytes:
    """Return a CSV with a row a submission: who, the score, each item, and what is still to do.

    What is not known is an empty cell, never a zero; and a sum that leaves items out is no score.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    items = [line.id for line in lab.rubric]
    writer.writerow(["key", "archive", "last_name", "first_name", "late", "score", *items, "to_do"])
    for entry in entries:
        report = entry.report
        if report is None:
            cells = ["", "", "", "", *("" for _ in items)]
        else:
            points = {item.id: item.points for item in report.items}
            stamp = report.submission
            cells = [
                stamp.last_name or "",
                stamp.first_name or "",
                (stamp.lms or {}).get("late", ""),
                _cell(report.score if report.is_final else None),
                *(_cell(points.get(item)) for item in items),
            ]
        row = (entry.key, entry.archive, *cells, to_do(entry) or _not_run(report))
        writer.writerow([_text(cell) for cell in row])
    return text.getvalue().encode()


def summary(entries: Sequence[Entry], manifest: Manifest, likeness: Likeness) -> bytes:
    """Return what a batch came to, as JSON (`grader-batch/1`)."""
    reports = [entry.report for entry in entries if entry.report is not None]
    outcomes: dict[str, Counter[str]] = {}
    for report in reports:
        for item in report.items:
            outcomes.setdefault(item.id, Counter())[item.outcome.value] += 1
    document = {
        "schema": SUMMARY_SCHEMA,
        "submissions": len(entries),
        "graded": sum(report.is_final for report in reports),
        "graded_in_part": sum(report.is_final_in_part for report in reports),
        "provisional": [e.key for e in entries if e.report is not None and e.report.provisional],
        "needs_regrade": [
            {"key": e.key, "archive": e.archive, "why": e.problem}
            for e in entries
            if e.needs_regrade
        ],
        "superseded": {e.key: list(e.superseded) for e in entries if e.superseded},
        "passed_over": list(manifest.passed_over),
        "not_in_roster": list(manifest.unknown),
        "without_submission": list(manifest.missing),
        "likeness": {
            "students": sorted(likeness.keys),
            "code_pairs": likeness.code_pairs,
            "plot_groups": len(likeness.pictures),
            "same_archives": len(likeness.archives),
            "not_compared": len(likeness.left_out),
        },
        "outcomes": {item: dict(sorted(counts.items())) for item, counts in outcomes.items()},
        "flags": {
            e.key: [flag.message for flag in e.report.flags]
            for e in entries
            if e.report is not None and e.report.flags
        },
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _not_run(report: Report | None) -> str:
    left_out = report.left_out if report is not None else ()
    return f"not run: {', '.join(left_out)}" if left_out else ""


def _cell(points: float | None) -> str:
    return "" if points is None else f"{points:.10g}"


def _text(cell: str) -> str:
    """Keep a spreadsheet from taking a name of the student's making for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
