"""`grader image`: the sandbox image."""

from __future__ import annotations

import click

from grader.cli.console import log
from grader.lab import find_project
from grader.sandbox.docker import ImageState, build_image, image_status


@click.group(epilog="Example: grader image build")
def image() -> None:
    """Build the Docker sandbox's image, or tell whether it is up to date."""


@image.command(epilog="Example: grader image build --base python:3.11-slim-bookworm")
@click.option("--base", help="Image to build on; the default is the Dockerfile's own.")
@click.option("--force", is_flag=True, help="Build even if the image is up to date.")
def build(*, base: str | None, force: bool) -> None:
    """Build the image from docker/, unless it is up to date.

    Packages are fetched first; the build itself uses no network. Where no image registry can be
    reached, the base is made from Debian packages (as root, with debootstrap).
    """
    project = find_project()
    status = image_status(project.root)
    if status.state is not ImageState.READY or base or force:
        status = build_image(project.root, base, log)
    click.echo(f"{status.tag} {status.state} {status.id}")


@image.command(epilog="Example: grader image status")
def status() -> None:
    """Tell whether the image of the present sources is there; exit code 1 if not."""
    found = image_status(find_project().root)
    click.echo(f"{found.tag} {found.state} {found.id or ''}".rstrip())
    if found.state is not ImageState.READY:
        log("Run `grader image build`.")
        raise click.exceptions.Exit(1)
