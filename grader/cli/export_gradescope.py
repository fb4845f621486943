"""`grader export gradescope` and `gradescope-autograder`: zips for Gradescope to run."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grader.atomic_file import write_atomically, writing
from grader.autograder.bundle import asked_for, bundle
from grader.autograder.settings import Settings
from grader.autograder.settled import write_settled
from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.candidates import candidates_of, graded_reports
from grader.cli.console import log
from grader.cli.grade import chosen_items
from grader.dataset.store import find_dataset
from grader.errors import ConfigurationError
from grader.lab import find_project
from grader.plain_text import printable
from grader.report.lms.grade import score_text
from grader.report.lms.results_json import results_json
from grader.roster import read_roster

_NARROW = 60


@click.command(
    epilog="""\b
Examples:
  grader export gradescope graded --out settled.zip
  grader export gradescope graded --out settled.zip --apply
"""
)
@click.argument("folder", metavar="DIR", type=Path)
@click.option("--out", type=Path, required=True, help="The zip to upload as the autograder.")
@click.option("--apply", is_flag=True, help="Write; without it, only show what would be.")
@click.option("--partial", is_flag=True, help="Exit code 0 although grades are missing.")
def gradescope(*, folder: Path, out: Path, apply: bool, partial: bool) -> None:
    """Make an autograder that hands out what a batch of Gradescope's export has found.

    Gradescope takes no grades for a programming assignment from a sheet. Upload the zip as the
    assignment's autograder and regrade all submissions: each gets its own result.
    """
    batch = BatchFolder(folder)
    candidates = candidates_of(batch, find_project().lab.lab.name)
    table = Table(title="Grades for Gradescope", title_justify="left")
    for name in ("submission", "student", "grade", "what happens"):
        table.add_column(name, justify="right" if name == "grade" else "left")
    graded = {}
    for one in candidates:
        number = one.person.ids.get("gradescope", "")
        why = one.grade.why if number else "it is no submission of Gradescope's"
        who = printable(", ".join(one.person.names[:1]), _NARROW)
        score = ""
        if not why and one.grade.score is not None:
            graded[number] = one
            score = score_text(one.grade.score)
        said = Text(f"held back: {why}", style="magenta") if why else Text("handed out")
        key = f"{one.grade.key} (late)" if one.grade.late else one.grade.key
        table.add_row(Text(printable(key, _NARROW)), Text(who), score, said)
    Console().print(table)
    log(f"{len(graded)} handed out, {len(candidates) - len(graded)} held back")
    if apply:
        in_order = [graded[number] for number in sorted(graded)]
        reports = graded_reports(batch, in_order)
        results = ((one.person.ids["gradescope"], results_json(of)) for one, of in reports)
        with writing(out) as file:
            write_settled(file, results)
        log(f"wrote {out}")
    else:
        log("Nothing was written. Run it again with --apply to write.")
    if len(graded) < len(candidates) and not partial:
        raise click.exceptions.Exit(1)


@click.command(
    "gradescope-autograder",
    epilog="""\b
Examples:
  grader export gradescope-autograder --out autograder.zip
  grader export gradescope-autograder --out autograder.zip --only structure,softmax
""",
)
@click.option("--out", type=Path, required=True, help="The zip to upload to Gradescope.")
@click.option(
    "--only",
    metavar="ITEM,...",
    multiple=True,
    help="Items to grade; all but better_cifar if not given.",
)
@click.option("--seed", type=int, help="Grading seed; the default is lab.toml's.")
@click.option("--roster", type=Path, help="Class list (CSV), to send along.")
@click.option("--wheels", type=Path, help="Folder of wheels, for an image made without network.")
def gradescope_autograder(
    *,
    out: Path,
    only: tuple[str, ...],
    seed: int | None,
    roster: Path | None,
    wheels: Path | None,
) -> None:
    """Make the zip of an autograder that grades each submission in Gradescope's own container.

    It holds the hidden tests and the reference, closed to student code: docs/security.md says what
    is isolated there and what is not.
    """
    project = find_project()
    if not project.hidden_tests.is_dir():
        raise ConfigurationError(
            "This installation has no hidden tests.", "Run grader from a full checkout."
        )
    items = asked_for(project, chosen_items(project, only) if only else None)
    if roster is not None:
        read_roster(roster)  # Before students meet its mistakes.
    if wheels is not None and not any(wheels.glob("*.whl")):
        raise ConfigurationError(f"{wheels} holds no wheels.", "Fill it with `pip download`.")
    data = find_dataset(project).folder if "better_cifar" in items else None
    settings = Settings(items, project.lab.suite.seed if seed is None else seed)
    write_atomically(
        out, bundle(project, settings, roster=roster, wheels=wheels, data=data), mode=0o600
    )
    log(f"wrote {out}, which grades {', '.join(items)}")
    log("It holds the hidden tests: hand it to nobody but Gradescope.")
