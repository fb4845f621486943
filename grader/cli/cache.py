"""`grader cache`: the results that save grading the same content again."""

from __future__ import annotations

import click

from grader.batch.results.cache import default_cache


@click.group(epilog="Example: grader cache stats")
def cache() -> None:
    """Look at the results that are kept by content, or remove old ones."""


@cache.command(epilog="Example: grader cache stats")
def stats() -> None:
    """Say how many results there are, and how large they are."""
    found = default_cache().stats()
    click.echo(f"{found.results} results, {found.bytes / 1e6:.1f} MB")


@cache.command(epilog="Example: grader cache prune --days 90")
@click.option(
    "--days",
    type=click.FloatRange(min=0),
    default=180.0,
    show_default=True,
    help="Age beyond which a result goes.",
)
def prune(*, days: float) -> None:
    """Remove results that are older than so many days."""
    click.echo(f"removed {default_cache().prune(days)} results")
