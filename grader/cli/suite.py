"""`grader suite`: what an instructor runs before anyone is graded with a changed test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from grader.atomic_file import write_atomically
from grader.cli.console import log
from grader.errors import ConfigurationError
from grader.lab import Project, find_project
from grader.sandbox.choice import SandboxKind, choose_sandbox
from grader.suite.lint import lint as lint_suite
from grader.suite.mutation import run_mutants
from grader.suite.new_case import add_case
from grader.suite.parallel import Progress as ProgressCallback
from grader.suite.publish import publish as publish_suite
from grader.suite.publish import refuse_used_version
from grader.suite.verify import Extent, Verification
from grader.suite.verify import verify as verify_suite

LINT_SEEDS = 3

seeds_option = click.option(
    "--seeds", type=click.IntRange(min=1), default=20, show_default=True, help="How many seeds."
)
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2,
    show_default="one a core",
    help="How many processes to use.",
)


@click.group(epilog="Example: grader suite verify --seeds 3")
def suite() -> None:
    """Verify, extend and publish the hidden tests."""


@suite.command(
    epilog="""\b
Examples:
  grader suite verify
  grader suite verify --seeds 100 --out verification.json
  grader suite verify --seeds 500 --extent reference
  grader suite verify --seeds 2 --sandbox docker
  grader suite verify --only 'softmax-*' --only relu-leaky
