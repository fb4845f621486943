"""`grader batch`: a whole class, from its archives to a gradebook."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from grader.batch.cache import default_cache
from grader.batch.enrolment import enrol
from grader.batch.folder import BatchFolder
from grader.batch.manifest import Manifest
from grader.batch.runner import Settings, Told, Watcher, grade_batch
from grader.batch.source import read_source
from grader.cli.console import log
from grader.cli.grade import make_plan
from grader.errors import ConfigurationError
from grader.lab import find_project
from grader.model import Entry
from grader.roster import read_roster
from grader.sandbox.choice import SandboxKind

MOST_NAMED = 5
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2


@click.command(
    epilog="""\b
Examples:
  grader batch submissions --out graded
  grader batch submissions --out graded --jobs 4 --only softmax,sequential
"""
)
@click.argument("source", type=Path)
@click.option("--out", type=Path, required=True, help="The batch's folder.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=CORES,
    show_default="one a core",
    help="How many submissions at once.",
)
@click.option(
    "--sandbox",
    type=click.Choice(SandboxKind, case_sensitive=False),
    default=SandboxKind.AUTO,
    show_default=True,
    help="Where student code runs.",
)
@click.option("--only", metavar="ITEM,...", help="Grade these rubric items alone.")
@click.option("--seed", type=int, help="Grading seed; the default is lab.toml's.")
@click.option(
    "--retries",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="How often to grade again what the grader itself failed on.",
)
@click.option("--roster", type=Path, help="Class list (CSV): which student has which number.")
@click.option("--resume", is_flag=True, help="Go on with a batch that --out holds already.")
@click.option("--quiet", is_flag=True, help="Show nothing but what went wrong.")
def batch(
    *,
    source: Path,
    out: Path,
    jobs: int,
    sandbox: SandboxKind,
    only: str | None,
    seed: int | None,
    retries: int,
    roster: Path | None,
    resume: bool,
    quiet: bool,
) -> None:
    """Grade the archives of a folder, or of an LMS's download of all submissions.

    Each result is on disk the moment it is known. Run it again after an interruption, or after a
    change: only what is missing or changed is graded. Exit code 1 if something needs a regrade.
    """
    project = find_project()
    folder = BatchFolder(out)
    if resume and not (out / "submissions").is_dir():
        raise ConfigurationError(
            f"{out} holds no batch to go on with.", "Leave --resume out to begin one."
        )
    found = read_source(source, project.lab, out / "archives")
    students = read_roster(roster) if roster is not None else None
    enrolment = enrol(found.handed, students, project.lab.lab.name)
    plan = make_plan(project, sandbox, only, seed)
    manifest = Manifest(
        source=source.absolute(),
        sandbox=sandbox,
        items=tuple(plan.items),
        seed=plan.seed,
        roster=roster.absolute() if roster is not None else None,
        handed=enrolment.handed,
        passed_over=found.passed_over,
        unknown=enrolment.unknown,
        missing=enrolment.missing,
    )
    settings = Settings(jobs, retries)
    with _showing(len(found.handed), quiet) as shown:
        try:
            entries = grade_batch(manifest, plan, folder, default_cache(), settings, shown)
        except KeyboardInterrupt:
            log(f"grader: interrupted after {shown.count} of {len(found.handed)} submissions")
            log("what is done is kept; run the same command again to go on")
            raise click.exceptions.Exit(130) from None
    _show_end(entries, manifest, out, quiet)
    if any(entry.needs_regrade for entry in entries):
        raise click.exceptions.Exit(1)


@contextmanager
def _showing(total: int, quiet: bool) -> Iterator[Shown]:
    """Show a bar, a line for each running submission, and the counts; lines off a terminal."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield _Lines(total, quiet)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        yield _Bar(bar, total)


class Shown(Watcher, Protocol):
    """Shows how a batch goes, and counts."""

    count: int
    """Submissions that are done."""


class _Lines(Shown):
    def __init__(self, total: int, quiet: bool) -> None:
        self._total = total
        self._quiet = quiet
        self.count = 0

    def tell(self, told: Told) -> None:
        """Show nothing: a log keeps what is done."""

    def done(self, entry: Entry) -> None:
        """Write a line."""
        self.count += 1
        if not self._quiet:
            log(f"{self.count}/{self._total} {entry.key}: {_came_to(entry)}")


class _Bar(Shown):
    def __init__(self, bar: Progress, total: int) -> None:
        self._bar = bar
        self._whole = bar.add_task("submissions", total=total)
        self._running: dict[str, TaskID] = {}
        self._counts: Counter[str] = Counter()
        self.count = 0

    def tell(self, told: Told) -> None:
        """Show what is going on in one submission."""
        if told.progress is None:
            if told.key in self._running:
                self._bar.remove_task(self._running.pop(told.key))
            return
        if told.key not in self._running:
            self._running[told.key] = self._bar.add_task("", total=None)
        text = f"  {told.key}  {told.progress.item}: {told.progress.text}"
        self._bar.update(self._running[told.key], description=Text(text).plain)

    def done(self, entry: Entry) -> None:
        """Count it."""
        self.count += 1
        self._counts[_kind(entry)] += 1
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(self._counts.items()))
        self._bar.update(self._whole, advance=1, description=f"submissions ({counts})")


def _kind(entry: Entry) -> str:
    if entry.needs_regrade:
        return "need a regrade"
    return "wait for a person" if entry.report and entry.report.provisional else "graded"


def _came_to(entry: Entry) -> str:
    if entry.report is None:
        return f"not graded: {entry.problem}"
    score = "no score" if entry.report.score is None else f"{entry.report.score:.2f}"
    return f"{score}, {entry.report.score_note}" if entry.report.score_note else score


def _show_end(entries: Sequence[Entry], manifest: Manifest, out: Path, quiet: bool) -> None:
    for entry in entries:
        if entry.needs_regrade:
            log(f"needs regrade: {entry.key} ({entry.archive}): {entry.problem}")
    if quiet:
        return
    for lines in (manifest.passed_over, manifest.unknown, manifest.missing):
        for line in lines[:MOST_NAMED]:
            log(line)
        if len(lines) > MOST_NAMED:
            log(f"and {len(lines) - MOST_NAMED} more such; summary.json names them all")
    for entry in entries:
        for older in entry.superseded:
            log(f"{older} was handed in before {entry.archive}, which counts")
    table = Table(title=f"{len(entries)} submissions in {out}", title_justify="left")
    table.add_column("came to")
    table.add_column("submissions", justify="right")
    for kind, count in sorted(Counter(_kind(entry) for entry in entries).items()):
        table.add_row(kind, str(count))
    Console().print(table)
