"""`grader baseline`: how well the given network does on a student's classes."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress

from grader.atomic_file import write_atomically
from grader.baseline.measure import Baseline, measure_baseline
from grader.dataset.split import split_for_training
from grader.dataset.store import find_dataset
from grader.dataset.subset import take_subset
from grader.lab import find_project
from grader.report.curves import baseline_png

WIDTH = 40
"""Characters of the longest bar."""


@click.command(
    epilog="""\b
Examples:
  grader baseline --seed 4711
  grader baseline --seed 4711 --plot baseline.png
"""
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), required=True, help="A student's number."
)
@click.option("--plot", type=Path, help="Write the learning curves to this PNG file.")
def baseline(*, seed: int, plot: Path | None) -> None:
    """Train the given network on a student's classes and show how well it does.

    It is what better_cifar.py must beat. Results are kept, so that the second time is quick.
    """
    project = find_project()
    lab = project.lab
    dataset = find_dataset(project)
    subset = take_subset(dataset, seed, lab.dataset)
    split = split_for_training(subset, lab.suite.seed, lab.dataset.held_back)
    with Progress(
        "training", BarColumn(), MofNCompleteColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("training")
        found = measure_baseline(
            project, split, lambda done, of: bar.update(task, completed=done, total=of)
        )
    settings = lab.baseline
    classes = ", ".join(str(one) for one in subset.classes)
    click.echo(
        f"3072-{settings.hidden}-{split.classes} on classes {classes} of {dataset.digest[:12]}: "
        f"{len(split.train_y)} training and {len(split.test_y)} test images"
    )
    click.echo(
        f"accuracy {100 * found.mean:.1f} %, standard deviation {100 * found.spread:.1f} points; "
        + ", ".join(f"{100 * run.accuracy:.1f}" for run in found.runs)
    )
    _show_curve(found)
    if plot is not None:
        write_atomically(plot, baseline_png(found, f"The given network, number {seed}"))


def _show_curve(found: Baseline) -> None:
    """Show the first run's loss by epoch, a bar a line."""
    losses = found.runs[0].losses
    longest = max(losses)
    click.echo("loss by epoch, first run")
    for epoch, loss in enumerate(losses, 1):
        click.echo(f"{epoch:3} {loss:7.4f} {'#' * round(WIDTH * loss / longest)}")