"""
)
@seeds_option
@jobs_option
@click.option(
    "--sandbox",
    type=click.Choice(
        [kind for kind in SandboxKind if kind is not SandboxKind.AUTO], case_sensitive=False
    ),
    help="Run the implementations there; in-process if not given.",
)
@click.option("--out", type=Path, help="Write everything that was found to this file, as JSON.")
@click.option(
    "--extent",
    type=click.Choice(Extent, case_sensitive=False),
    default=Extent.CORPUS,
    show_default=True,
    help="reference: no bugs or variants; looks for flakes under very many seeds.",
)
@click.option(
    "--only",
    metavar="PATTERN",
    multiple=True,
    help="Bugs and variants with such ids alone; the reference runs under the first seed.",
)
def verify(
    *,
    seeds: int,
    jobs: int,
    sandbox: SandboxKind | None,
    out: Path | None,
    extent: Extent,
    only: tuple[str, ...],
) -> None:
    """Run the reference, the template, all bugs and all variants under many seeds.

    The reference and every variant must keep all points, every bug must lose points in its own
    items and nowhere else, the template must get none. Exit code 1 if one does not.
    """
    if only and extent is Extent.REFERENCE:
        raise click.UsageError("--only chooses bugs and variants, of which --extent runs none.")
    project = find_project()
    _refuse_breaches(project)
    verification = _verify(project, seeds, jobs, sandbox, extent, only)
    if out is not None:
        write_atomically(out, msgspec.json.format(msgspec.json.encode(verification), indent=2))
    _show(verification)
    if verification.problems:
        raise click.exceptions.Exit(1)


@suite.command(epilog="Example: grader suite lint")
def lint() -> None:
    """Refuse test files that could grade people wrongly: each breach with its line and remedy."""
    _refuse_breaches(find_project())
    click.echo("the hidden tests break no rule")


@suite.command(epilog="Example: grader suite mutants --seeds 5")
@seeds_option
@jobs_option
def mutants(*, seeds: int, jobs: int) -> None:
    """Run systematic mutants of the reference; list those that keep all points.

    A mutant that is right is justified in hidden_tests/equivalent_mutants.toml. Exit code 1 if
    one survives without, or a justification no longer holds.
    """
    project = find_project()
    with _progress("mutants") as progress:
        result = run_mutants(project, range(1, seeds + 1), jobs, progress)
    for mutant in result.survivors:
        click.echo(f"survived: {mutant.id}\n    {mutant.before}\n    {mutant.after}")
    for problem in result.problems:
        click.echo(f"problem: {problem}")
    click.echo(
        f"{result.total} mutants, {result.killed} lost points, {result.equivalents} justified as "
        f"right, {len(result.survivors)} survived: score {result.score:.1%}"
    )
    if result.survivors or result.problems:
        raise click.exceptions.Exit(1)


@suite.command(epilog="Example: grader suite publish")
@seeds_option
@jobs_option
def publish(*, seeds: int, jobs: int) -> None:
    """Verify the suite and, if it holds, record it, so that reports say it is published.

    Test files that differ from a published suite's need a version of their own in lab.toml.
    """
    project = find_project()
    refuse_used_version(project)
    _refuse_breaches(project)
    verification = _verify(project, seeds, jobs, None)
    _show(verification)
    publication = publish_suite(project, verification)
    click.echo(f"published suite {publication.version}, {publication.sha256[:12]}")


@suite.command(
    epilog='Example: grader suite new softmax --id tied-logits --about "equal inputs share"'
)
@click.argument("item")
@click.option("--id", "case", required=True, help="The case's id, such as large-logits.")
@click.option("--about", required=True, help="The sentence that students are shown.")
@click.option("--weight", type=float, default=1.0, show_default=True, help="What it is worth.")
def new(*, item: str, case: str, about: str, weight: float) -> None:
    """Start a case for ITEM from an example that works; then edit it."""
    click.echo(add_case(find_project(), item, case, about, weight))


def _refuse_breaches(project: Project) -> None:
    breaches = lint_suite(project, range(1, LINT_SEEDS + 1))
    for breach in breaches:
        log(str(breach))
    if breaches:
        raise ConfigurationError(
            f"The hidden tests break {len(breaches)} rules.", "Mend the lines above."
        )


def _verify(
    project: Project,
    seeds: int,
    jobs: int,
    kind: SandboxKind | None,
    extent: Extent = Extent.CORPUS,
    only: tuple[str, ...] = (),
) -> Verification:
    sandbox = None if kind is None else choose_sandbox(kind, project.root, log)
    with _progress("implementations") as progress:
        return verify_suite(project, range(1, seeds + 1), jobs, sandbox, progress, extent, only)


@contextmanager
def _progress(what: str) -> Iterator[ProgressCallback]:
    """Show how far the work is, on stderr; nothing where that is no terminal."""
    columns = (what, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _show(verification: Verification) -> None:
    # A case's parameters stand in brackets, which are no markup.
    console = Console(highlight=False, markup=False)
    if verification.bugs:
        console.print(_matrix(verification))
    for bug, case in verification.caught_by_one.items():
        console.print(f"caught by one case only: {bug}, by {case}")
    for bug, missed in verification.missed_by_hidden.items():
        console.print(
            f"caught by public cases alone: {bug}, with {len(missed)} of "
            f"{len(verification.seeds)} seeds, {missed[0]} among them"
        )
    for record in verification.idle_cases if verification.bugs and not verification.only else ():
        console.print(f"catches nothing: {record.id}")
    for problem in verification.problems:
        console.print(f"problem: {problem}", style="red")
    runs = sum(record.runs for record in verification.cases)
    flakes = sum(record.flakes for record in verification.cases)
    margins = [record.margin for record in verification.cases if record.margin is not None]
    console.print(
        f"suite {verification.suite_version} ({verification.suite_sha256[:12]}), "
        f"{verification.sandbox}, {len(verification.seeds)} seeds: {len(verification.cases)} "
        f"cases, {verification.bugs} bugs, {verification.variants} variants; {flakes} failures "
        f"in {runs} runs on right implementations, largest error {max(margins, default=0):.2g} "
        f"of its tolerance; {len(verification.problems)} problems"
    )


def _matrix(verification: Verification) -> Table:
    table = Table(title="which case catches which bugs", title_justify="left", expand=True)
    # The names share what the figures leave of the terminal's width.
    table.add_column("case", overflow="fold", ratio=3)
    for heading in ("ms", "margin", "bugs"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=6)
    table.add_column("among them", overflow="ellipsis", no_wrap=True, ratio=2)
    for record in verification.cases:
        if verification.only and not record.catches:
            continue
        table.add_row(
            record.id,
            f"{record.seconds * 1e3:.1f}",
            "" if record.margin is None else f"{record.margin:.1g}",
            str(len(record.catches)),
            ", ".join(record.catches[:4]),
        )
    return table
