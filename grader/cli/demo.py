"""`grader demo`: makes example archives and grades them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grader import pipeline
from grader.atomic_file import write_atomically
from grader.checks.kept_collector import keeping_collector
from grader.cli.console import cases_text, log, points_text, watching
from grader.dataset.store import demo_dataset
from grader.demo import EXAMPLES, write_examples
from grader.lab import find_project
from grader.model import Audience, Outcome, Report
from grader.report.json_report import to_json
from grader.sandbox.choice import SandboxKind, choose_sandbox
from grader.sandbox.leftovers import temporary_prefix


@click.command(
    epilog="""\b
Examples:
  grader demo
  grader demo --out demo-out --sandbox docker
"""
)
@click.option("--out", type=Path, help="Keep the archives and their reports in this folder.")
@click.option(
    "--sandbox",
    type=click.Choice(SandboxKind, case_sensitive=False),
    default=SandboxKind.AUTO,
    show_default=True,
    help="Where the example code runs.",
)
def demo(*, out: Path | None, sandbox: SandboxKind) -> None:
    """Make example archives, one right and several wrong, and grade them."""
    project = find_project()
    chosen = choose_sandbox(sandbox, project.root, log)
    items = tuple(line.id for line in project.lab.rubric)
    plan = pipeline.Plan(project, chosen, project.lab.suite.seed, items, demo_dataset())
    with (
        tempfile.TemporaryDirectory(prefix=temporary_prefix("demo")) as temporary,
        keeping_collector(),
    ):
        folder = out if out is not None else Path(temporary)
        reports = []
        for archive in write_examples(project, folder):
            log(f"grading {archive.name}")
            with watching(archive.name) as watch:
                graded = pipeline.grade(archive, msgspec.structs.replace(plan, watch=watch))
            report = graded.report
            for name, picture in graded.artefacts.items():
                write_atomically(archive.with_suffix(".files") / name, picture)
            write_atomically(archive.with_suffix(".json"), to_json(report, Audience.STAFF))
            reports.append(report)
    isolation = "" if chosen.isolated else ", which does not isolate the code from this machine"
    _show(reports, f"Graded in the sandbox `{chosen.kind}`{isolation}")
    if out is not None:
        log(f"archives and reports are in {out}")
    if any(report.score is None for report in reports):
        raise click.exceptions.Exit(1)


def _show(reports: list[Report], title: str) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("archive, and what its author did", overflow="fold")
    table.add_column("score", justify="right")
    table.add_column("points lost", overflow="fold")
    for example, report in zip(EXAMPLES, reports, strict=True):
        name = Text(f"{example.archive}\n") + Text(example.story, style="dim")
        table.add_row(name, points_text(report.score), _lost(report) or "none")
    console = Console()
    console.print(table)
    notes = {report.score_note for report in reports if report.score_note}
    for note in sorted(notes):
        console.print(Text(note))


def _lost(report: Report) -> str:
    lines = []
    for item in report.items:
        if item.outcome is Outcome.NEEDS_REVIEW:
            proposed = points_text(item.proposed)
            lines.append(
                f"{item.id}: waits for a person ({proposed} of {item.max_points:g} proposed)"
            )
        elif item.outcome is Outcome.GRADER_ERROR:
            lines.append(f"{item.id}: {item.outcome}: {' '.join(item.feedback)}")
        elif item.points is not None and item.points < item.max_points:
            lost = f"{points_text(item.points)} of {item.max_points:g}"
            lines.append(f"{item.id}: {lost} ({cases_text(item)} cases, {item.outcome})")
    return "\n".join(lines)
