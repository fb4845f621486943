"""`grader grade`: archives in, rubric reports out."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import msgspec

from grader import pipeline
from grader.atomic_file import write_atomically
from grader.batch.source.enrolment import enrol
from grader.batch.source.handed import Handed
from grader.cli.console import log, show_report, watching
from grader.dataset.files import DataMissing, Dataset
from grader.dataset.store import find_dataset
from grader.errors import ConfigurationError, GraderError
from grader.intake import file_name
from grader.lab import Project, find_project
from grader.model import Audience, Report
from grader.overrides import apply_overrides, read_overrides
from grader.publication import is_published
from grader.report.json_report import to_json
from grader.report.student_page import student_page
from grader.roster import read_roster
from grader.sandbox.choice import SandboxKind, choose_sandbox


@click.command(
    epilog="""\b
Examples:
  grader grade JANE_DOE_LAB3.zip
  grader grade *.zip --out reports
  grader grade JANE_DOE_LAB3.zip --only softmax,sequential --seed 7
"""
)
@click.argument("archives", metavar="ARCHIVE...", nargs=-1, required=True, type=Path)
@click.option("--out", type=Path, help="Write a report for each archive into this folder.")
@click.option(
    "--sandbox",
    type=click.Choice(SandboxKind, case_sensitive=False),
    default=SandboxKind.AUTO,
    show_default=True,
    help="Where student code runs. auto: docker, else bubblewrap; process isolates nothing.",
)
@click.option("--only", metavar="ITEM,...", multiple=True, help="Grade these rubric items alone.")
@click.option("--seed", type=int, help="Grading seed; the default is lab.toml's.")
@click.option(
    "--overrides", type=Path, help="Apply people's decisions from this file (grader-overrides/1)."
)
@click.option("--roster", type=Path, help="Class list (CSV): which student has which number.")
@click.option(
    "--audience",
    type=click.Choice(Audience, case_sensitive=False),
    default=Audience.STAFF,
    show_default=True,
    help="student leaves out diagnostics and captured output.",
)
def grade(
    *,
    archives: tuple[Path, ...],
    out: Path | None,
    sandbox: SandboxKind,
    only: tuple[str, ...],
    seed: int | None,
    overrides: Path | None,
    roster: Path | None,
    audience: Audience,
) -> None:
    """Grade archives against the rubric.

    One archive without --out: the report is printed on stdout as JSON, and a short table on
    stderr. With --out, a page for the student and the pictures that staff look at are beside each
    report. An archive that cannot be graded is named on stderr, the others are graded all the same,
    and the exit code is 1.
    """
    project = find_project()
    targets = _targets(archives, out)
    plan = make_plan(project, sandbox, only, seed)
    decisions = read_overrides(overrides) if overrides is not None else ()
    seeds = _seeds(archives, roster, project)
    graded_all = True
    for archive in archives:
        try:
            with watching(file_name(archive)) as watch:
                own = msgspec.structs.replace(plan, watch=watch, student_seed=seeds[archive])
                graded = pipeline.grade(archive, own)
            report = apply_overrides(graded.report, decisions)
            _hand_over(report, graded.artefacts, targets[archive], audience, project.lab.lab.name)
        except GraderError as error:
            log(f"grader: {error}")
            graded_all = False
            continue
        graded_all = graded_all and report.score is not None
    if not graded_all:
        raise click.exceptions.Exit(1)


def _targets(archives: tuple[Path, ...], out: Path | None) -> dict[Path, Path | None]:
    """Say where each report goes; None is stdout."""
    if out is None:
        if len(archives) > 1:
            raise ConfigurationError(
                f"{len(archives)} archives were given, and stdout takes one report.",
                "Name a folder for the reports with --out.",
            )
        return dict.fromkeys(archives)
    targets: dict[Path, Path | None] = {path: out / f"{path.stem}.json" for path in archives}
    names = [str(target).casefold() for target in targets.values()]
    for target in targets.values():
        if names.count(str(target).casefold()) > 1:
            raise ConfigurationError(
                f"Two archives would both have their report in {target}.",
                "Grade them in separate calls with different --out folders.",
            )
    return targets


def _seeds(
    archives: tuple[Path, ...], roster: Path | None, project: Project
) -> dict[Path, int | None]:
    """Return the students' numbers from the class list; says on stderr who is not in it."""
    if roster is None:
        return dict.fromkeys(archives)
    handed = [Handed(path.stem, path, file_name(path)) for path in archives]
    enrolment = enrol(handed, read_roster(roster), project.lab.lab.name)
    for line in enrolment.unknown:
        log(line)
    return {one.path: one.seed for one in enrolment.handed}


def make_plan(
    project: Project, kind: SandboxKind, only: Sequence[str], seed: int | None
) -> pipeline.Plan:
    """Return what the options ask for; says on stderr what is missing on this machine."""
    items = chosen_items(project, only)
    tested = [item for item in items if item in project.lab.test_items]
    if tested and not project.hidden_tests.is_dir():
        raise ConfigurationError(
            "This installation has no hidden tests, so it cannot grade.",
            "Students run `grader check`; staff run grader from a full checkout.",
        )
    if tested and not is_published(project, project.suite_digest()):
        log(
            "grader: the tests differ from every published suite; `grader suite publish` them "
            "before anybody's grade rests on them"
        )
    runs_code = [item for item in items if item != "structure"]
    sandbox = choose_sandbox(kind, project.root, log) if runs_code else None
    if sandbox is not None and not sandbox.isolated:
        log("grader: the sandbox `process` does not isolate student code from this machine")
    if seed is None:
        seed = project.lab.suite.seed
    return pipeline.Plan(project, sandbox, seed, items, _dataset(project, items))


def _dataset(project: Project, items: tuple[str, ...]) -> Dataset | None:
    """Find the data; without them, everything but the trainings is graded."""
    if not {"better_cifar", "plots"} & set(items):
        return None
    try:
        return find_dataset(project)
    except DataMissing as missing:
        log(f"grader: {missing} better_cifar is not run.")
        return None


def chosen_items(project: Project, only: Sequence[str]) -> tuple[str, ...]:
    """Return the rubric items that the --only options name together; all of them without one."""
    every = tuple(line.id for line in project.lab.rubric)
    if not only:
        return every
    words = [word.strip() for option in only for word in option.split(",")]
    asked = [word for word in words if word]
    unknown = [word for word in asked if word not in every]
    if unknown or not asked:
        raise ConfigurationError(
            f"--only names {', '.join(unknown) or 'nothing'}, which the rubric lacks.",
            f"Choose from {', '.join(every)}.",
        )
    return tuple(item for item in every if item in asked)


def _hand_over(
    report: Report,
    artefacts: Mapping[str, bytes],
    target: Path | None,
    audience: Audience,
    lab_name: str,
) -> None:
    document = to_json(report, audience)
    if target is None:
        sys.stdout.buffer.write(document)
    else:
        if audience is Audience.STAFF:
            for name, picture in artefacts.items():
                write_atomically(target.with_suffix(".files") / name, picture)
        write_atomically(target.with_suffix(".html"), student_page(report, lab_name))
        write_atomically(target, document)
    show_report(report)
