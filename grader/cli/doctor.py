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
from grader.sandbox.choice import SandboxKind, choose_sandbox
from grader.sandbox.docker import image_status
from grader.sandbox.runtime import runtime_for
from grader.sandbox.self_test import try_promises


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


@click.command(epilog="Example: grader doctor --security")
@click.option(
    "--security",
    is_flag=True,
    help="Try to break what the sandboxes here promise (under a minute).",
)
def doctor(*, security: bool) -> None:
    """Examine this machine: sandboxes, image, tests.

    Exit code 0 if student code can be run in isolation, 3 if not; with --security, 3 also if a
    sandbox does not hold what it promises.
    """
    project = find_project()
    if security:
        _try_security(project)
        return
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


def _try_security(project: Project) -> None:
    """Print what each isolating sandbox promises, how it was tried, and whether it held."""
    table = Table()
    for heading in ("sandbox", "promise", "tried by", "held"):
        table.add_column(heading, overflow="fold")
    results: list[bool] = []
    for kind in (SandboxKind.DOCKER, SandboxKind.BUBBLEWRAP):
        try:
            tried = try_promises(choose_sandbox(kind, project.root, log), project)
        except GraderError as error:
            table.add_row(kind, error.what, error.do, Text("not tried", style="yellow"))
            continue
        for trial in tried:
            held = Text("yes", style="green") if trial.held else Text("NO", style="red")
            table.add_row(kind, trial.promise, trial.how, held)
            results.append(trial.held)
    Console().print(table)
    if not results or not all(results):
        log("Do not grade students' work on this machine before every promise holds.")
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
