"""The option that says how many tasks run at once, for the commands that grade classes."""

from __future__ import annotations

import os

import click

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2

jobs_option = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=CORES,
    show_default="one a core",
    help="How many tasks at once, each on one core.",
)
