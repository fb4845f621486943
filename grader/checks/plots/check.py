"""Judges the plots as far as a machine can: whether they are there, can be read, and are not blank.

Whether they show the right curves is for a person, who gets a proposal.
"""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

import msgspec

from grader.checks.plots.likeness import BLANK, digest_of, hash_of, ink_of, near_equal
from grader.checks.plots.reading import Read, read_pictures
from grader.intake import quoted
from grader.lab import Project
from grader.model import CaseResult, ItemResult, Judged, Outcome, PictureFacts, Submission, Suite
from grader.picture import Pixels, as_png
from grader.sandbox.launch import Sandbox

ITEM = "plots"
FOLDER = "results/"
SUFFIXES = frozenset(
    {
        *(".png", ".jpg", ".jpeg", ".svg", ".pdf"),
        *(".gif", ".bmp", ".tif", ".tiff", ".webp"),
    }
)
MOST_PICTURES = 12
WANTED = 2
"""Loss by epoch, and accuracy by learning rate."""
ABOUT = "results/ holds the plots of training loss and of test accuracy by learning rate."


class _Seen(msgspec.Struct, frozen=True):
    """One page of a picture file."""

    facts: PictureFacts
    pixels: Pixels

    @property
    def blank(self) -> bool:
        return self.facts.ink < BLANK


def needs(path: str) -> bool:
    """Tell whether a file of a submission may be looked at as a plot."""
    return PurePosixPath(path).suffix.lower() in SUFFIXES


def given_pictures(template: Path) -> frozenset[bytes]:
    """Return the SHA-256 of the template's pictures, which are nobody's plots."""
    return frozenset(
        hashlib.sha256(path.read_bytes()).digest()
        for path in template.rglob("*")
        if needs(path.name)
    )


def check_plots(submission: Submission, project: Project, sandbox: Sandbox) -> Judged:
    """Look at the pictures of a submission.

    Parameters
    ----------
    submission : Submission
        Whose plots.
    project : Project
        The lab; pictures that its template holds do not count.
    sandbox : Sandbox
        Where they are decoded; not used if there are none.

    Returns
    -------
    Judged
        FAILED where there is nothing to see, else NEEDS_REVIEW with proposed points; the
        pictures, encoded anew, as artefacts.

    Raises
    ------
    GraderError
        If the sandbox fails.
    """
    paths, elsewhere = _candidates(submission, project)
    if not paths:
        missing = "There is no picture in results/: save your plots there as PNG, JPEG, SVG or PDF."
        return _judged(project, Outcome.FAILED, [missing], (), ())
    read = read_pictures(submission, paths[:MOST_PICTURES], project.lab, sandbox)
    seen = _seen(read)
    said = [_described(one, seen) for one in read]
    if elsewhere:
        said.append("The pictures belong into results/; they were looked at where they are.")
    if len(paths) > MOST_PICTURES:
        said.append(f"Of {len(paths)} pictures, the first {MOST_PICTURES} were looked at.")
    shown = [one for one in seen if not one.blank]
    if not shown and not any(one.problem for one in read):
        said.append("Nothing can be seen on them, so there are no points for plots.")
        return _judged(project, Outcome.FAILED, said, (), seen)
    points = project.lab.line(ITEM).points
    distinct = _distinct(shown)
    proposed = points * min(len(distinct), WANTED) / WANTED
    if len(distinct) == 1:
        note = "one picture: full points if it shows both plots"
    elif not distinct:
        note = "no picture could be read: open the files by hand"
    else:
        note = f"{len(distinct)} pictures that differ"
    return _judged(
        project, Outcome.NEEDS_REVIEW, said, (f"proposed {proposed:g}: {note}",), seen, proposed
    )


def _candidates(submission: Submission, project: Project) -> tuple[list[str], bool]:
    """Return the picture files, and whether they are elsewhere than in results/.

    Where results/ has none, those of other folders are looked at: a plot in the wrong place is a
    plot.
    """
    known = given_pictures(project.template)
    pictures = [
        path
        for path, data in sorted(submission.files.items())
        if needs(path) and hashlib.sha256(data).digest() not in known
    ]
    inside = [path for path in pictures if path.startswith(FOLDER)]
    return (inside, False) if inside else (pictures, bool(pictures))


def _seen(read: tuple[Read, ...]) -> tuple[_Seen, ...]:
    pages = [(one, page) for one in read for page in one.pages]
    return tuple(
        _Seen(
            PictureFacts(
                name=f"{ITEM}/student-{number}.png",
                path=one.path,
                format=one.format,
                width=one.width,
                height=one.height,
                ink=ink_of(page),
                digest=digest_of(page),
                likeness=hash_of(page),
            ),
            page,
        )
        for number, (one, page) in enumerate(pages, 1)
    )


def _distinct(shown: list[_Seen]) -> list[_Seen]:
    """Leave out what is a copy of an earlier one."""
    kept: list[_Seen] = []
    for one in shown:
        if not any(near_equal(one.facts, other.facts) for other in kept):
            kept.append(one)
    return kept


def _described(one: Read, seen: tuple[_Seen, ...]) -> str:
    """Say what was found of a file."""
    if not one.pages:
        return f"{quoted(one.path)} could not be read as a picture ({one.problem})."
    pages = f", {len(one.pages)} pages" if len(one.pages) > 1 else ""
    said = f"{quoted(one.path)}: {one.format}, {one.width} x {one.height}{pages}"
    blank = [s for s in seen if s.facts.path == one.path and s.blank]
    if len(blank) == len(one.pages):
        said += ", blank"
    return f"{said}."


def _judged(
    project: Project,
    outcome: Outcome,
    said: list[str],
    diagnostics: tuple[str, ...],
    seen: tuple[_Seen, ...],
    proposed: float | None = None,
) -> Judged:
    line = project.lab.line(ITEM)
    feedback = tuple(said)
    case = CaseResult(
        f"{ITEM}/pictures",
        Suite.MEASURED,
        outcome,
        weight=1.0,
        about=ABOUT,
        feedback=feedback,
        diagnostics=diagnostics,
    )
    result = ItemResult(
        line.id,
        line.description,
        line.points,
        outcome,
        proposed=proposed,
        feedback=feedback,
        cases=(case,),
        artefacts=tuple(one.facts.name for one in seen),
        pictures=tuple(one.facts for one in seen),
    )
    return Judged(result, {one.facts.name: as_png(one.pixels) for one in seen})
