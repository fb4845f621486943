"""The page about a whole class, for staff: one HTML file that needs no other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import quote

import msgspec

from grader.lab import Lab
from grader.model import CaseResult, Entry, ItemResult, Outcome, Report, Suite
from grader.report.class_figures import case_figures, item_figures, score_figures
from grader.report.likeness_report import Likeness
from grader.report.page import Limits, render_pieces
from grader.report.student_page import name_of
from grader.report.thumbnail import Thumbnail
from grader.report.to_do import to_do

MOST_PICTURES = 4
"""Of an item of a student, beside the reference's; the others are linked."""
LIMITS = Limits(cases=8, output=2_000)
"""A page about hundreds must stay one that a browser opens; the reports hold everything."""
REFERENCE = "reference.png"


def _no_pictures(_entry: Entry) -> Mapping[str, Thumbnail]:
    return {}


def _at_hand(entry: Entry) -> Report | None:
    return entry.report


class ClassFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the page is made from.

    Attributes
    ----------
    lab : Lab
        The rubric.
    source : str
        Where the archives came from.
    seed : int
        The grading seed.
    entries : tuple of Entry
        Every submission; outlines of the reports will do.
    remarks : mapping of str to tuple of str
        What else a batch has to say about its source, sentences by heading.
    likeness : Likeness or None
        What looks alike; None where it was not looked for.
    pictures : callable
        Returns a submission's small pictures by their artefacts' names. It is called for one
        submission after the other, so that never all of them are in memory.
    whole : callable
        Returns a submission's whole report, in the same way.
    made_from : str
        Digest of all of this, for the page to say; empty where nobody asks.
    """

    lab: Lab
    source: str
    seed: int
    entries: tuple[Entry, ...]
    remarks: Mapping[str, tuple[str, ...]] = {}
    likeness: Likeness | None = None
    pictures: Callable[[Entry], Mapping[str, Thumbnail]] = _no_pictures
    whole: Callable[[Entry], Report | None] = _at_hand
    made_from: str = ""


class Picture(msgspec.Struct, frozen=True):
    """A picture as the page shows it.

    Attributes
    ----------
    source : str
        Itself, as an address.
    href : str
        Where the whole of it is.
    reference : bool
        Whether it shows what the reference would.
    """

    source: str
    href: str
    width: int
    height: int
    alt: str
    caption: str
    reference: bool


class Linked(msgspec.Struct, frozen=True):
    """A picture that the page only names."""

    name: str
    href: str


class ShownPictures(msgspec.Struct, frozen=True):
    """An item's pictures: those in the page, and those beside it."""

    pictures: tuple[Picture, ...]
    left_out: tuple[Linked, ...]


class Alike(msgspec.Struct, frozen=True):
    """Something in a submission that looks like others': what, and whose (keys)."""

    what: str
    others: tuple[str, ...]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One submission as the page shows it.

    Attributes
    ----------
    anchor : str
        The id of its panel.
    key : str
        Its folder below `submissions/`.
    name : str
        The student's; with the key where others have the same.
    folder : str
        That folder, as an address.
    to_do : str
        What somebody still has to do about it; empty for nothing.
    late : bool
        Whether it was handed in late.
    alike : tuple of Alike
        What in it looks like somebody else's.
    kinds : str
        Words that the table can be filtered by.
    search : str
        Lower-case text that is searched.
    """

    anchor: str
    key: str
    name: str
    archive: str
    folder: str
    report: Report | None
    items: Mapping[str, ItemResult]
    problem: str
    superseded: tuple[str, ...]
    to_do: str
    late: bool
    alike: tuple[Alike, ...]
    kinds: str
    search: str


def class_page(facts: ClassFacts) -> Iterator[bytes]:
    """Return the page, piece by piece.

    Parameters
    ----------
    facts : ClassFacts
        What is known.
    """
    alike = _alike(facts.likeness) if facts.likeness is not None else {}
    named = zip(facts.entries, _names(facts.entries), strict=True)
    rows = tuple(
        _row(entry, number, name, tuple(alike.get(entry.key, ())))
        for number, (entry, name) in enumerate(named, 1)
    )
    cases = case_figures(facts.entries)
    places = {(one.item, one.case.suite, one.case.id): one.anchor for one in cases}
    best = math.fsum(line.points for line in facts.lab.rubric)
    entries = {entry.key: entry for entry in facts.entries}
    reports = [row.report for row in rows if row.report is not None]
    return render_pieces(
        "class.html",
        facts=facts,
        lab=facts.lab.lab.name,
        rows={row.key: row for row in rows},
        scores=score_figures(facts.entries, best),
        items=tuple(item_figures(facts.entries, line) for line in facts.lab.rubric),
        cases=cases,
        link_for=_link_for(places),
        limits=LIMITS,
        pictures_of=lambda row: _pictures_of(row, facts.pictures(entries[row.key])),
        whole_of=lambda row: facts.whole(entries[row.key]),
        waiting=sum("review" in row.kinds.split() for row in rows),
        broken=sum("regrade" in row.kinds.split() for row in rows),
        unfinished=sum("pending" in row.kinds.split() for row in rows),
        graded=sum(report.is_final for report in reports),
        in_part=sum(report.is_final_in_part for report in reports),
        cut=[report for report in reports if report.left_out],
        left_out=sorted({id_ for report in reports for id_ in report.left_out}),
    )


def _alike(likeness: Likeness) -> dict[str, list[Alike]]:
    """Say of each submission what in it is like others'."""
    found: dict[str, list[Alike]] = {}
    for keys in likeness.archives:
        for key in keys:
            others = tuple(other for other in keys if other != key)
            found.setdefault(key, []).append(Alike("the same archive as", others))
    for pair in likeness.code:
        what = f"{100 * pair.shared:.0f} % of the code in common with"
        found.setdefault(pair.one, []).append(Alike(what, (pair.other,)))
        found.setdefault(pair.other, []).append(Alike(what, (pair.one,)))
    for group in likeness.pictures:
        for picture in group.pictures:
            others = tuple({one.key: 0 for one in group.pictures if one.key != picture.key})
            what = "the same plot to the pixel as" if group.equal else "nearly the same plot as"
            found.setdefault(picture.key, []).append(Alike(f"{picture.name}: {what}", others))
    return found


