"""`grader pack`: makes the zip to hand in."""

from __future__ import annotations

from pathlib import Path

import click

from grader.cli.console import log
from grader.lab import find_project
from grader.packing import PackRefusal
from grader.packing import pack as pack_folder


@click.command(
    epilog="""\b
Examples:
  grader pack --first Jane --last Doe
  grader pack my-lab-folder --first "Maria del Carmen" --last García --out ~/Desktop
"""
)
@click.argument("path", type=Path, default=Path())
@click.option("--first", required=True, help="Your first name.")
@click.option("--last", required=True, help="Your last name.")
@click.option("--out", type=Path, default=Path(), help="Folder for the zip; here by default.")
@click.option("--overwrite", is_flag=True, help="Replace a zip of that name.")
def pack(*, path: Path, first: str, last: str, out: Path, overwrite: bool) -> None:
    """Make the zip to hand in from a lab folder, rightly named and laid out.

    Refuses, with exit code 1, to pack what would lose structure points. The data set, caches
    and hidden files are left out.
    """
    packed = pack_folder(path, first, last, out, lab=find_project().lab, overwrite=overwrite)
    if isinstance(packed, PackRefusal):
        log("Not packed, because this would lose points:")
        for miss in packed.misses:
            log(f"  - {miss}")
        raise click.exceptions.Exit(1)
    for remark in packed.remarks:
        log(f"note: {remark}")
    click.echo(packed.path)
