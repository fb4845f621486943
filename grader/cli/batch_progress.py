"""Shows how a batch goes: a bar and what is running on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from grader.batch.pace import Kind, Left
from grader.batch.runner import Watcher
from grader.batch.workers.tasks import Told
from grader.cli.console import log
from grader.model import Entry, Progress

BAR = 40
"""Characters."""
WAITING = "wait for a person"
_NAMES = {
    Kind.SHORT: "submissions' short items",
    Kind.TRAINING: "trainings",
    Kind.REFERENCE: "runs of the reference",
    Kind.DRAWING: "drawings",
}


@contextmanager
def showing(total: int, quiet: bool) -> Iterator[Shown]:
    """Show a batch of so many submissions on stderr, or nothing if `quiet`."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield Lines(total, quiet)
        return
    picture = Picture(total, console)
    # Names come from students' archives, so nothing here is markup.
    with Live(picture, console=console, transient=True, refresh_per_second=4):
        yield picture


class Shown(Watcher):
    """Shows, and counts."""

    def __init__(self) -> None:
        self.count = 0

    def note(self, line: str) -> None:
        """Write a line, whatever else is shown: it is about the batch as a whole."""
        log(line)


class Lines(Shown):
    """A line for each submission that is done."""

    def __init__(self, total: int, quiet: bool) -> None:
        super().__init__()
        self._total = total
        self._quiet = quiet

    def done(self, entry: Entry) -> None:
        """Write a line."""
        self.count += 1
        if not self._quiet:
            log(f"{self.count}/{self._total} {entry.key}: {came_to(entry)}")


class Picture(Shown):
    """A bar with the time that is left, counts, and a line for each submission that is running."""

    def __init__(self, total: int, console: Console) -> None:
        super().__init__()
        self._total = total
        self._console = console
        self._began = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._running: dict[str, tuple[Progress, float]] = {}
        self._left = Left(None, {})

    def tell(self, told: Told) -> None:
        """Remember what is going on in one submission."""
        if told.progress is None:
            self._running.pop(told.key, None)
            return
        _, since = self._running.get(told.key, (None, time.monotonic()))
        self._running[told.key] = (told.progress, since)

    def done(self, entry: Entry) -> None:
        """Count it."""
        self.count += 1
        self._counts[kind_of(entry)] += 1

    def note(self, line: str) -> None:
        """Write a line above the picture."""
        self._console.print(Text(line))

    def left(self, left: Left) -> None:
        """Remember what is left."""
        self._left = left

    def __rich__(self) -> RenderableType:
        """Draw it as it is now."""
        now = time.monotonic()
        bar = Table.grid(padding=(0, 1))
        share = f"{self.count}/{self._total} submissions"
        gone = f"{duration(now - self._began)} so far"
        bar.add_row(ProgressBar(self._total, self.count, width=BAR), share, gone)
        lines: list[RenderableType] = [bar, Text(left_text(self._left))]
        if self._counts:
            counts = (f"{count} {kind}" for kind, count in sorted(self._counts.items()))
            lines.append(Text(", ".join(counts)))
        running = Table.grid(padding=(0, 2))
        for key, (progress, since) in self._running.items():
            what = f"{progress.item}: {progress.text}"
            running.add_row(Text(f"  {key}"), Text(what), Text(duration(now - since)))
        return Group(*lines, running)


def left_text(left: Left) -> str:
    """Say how long the batch still takes, and what of that nobody can know yet."""
    unknown = " and ".join(f"{count} {_NAMES[kind]}" for kind, count in left.unknown.items())
    if left.seconds is None:
        return f"time left not known yet ({unknown} to go)" if unknown else ""
    known = f"about {duration(left.seconds)} left"
    return f"{known}, and {unknown}, of which none has ended yet" if unknown else known


def duration(seconds: float) -> str:
    """Return a time for people, such as `2 h 05 min`, `4 min 10 s` or `7 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def kind_of(entry: Entry) -> str:
    """Return what a submission came to, as it is counted."""
    report = entry.report
    if report is None or entry.needs_regrade:
        return "need a regrade"
    if report.provisional:
        return WAITING
    if report.is_final:
        return "graded"
    return "graded in part" if report.is_final_in_part else "not graded"


def came_to(entry: Entry) -> str:
    """Return what a submission came to, in a line."""
    if entry.report is None:
        return f"not graded: {entry.problem}"
    score = "no score" if entry.report.score is None else f"{entry.report.score:.2f}"
    return f"{score}, {entry.report.score_note}" if entry.report.score_note else score
