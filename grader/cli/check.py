"""`grader check`: what a student runs before handing in."""

from __future__ import annotations

import difflib
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from grader.checks.layer_tests import run_layer_tests
from grader.checks.siblings import sibling_ids, suggested_seed, without_parameters
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
  grader check --case softmax/large-logits --seed 123
"""
)
@click.argument("path", type=Path, default=Path())
@click.option(
    "--case",
    metavar="ITEM/ID",
    help="Run only the public sibling of this hidden case: the same kind of failure, other values.",
)
@click.option("--seed", type=int, help="With --case: any number; other shapes and values for each.")
def check(*, path: Path, case: str | None, seed: int | None) -> None:
    """Check a lab folder or zip as a student: structure and public tests.

    Exit code 0 only when all is well. The tests are the grader's own copy of the public tests,
    whatever is in your test/ folder; hidden tests are similar, but not the same. A report names,
    for each hidden case that was lost, a --case to try: it shows what is wrong on your machine.
    """
    project = find_project()
    sibling = _find_sibling(case, seed, project)
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
    if sibling is not None:
        _check_sibling(submission, project, sibling, seed, console)
        return
    items = (
        check_structure(submission, project.lab),
        *run_layer_tests(
            submission, project, ProcessSandbox(), project.lab.test_items, (Suite.PUBLIC,), 0
        ),
    )
    for item in items:
        _show(console, item)
    _refuse_unfinished(items)
    if any(item.outcome is not Outcome.PASSED for item in items):
        console.print(Text("Not all is well yet. Mend the first failure first.", style="bold"))
        raise click.exceptions.Exit(1)
    console.print(Text("All public checks pass.", style="bold green"))


def _find_sibling(case: str | None, seed: int | None, project: Project) -> str | None:
    if case is None:
        if seed is not None:
            raise ConfigurationError(
                "--seed chooses the values of a sibling.", "Name one with --case, or leave it out."
            )
        return None
    sibling, known = without_parameters(case), sibling_ids(project)
    if sibling not in known:
        near = difflib.get_close_matches(sibling, known, n=4, cutoff=0.5)
        name = "case such as" if near else "item, with an id behind it:"
        raise ConfigurationError(
            f"There is no case {case!r}.",
            f"Name a {name} {', '.join(near or project.lab.test_items)}.",
        )
    return sibling


def _check_sibling(
    submission: Submission, project: Project, sibling: str, seed: int | None, console: Console
) -> None:
    used = suggested_seed(sibling, project) if seed is None else seed
    items = [sibling.partition("/")[0]]
    suites = (Suite.SIBLING,)
    (item,) = run_layer_tests(submission, project, ProcessSandbox(), items, suites, used, sibling)
    _show(console, item)
    _refuse_unfinished([item])
    if item.outcome is not Outcome.PASSED:
        raise click.exceptions.Exit(1)
    console.print(
        Text(f"{sibling} passes with the seed {used}. Try other seeds too.", style="bold green")
    )


def _refuse_unfinished(items: Sequence[ItemResult]) -> None:
    if any(item.outcome is Outcome.GRADER_ERROR for item in items):
        raise GraderError(
            "The check could not be finished.", "Tell your teaching staff what is said above."
        )


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
