"""The `grader` command: gathers the subcommands and turns the grader's errors into one line."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import click

from grader import __version__
from grader.bridge.made_up_time import note_stops
from grader.cli.baseline import baseline
from grader.cli.batch import batch
from grader.cli.cache import cache
from grader.cli.check import check
from grader.cli.data import data
from grader.cli.demo import demo
from grader.cli.doctor import doctor
from grader.cli.export import export
from grader.cli.grade import grade
from grader.cli.image import image
from grader.cli.pack import pack
from grader.cli.regrade import regrade
from grader.cli.review import review
from grader.cli.stats import stats
from grader.cli.suite import suite
from grader.errors import GraderError


class _Commands(click.Group):
    """A group that reports a GraderError in one line, with its own exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except GraderError as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
            click.echo(f"grader: {error}", err=True)
            sys.exit(error.exit_code)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 something "
    "could not be graded or a check failed, 2 usage or configuration, 3 no sandbox.",
)
@click.option("--debug", is_flag=True, help="Show tracebacks of the grader's own errors.")
@click.version_option(__version__, prog_name="grader")
def main(*, debug: bool) -> None:
    """Grade and check submissions of the lab "A Neural Network from Scratch"."""
    note_stops()


for command in (
    *(grade, batch, review, regrade, stats, export, cache),
    *(check, pack),
    *(data, baseline, image, doctor, demo, suite),
):
    main.add_command(command)
