"""`grader batch`: a whole class, from its archives to a gradebook."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from grader.batch.finish import PAGE
from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.manifest import Manifest
from grader.batch.results.cache import default_cache
from grader.batch.runner import Settings, grade_batch
from grader.batch.source.enrolment import enrol
from grader.batch.source.handed import read_source
from grader.cli.batch_progress import WAITING, kind_of, showing
from grader.cli.console import log
from grader.cli.grade import make_plan
from grader.cli.jobs import jobs_option
from grader.errors import ConfigurationError
from grader.lab import find_project
from grader.model import Entry
from grader.roster import read_roster
from grader.sandbox.choice import SandboxKind

MOST_NAMED = 5


@click.command(
    epilog="""\b
Examples:
  grader batch submissions --out graded
  grader batch submissions --out graded --jobs 4 --only softmax,sequential
"""
)
@click.argument("source", type=Path)
@click.option("--out", type=Path, required=True, help="The batch's folder.")
@jobs_option
@click.option(
    "--sandbox",
    type=click.Choice(SandboxKind, case_sensitive=False),
    default=SandboxKind.AUTO,
    show_default=True,
    help="Where student code runs.",
)
@click.option("--only", metavar="ITEM,...", multiple=True, help="Grade these rubric items alone.")
@click.option("--seed", type=int, help="Grading seed; the default is lab.toml's.")
@click.option(
    "--retries",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="How often to grade again what the grader itself failed on.",
)
@click.option("--roster", type=Path, help="Class list (CSV): which student has which number.")
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Grade on the Dask cluster of this scheduler, such as tcp://host:8786.",
)
@click.option("--resume", is_flag=True, help="Go on with a batch that --out holds already.")
@click.option("--quiet", is_flag=True, help="Show nothing but what went wrong.")
def batch(
    *,
    source: Path,
    out: Path,
    jobs: int,
    sandbox: SandboxKind,
    only: tuple[str, ...],
    seed: int | None,
    retries: int,
    scheduler: str | None,
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
    settings = Settings(jobs, retries, scheduler)
    shown = None
    try:
        with showing(len(found.handed), quiet) as shown:
            entries = grade_batch(manifest, plan, folder, default_cache(), settings, shown)
    except KeyboardInterrupt:
        # Only now: what is written while there is a picture goes with it.
        done = shown.count if shown is not None else 0
        log(f"grader: interrupted after {done} of {len(found.handed)} submissions")
        log("what is done is kept; run the same command again to go on")
        raise click.exceptions.Exit(130) from None
    _show_end(entries, manifest, out, quiet)
    if any(entry.needs_regrade for entry in entries):
        raise click.exceptions.Exit(1)


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
    counts = Counter(kind_of(entry) for entry in entries)
    table = Table(title=f"{len(entries)} submissions in {out}", title_justify="left")
    table.add_column("came to")
    table.add_column("submissions", justify="right")
    for kind, count in sorted(counts.items()):
        table.add_row(kind, str(count))
    Console().print(table)
    log(f"the class: {out / PAGE}")
    if WAITING in counts:
        log(f"to decide on what waits: grader review {shlex.quote(str(out))}")
