"""`grader data`: CIFAR-100 on this machine, the real one or a synthetic one of its format."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from grader.dataset.fetch import MD5, URL, import_data
from grader.dataset.fetch import fetch as fetch_data
from grader.dataset.files import Dataset
from grader.dataset.store import VARIABLE, candidate_folders, data_folder, find_dataset
from grader.dataset.synth import FULL, SMALL, synthesize
from grader.lab import find_project

out_option = click.option(
    "--out", type=Path, help="Put the folder cifar-100-python there; default: your data folder."
)


@click.group(epilog="Example: grader data status")
def data() -> None:
    """Get the CIFAR-100 data that better_cifar.py trains on."""


@data.command(epilog="Example: grader data fetch")
@out_option
@click.option("--url", default=URL, show_default=True, help="A mirror of the archive.")
def fetch(*, out: Path | None, url: str) -> None:
    """Download CIFAR-100, verify it and unpack it; goes on where it broke off."""
    columns = ("cifar-100", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("cifar-100", total=None)
        dataset = fetch_data(
            url,
            out or data_folder(),
            MD5,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    _show(dataset)


@data.command("import", epilog="Example: grader data import /media/stick/cifar-100-python.tar.gz")
@click.argument("path", type=Path)
@out_option
def take(*, path: Path, out: Path | None) -> None:
    """Take the data over from PATH, an archive or its unpacked folder."""
    _show(import_data(path, out or data_folder()))


@data.command(epilog="Example: grader data status")
def status() -> None:
    """Say where the data are, how many there are, and their digest.

    Exit code 1 if there are none, or none that can be read.
    """
    project = find_project()
    for folder in candidate_folders(project):
        found = "found" if (folder / "train").is_file() else "nothing"
        click.echo(f"{folder}: {found}", err=True)
    _show(find_dataset(project))


@data.command(epilog="Example: grader data synth --out . && export CIFAR100_DIR=$PWD")
@click.option("--out", type=Path, required=True, help="Put the folder cifar-100-python there.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, other images.")
@click.option(
    "--full", is_flag=True, help="50,000 and 10,000 images, as the real data have: 185 MB."
)
def synth(*, out: Path, seed: int, full: bool) -> None:
    """Make a data set of the same format that networks can learn from, 2,400 images in 7 MB.

    It stands in for CIFAR-100 where that cannot be had; no grade should rest on it.
    """
    folder = synthesize(out, FULL if full else SMALL, seed)
    _show(Dataset(folder))
    click.echo(f"to use it: export {VARIABLE}={folder.resolve()}", err=True)


def _show(dataset: Dataset) -> None:
    click.echo(
        f"{dataset.folder}: {len(dataset.train.labels):,} training and "
        f"{len(dataset.test.labels):,} test images, digest {dataset.digest[:12]}"
    )
