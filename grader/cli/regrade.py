"""`grader regrade`: what a change does to a class's grades, before it is done."""

from __future__ import annotations

from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.regrade.apply import apply
from grader.batch.regrade.changes import CaseCount, ItemChange, SubmissionChange, by_case
from grader.batch.regrade.difference import Difference
from grader.batch.regrade.prepare import discard, prepare
from grader.batch.results.cache import default_cache
from grader.batch.runner import Settings
from grader.cli.batch_progress import showing
from grader.cli.console import log, points_text
from grader.cli.grade import make_plan
from grader.cli.jobs import jobs_option
from grader.errors import ConfigurationError
from grader.lab import find_project
from grader.model import Outcome
from grader.sandbox.choice import SandboxKind

WIDTH = 100
MOST_ROWS = 60
MOST_CASES = 3


@click.command(
    epilog="""\b
Examples:
  grader regrade graded
  grader regrade graded --apply
  grader regrade graded --discard
"""
)
@click.argument("folder", metavar="DIR", type=Path)
@click.option("--apply", "applies", is_flag=True, help="Make the regrade's results the batch's.")
@click.option("--discard", "discards", is_flag=True, help="Remove the regrade.")
@jobs_option
@click.option(
    "--sandbox",
    type=click.Choice(SandboxKind, case_sensitive=False),
    help="Where student code runs; as the batch did if not given.",
)
@click.option("--quiet", is_flag=True, help="Show no progress.")
def regrade(
    *,
    folder: Path,
    applies: bool,
    discards: bool,
    jobs: int,
    sandbox: SandboxKind | None,
    quiet: bool,
) -> None:
    """Grade a batch again after a change, and show who gains or loses what before it counts.

    Only what depends on the change is run. Nothing of the batch changes until --apply; the old
    reports then stay in DIR/history. People's decisions stay. Exit code 1 if something could not be
    graded; its old result is kept.
    """
    if applies and discards:
        raise ConfigurationError("--apply and --discard exclude each other.", "Choose one.")
    project = find_project()
    batch = BatchFolder(folder)
    manifest = batch.manifest()
    if discards:
        click.echo("The regrade is removed." if discard(batch) else "There was no regrade.")
        return
    if applies:
        click.echo(f"Applied. What was before is in {apply(batch, project)}.")
        return
    kind = sandbox or SandboxKind(manifest.sandbox)
    plan = make_plan(project, kind, manifest.items, manifest.seed)
    with showing(len(manifest.handed), quiet) as shown:
        difference = prepare(batch, plan, default_cache(), Settings(jobs), shown)
    _show(difference, folder)
    if any(one.failed for one in difference.kept):
        raise click.exceptions.Exit(1)


def _show(difference: Difference, folder: Path) -> None:
    for one in difference.kept:
        log(f"{one.key}: {one.why}")
    if not difference.changes:
        click.echo(
            f"Nothing to regrade: {difference.submissions} submissions come to what they have."
        )
        return
    console = Console()
    if console.width > WIDTH or not console.is_terminal:
        console = Console(width=WIDTH)
    verdicts = difference.verdicts
    if verdicts:
        console.print(_cases_table(by_case(verdicts)))
        rows = [(one, item) for one in verdicts for item in one.items if item.other_points]
        if rows:
            console.print(_table(rows))
    lose = sum(change.gain < 0 for change in verdicts)
    gain = sum(change.gain > 0 for change in verdicts)
    wording = len(difference.changes) - len(verdicts)
    console.print(
        f"{lose} lose points, {gain} gain points, "
        f"{len(verdicts) - lose - gain} change without either; {wording} change in wording alone; "
        f"{difference.submissions - len(difference.changes)} stay as they are."
    )
    place = folder / "regrade"
    console.print(
        Text(
            f"Nothing is applied yet. Diagnostics, old and new, are in {place / 'diff.html'} and "
            "diff.json there. Then --apply or --discard."
        )
    )


def _cases_table(counts: tuple[CaseCount, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("case", "suite", "from", "to"):
        table.add_column(name, overflow="fold")
    table.add_column("submissions", justify="right")
    for one in counts[:MOST_ROWS]:
        way = (_outcome(one.before), _outcome(one.after))
        table.add_row(Text(one.id), one.suite, *way, str(len(one.submissions)))
    if len(counts) > MOST_ROWS:
        table.add_row(f"and {len(counts) - MOST_ROWS} more", "", "", "", "")
    return table


def _table(rows: list[tuple[SubmissionChange, ItemChange]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("submission", "item"):
        table.add_column(name, overflow="fold")
    table.add_column("points", justify="right")
    table.add_column("score", justify="right")
    table.add_column("by", overflow="fold")
    for change, item in rows[:MOST_ROWS]:
        table.add_row(
            Text(change.key),
            item.id,
            _way(item.points_before, item.points_after),
            _way(change.score_before, change.score_after),
            Text(_reason(item)),
        )
    if len(rows) > MOST_ROWS:
        table.add_row(f"and {len(rows) - MOST_ROWS} more", "", "", "", "")
    return table


def _reason(item: ItemChange) -> str:
    said = [case.id for case in item.cases[:MOST_CASES]]
    if len(item.cases) > MOST_CASES:
        said.append(f"{len(item.cases) - MOST_CASES} more")
    if not item.cases:
        said.append(f"{item.before} is {item.after}")
    if item.decided:
        said.append("a person decided: the points stay")
    return ", ".join(said)


def _way(before: float | None, after: float | None) -> str:
    return f"{points_text(before)} → {points_text(after)}"


def _outcome(outcome: Outcome | None) -> str:
    return "none" if outcome is None else outcome
