"""`grader review`: a local page on which people decide."""

from __future__ import annotations

import getpass
from contextlib import suppress
from pathlib import Path

import click

from grader.cli.console import log
from grader.lab import find_project


@click.command(
    epilog="""\b
Examples:
  grader review graded
  grader review graded --port 8765 --who "Ada Lovelace"
"""
)
@click.argument("folder", metavar="DIR", type=Path)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Where to listen; any free port if not given.",
)
@click.option("--who", help="Who decides; your login name if not given.")
def review(*, folder: Path, port: int, who: str | None) -> None:
    """Decide on what waits for a person: plots beside the reference's, and all doubtful items.

    Prints an address to open in a browser on this machine, which nobody else can use. Decisions are
    kept in DIR/overrides.json and applied at once. Stop it with Ctrl-C.
    """
    # Flask takes a while to load, and no other command needs it.
    from grader.service.server import serve_review

    def ready(address: str) -> None:
        click.echo(address)
        log("open this address in a browser on this machine; Ctrl-C ends it")

    with suppress(KeyboardInterrupt):
        serve_review(folder, find_project(), who or _login(), port, ready)
    log("all decisions are kept")


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
