"""`grader stats`: what a class's results say about each case."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.statistics import LOW, CaseStatistics, case_statistics, suspicious_first

WIDTH = 100
MOST_ALONE = 10
HOW_TO_READ = (
    f"How to read it: discrimination is the correlation of passing the case with the rest of the "
    f"score. Below {LOW:g}, or where nobody passed, failing says little about how good a "
    "submission is otherwise: read such a case's diagnostics before you believe it. Above, it "
    "tells those who can from those who cannot."
)


@click.command(
    epilog="""\b
Examples:
  grader stats graded
  grader stats graded --all
  grader stats graded --json > cases.json
"""
)
@click.argument("folder", metavar="DIR", type=Path)
@click.option("--all", "everything", is_flag=True, help="Show the cases that everybody passed too.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def stats(*, folder: Path, everything: bool, as_json: bool) -> None:
    """Show for each case of a batch who passed it, and what that says about the case.

    Suspicious cases come first: those that many fail who are good otherwise. "alone" counts the
    submissions that lost nothing else of the item.
    """
    found = suspicious_first(case_statistics(BatchFolder(folder).one_by_one()))
    if as_json:
        click.echo(_document(found))
        return
    console = Console()
    if console.width > WIDTH or not console.is_terminal:
        console = Console(width=WIDTH)
    shown = [one for one in found if one.failed or everything]
    if not found:
        click.echo("No case was judged.")
        return
    console.print(_table(shown))
    if len(shown) < len(found):
        click.echo(f"Left out, as everybody passed them: {len(found) - len(shown)} cases (--all).")
    for one in [one for one in shown if one.alone][:MOST_ALONE]:
        more = len(one.alone) - MOST_ALONE
        named = ", ".join(one.alone[:MOST_ALONE]) + (f" and {more} more" if more > 0 else "")
        console.print(Text(f"{one.id} alone was failed by {named}."))
    console.print(Text(HOW_TO_READ))


def _table(found: list[CaseStatistics]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("case", overflow="fold")
    table.add_column("suite")
    for name in ("passed", "rate", "discrim.", "median s", "max s", "alone"):
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(
            Text(one.id),
            one.suite,
            f"{one.passed}/{one.passed + one.failed}",
            f"{100 * one.pass_rate:.0f} %",
            _discrimination(one),
            f"{one.median_seconds:.2f}",
            f"{one.max_seconds:.2f}",
            str(len(one.alone) or ""),
        )
    return table


def _discrimination(one: CaseStatistics) -> Text:
    if one.discrimination is None:
        return Text(one.undefined, style="yellow" if one.suspicious else "dim")
    return Text(f"{one.discrimination:+.2f}", style="yellow" if one.suspicious else "")


def _document(found: tuple[CaseStatistics, ...]) -> str:
    cases = [
        {**msgspec.to_builtins(one), "pass_rate": one.pass_rate, "suspicious": one.suspicious}
        for one in found
    ]
    document = {"schema": "grader-stats/1", "cases": cases}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
