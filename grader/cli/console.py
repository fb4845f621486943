"""What the commands share on the terminal: the log and the table of a report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grader.model import ItemResult, Outcome, Progress, Report

_STYLES = {
    Outcome.PASSED: "green",
    Outcome.PARTIAL: "yellow",
    Outcome.NOT_RUN: "dim",
    Outcome.NEEDS_REVIEW: "magenta",
}


def log(line: str) -> None:
    """Tell the person at the terminal something, on stderr."""
    click.echo(line, err=True)


def show_report(report: Report) -> None:
    """Show a report as a short table, on stderr."""
    table = Table(title=Text(report.submission.archive), title_justify="left")
    table.add_column("item")
    table.add_column("points", justify="right")
    table.add_column("of", justify="right")
    table.add_column("outcome")
    table.add_column("cases", justify="right")
    for item in report.items:
        table.add_row(
            item.id,
            points_text(item.points),
            f"{item.max_points:g}",
            Text(item.outcome, style=_STYLES.get(item.outcome, "red")),
            cases_text(item),
        )
    table.add_section()
    table.add_row("score", points_text(report.score), f"{report.max_score:g}", "", "")
    console = Console(stderr=True)
    console.print(table)
    if report.score_note:
        console.print(Text(report.score_note))


@contextmanager
def watching(what: str) -> Iterator[Callable[[Progress], None]]:
    """Show on one line of stderr what is going on; nothing where that is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda progress: None
        return
    started = time.monotonic()
    with console.status(Text(what)) as status:

        def show(progress: Progress) -> None:
            seconds = time.monotonic() - started
            status.update(Text(f"{what}  {progress.item}: {progress.text}  ({seconds:.0f} s)"))

        yield show


def points_text(points: float | None) -> str:
    """Return points for people, to two decimals; the report itself is never rounded."""
    return "-" if points is None else f"{points:.2f}".rstrip("0").rstrip(".")


def cases_text(item: ItemResult) -> str:
    """Return how many of an item's cases passed, such as `11/12`."""
    if not item.cases:
        return ""
    passed = sum(case.outcome is Outcome.PASSED for case in item.cases)
    return f"{passed}/{len(item.cases)}"
