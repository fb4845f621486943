"""`grader check`: what a student runs before handing in."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from grader.checks.layer_tests import run_layer_tests
from grader.checks.structure import check_structure
from grader.cli.console import cases_text
from grader.errors import ConfigurationError, GraderError, NoSandboxError
from grader.intake import Rejection, read_archive, read_folder
from grader.lab import Project, find_project
from grader.model import ItemResult, Outcome, Submission, Suite
from grader.sandbox.process import ProcessSandbox


@click.command(
    epilog="""\b
Examples:
  grader check
  grader check my-lab-folder
  grader check JANE_DOE_LAB3.zip
"""
)
@click.argument("path", type=Path, default=Path())
def check(*, path: Path) -> None:
    """Check a lab folder or zip as a student: structure and public tests.

    Exit code 0 only when all is well. The tests are the grader's own copy of the public tests,
    whatever is in your test/ folder; hidden tests are similar, but not the same.
    """
    project = find_project()
    if os.name != "posix":
        raise NoSandboxError(
            "`grader check` needs Linux, macOS or WSL.",
            "Run the same public tests with: python -m unittest discover -s test",
        )
    submission = _take_in(path, project)
    console = Console(highlight=False, soft_wrap=True)
    if isinstance(submission, Rejection):
        console.print(Text(submission.reason))
        raise click.exceptions.Exit(1)
    items = (
        check_structure(submission, project.lab),
        *run_layer_tests(
            submission, project, ProcessSandbox(), project.lab.test_items, (Suite.PUBLIC,), 0
        ),
    )
    for item in items:
        _show(console, item)
    if any(item.outcome is Outcome.GRADER_ERROR for item in items):
        raise GraderError(
            "The check could not be finished.", "Tell your teaching staff what is said above."
        )
    if any(item.outcome is not Outcome.PASSED for item in items):
        console.print(Text("Not all is well yet. Mend the first failure first.", style="bold"))
        raise click.exceptions.Exit(1)
    console.print(Text("All public checks pass.", style="bold green"))


def _take_in(path: Path, project: Project) -> Submission | Rejection:
    if path.is_dir():
        return read_folder(path, project.lab)
    if not path.exists():
        raise ConfigurationError(f"{path} is not there.", "Name your lab's folder or zip.")
    return read_archive(path, project.lab)


def _show(console: Console, item: ItemResult) -> None:
    good = item.outcome is Outcome.PASSED
    mark = Text("ok   ", style="green") if good else Text("FAIL ", style="bold red")
    console.print(mark + Text(f"{item.id} {cases_text(item)}"))
    for line in item.feedback:
        console.print(_indented(line, 5))
    for case in item.cases:
        if case.outcome is not Outcome.PASSED:
            console.print(_indented(f"{case.id}  {case.about}", 5), style="bold")
            for line in case.feedback:
                console.print(_indented(line, 7))


def _indented(text: str, columns: int) -> Text:
    return Text(textwrap.indent(text, " " * columns))
