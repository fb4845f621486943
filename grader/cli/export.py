"""`grader export`: grades and feedback, back to where the submissions came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grader.atomic_file import write_atomically, writing
from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.candidates import candidates_of, graded_reports
from grader.cli.console import log
from grader.cli.export_gradescope import gradescope, gradescope_autograder
from grader.errors import ConfigurationError
from grader.lab import find_project
from grader.model import Report
from grader.plain_text import printable
from grader.report.lms.columns import Layout, canvas_layout, moodle_layout, plain_layout
from grader.report.lms.feedback import write_feedback
from grader.report.lms.filling import Fate, Filled, Filling, fill
from grader.report.lms.sheet import Sheet, SheetError

FEEDBACK = "feedback.zip"
_STYLES = {
    Fate.CHANGED: "green",
    Fate.SAME: "dim",
    Fate.HELD_BACK: "magenta",
    Fate.NO_ROW: "red",
    Fate.NO_SUBMISSION: "yellow",
}
_NARROW = 60
_MOST_NAMED = 10


@click.group(
    epilog="""\b
Examples:
  grader export canvas graded --sheet gradebook.csv --out handover
  grader export canvas graded --sheet gradebook.csv --out handover --apply
"""
)
def export() -> None:
    """Put a batch's grades into the LMS's own downloaded sheet, with feedback for each student."""


def _of_sheets(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that all sheets have in common."""
    options = (
        click.argument("folder", metavar="DIR", type=Path),
        click.option("--sheet", type=Path, required=True, help="What was downloaded from the LMS."),
        click.option("--out", type=Path, required=True, help="Folder for the filled sheet."),
        click.option("--column", metavar="TITLE", help="The grade's column, as it stands there."),
        click.option("--apply", is_flag=True, help="Write; without it, only show what would be."),
        click.option("--partial", is_flag=True, help="Exit code 0 although grades are missing."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@export.command(
    epilog="""\b
Examples:
  grader export canvas graded --sheet gradebook.csv --out handover
  grader export canvas graded --sheet gradebook.csv --out handover --column "LAB3 (4711)" --apply
"""
)
@_of_sheets
def canvas(*, column: str | None, **options: Any) -> None:
    """Fill the gradebook that was exported from Canvas: one column, nothing else.

    feedback.zip goes to Canvas as it is: Upload Submissions finds students by the file names.
    """
    lab_name = find_project().lab.lab.name
    _export(lambda sheet: canvas_layout(sheet, column, lab_name), **options)


@export.command(
    epilog="""\b
Examples:
  grader export moodle graded --sheet Grades.csv --out handover
  grader export moodle graded --sheet Bewertungen.csv --out handover --apply
"""
)
@_of_sheets
@click.option("--feedback-column", metavar="TITLE", help="The comment's column.")
def moodle(*, column: str | None, feedback_column: str | None, **options: Any) -> None:
    """Fill the grading worksheet that was downloaded from Moodle: grade and feedback comment.

    feedback.zip goes to Moodle as it is: Upload multiple feedback files finds students by folders.
    """
    _export(lambda sheet: moodle_layout(sheet, column, feedback_column), **options)


@export.command(
    "csv",
    epilog="""\b
Examples:
  grader export csv graded --sheet class.csv --out handover --column points
""",
)
@_of_sheets
@click.option("--feedback-column", metavar="TITLE", help="The comment's column.")
def csv_(*, column: str | None, feedback_column: str | None, **options: Any) -> None:
    """Fill any CSV sheet with a header line, a name or a number of the student, and a grade."""
    _export(lambda sheet: plain_layout(sheet, column, feedback_column), **options)


def _export(
    layout_of: Callable[[Sheet], Layout],
    *,
    folder: Path,
    sheet: Path,
    out: Path,
    apply: bool,
    partial: bool,
) -> None:
    lab_name = find_project().lab.lab.name
    read = _read(sheet)
    layout = layout_of(read)
    batch = BatchFolder(folder)
    candidates = candidates_of(batch, lab_name)
    filling = fill(read, layout, candidates)
    _show(filling, sheet)
    for remark in layout.remarks:
        log(remark)
    if any(line.fate is Fate.NO_SUBMISSION for line in filling.lines):
        _show_passed_over(batch.manifest().passed_over)
    if apply:
        settled = {line.key for line in filling.lines if line.fate in (Fate.CHANGED, Fate.SAME)}
        graded = [one for one in candidates if one.grade.key in settled]
        reports = ((one.grade.key, report) for one, report in graded_reports(batch, graded))
        _write(filling, reports, sheet, out, lab_name)
    else:
        log("Nothing was written. Run it again with --apply to write.")
    if not filling.complete and not partial:
        raise click.exceptions.Exit(1)


def _read(sheet: Path) -> Sheet:
    try:
        return Sheet.read(sheet.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            f"The sheet {sheet} cannot be read ({error.strerror}).", "Check the path."
        ) from error
    except SheetError as error:
        raise ConfigurationError(
            f"The sheet {sheet} cannot be read: {error}.", "Download it from the LMS again, as CSV."
        ) from None


def _write(
    filling: Filling, reports: Iterable[tuple[str, Report]], sheet: Path, out: Path, lab_name: str
) -> None:
    target = out / sheet.name
    if target.resolve() == sheet.resolve():
        raise ConfigurationError(
            f"{target} is the sheet that was downloaded, and it would be lost.",
            "Name another folder with --out.",
        )
    with writing(out / FEEDBACK) as file:
        write_feedback(file, reports, lab_name)
    write_atomically(target, filling.data)
    log(f"wrote {target} and {out / FEEDBACK}")


def _show(filling: Filling, sheet: Path) -> None:
    table = Table(title=Text(f"Grades for {sheet.name}"), title_justify="left")
    for name in ("student", "submission", "grade there", "grade now", "what happens"):
        table.add_column(name, justify="right" if name.startswith("grade") else "left")
    for line in filling.lines:
        if line.fate is not Fate.NO_SUBMISSION:
            table.add_row(*_cells(line))
    for line in filling.lines:
        if line.fate is Fate.NO_SUBMISSION:
            table.add_row(*_cells(line))
    Console().print(table)
    counts = Counter(line.fate for line in filling.lines)
    log(", ".join(f"{counts[fate]} {fate}" for fate in Fate if counts[fate]))


def _show_passed_over(lines: Sequence[str]) -> None:
    """Name what the batch found and did not take in: it may be what such a student handed in."""
    if lines:
        log("Whose submission is missing may have handed in what the batch passed over:")
    for line in lines[:_MOST_NAMED]:
        log(f"  {line}")
    if len(lines) > _MOST_NAMED:
        log(f"  and {len(lines) - _MOST_NAMED} more such, which report.html names")


def _cells(line: Filled) -> tuple[Text, ...]:
    said = f"{line.fate}: {line.why}" if line.why else str(line.fate)
    key = f"{line.key} (late)" if line.late else line.key
    texts = [Text(printable(word, _NARROW)) for word in (line.who, key)]
    texts += [Text(printable(word, _NARROW)) for word in (line.before, line.after)]
    return (*texts, Text(said, style=_STYLES[line.fate]))


export.add_command(gradescope)
export.add_command(gradescope_autograder)