def _names(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield each student's name; of those who share one, with the key."""
    names = [name_of(e.report.submission) if e.report is not None else e.key for e in entries]
    times = Counter(names)
    for entry, name in zip(entries, names, strict=True):
        yield name if times[name] == 1 else f"{name} ({entry.key})"


def _row(entry: Entry, number: int, name: str, alike: tuple[Alike, ...]) -> Row:
    report = entry.report
    items = {item.id: item for item in report.items} if report is not None else {}
    late = report is not None and (report.submission.lms or {}).get("late") == "yes"
    waiting = [item.id for item in items.values() if item.outcome is Outcome.NEEDS_REVIEW]
    kinds = [f"lost-{item.id}" for item in items.values() if _lost(item)]
    kinds += ["review"] if waiting else []
    kinds += ["regrade"] if entry.needs_regrade else []
    kinds += ["pending"] if any(item.pending for item in items.values()) else []
    kinds += ["flagged"] if report is not None and report.flags else []
    kinds += ["alike"] if alike else []
    kinds += ["late"] if late else []
    folder = f"submissions/{quote(entry.key)}/"
    return Row(
        anchor=f"student-{number}",
        key=entry.key,
        name=name,
        archive=entry.archive,
        folder=folder,
        report=report,
        items=items,
        problem=entry.problem,
        superseded=entry.superseded,
        to_do=to_do(entry),
        late=late,
        alike=alike,
        kinds=" ".join(kinds),
        search=f"{name} {entry.key} {entry.archive}".lower(),
    )


def _pictures_of(row: Row, small: Mapping[str, Thumbnail]) -> dict[str, ShownPictures]:
    """Return a submission's pictures by item."""
    return {
        item.id: _pictures(item, small, row.folder, row.name)
        for item in row.items.values()
        if item.artefacts
    }


def _lost(item: ItemResult) -> bool:
    return item.points is not None and item.points < item.max_points


def _pictures(
    item: ItemResult, small: Mapping[str, Thumbnail], folder: str, student: str
) -> ShownPictures:
    """Put a student's pictures beside the reference's, and link what is left out."""
    paths = {facts.name: facts.path for facts in item.pictures}
    shown, left_out = [], []
    own = 0
    for name in item.artefacts:
        href = f"{folder}artefacts/{quote(name)}"
        reference = name.endswith(REFERENCE)
        own += not reference
        picture = small.get(name) if reference or own <= MOST_PICTURES else None
        if picture is None:
            left_out.append(Linked(paths.get(name, name), href))
            continue
        what = paths.get(name, name)
        shown.append(
            Picture(
                source=picture.address,
                href=href,
                width=picture.width,
                height=picture.height,
                alt="The reference's curves" if reference else f"{what} of {student}",
                caption="The reference, on the same classes" if reference else what,
                reference=reference,
            )
        )
    return ShownPictures(tuple(shown), tuple(left_out))


def _link_for(
    places: Mapping[tuple[str, Suite, str], str],
) -> Callable[[ItemResult], Callable[[CaseResult], str]]:
    """Return what leads from an item's case to where the page tells of it; "" for nowhere."""
    return lambda item: lambda case: places.get((item.id, case.suite, case.id), "")
