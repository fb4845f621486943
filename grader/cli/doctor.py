"""`grader doctor`: what works on this machine, what is missing, what to do."""

from __future__ import annotations

import platform
from collections.abc import Callable

import click
import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grader.cli.console import log
from grader.errors import GraderError
from grader.lab import Project, find_project
from grader.sandbox.bubblewrap import probe_bubblewrap
from grader.sandbox.docker import image_status
from grader.sandbox.runtime import runtime_for


class Symptom(msgspec.Struct, frozen=True):
    """One line of the examination.

    Attributes
    ----------
    what : str
        What was looked at.
    works : bool
        Whether it can be used.
    found : str
        What was found.
    do : str
        What to do about it; empty where it works.
    """

    what: str
    works: bool
    found: str
    do: str = ""


@click.command(epilog="Example: grader doctor")
def doctor() -> None:
    """Examine this machine: sandboxes, image, tests.

    Exit code 0 if student code can be run in isolation, 3 if not.
    """
    project = find_project()
    sandboxes = [
        _try("docker", lambda: _docker(project)),
        _try("bubblewrap", lambda: _bubblewrap(project)),
    ]
    table = Table()
    for heading in ("", "works", "found", "to do"):
        table.add_column(heading, overflow="fold")
    for symptom in (*_surroundings(project), *sandboxes):
        works = Text("yes", style="green") if symptom.works else Text("no", style="red")
        table.add_row(symptom.what, works, symptom.found, symptom.do)
    Console().print(table)
    if not any(symptom.works for symptom in sandboxes):
        log("No isolated sandbox works here: student code cannot be graded safely.")
        raise click.exceptions.Exit(3)


def _surroundings(project: Project) -> list[Symptom]:
    python = f"{platform.python_version()}, numpy {np.__version__}"
    tests = sorted(project.hidden_tests.glob("test_*.py"))
    return [
        Symptom("python", works=True, found=python),
        Symptom("lab", works=True, found=f"{project.lab.lab.name} in {project.root}"),
        Symptom(
            "hidden tests",
            works=bool(tests),
            found=f"{len(tests)} files, suite {project.lab.suite.version}",
            do="" if tests else "Grade from a full checkout; `grader check` needs none.",
        ),
    ]


def _try(what: str, examine: Callable[[], str]) -> Symptom:
    try:
        return Symptom(what, works=True, found=examine())
    except GraderError as error:
        return Symptom(what, works=False, found=error.what, do=error.do)


def _docker(project: Project) -> str:
    status = image_status(project.root)
    if status.id is None:
        raise GraderError(
            f"The engine runs, the image {status.tag} is missing.", "Run `grader image build`."
        )
    return f"image {status.tag}"


def _bubblewrap(project: Project) -> str:
    program = probe_bubblewrap()
    return f"{program}, runtime {runtime_for(project.root, log).digest[:12]}"
