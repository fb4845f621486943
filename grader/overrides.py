"""People's decisions about items, which take a check's place and survive regrades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from grader.atomic_file import write_atomically
from grader.errors import ConfigurationError
from grader.model import Decision, Flag, ItemResult, Outcome, Report
from grader.scoring import total

SCHEMA = "grader-overrides/1"
EARLIER = "earlier-decision"
"""Id of the flag of a report about whose student people decided when it was another archive."""


class Override(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A decision as it is kept in a file.

    Attributes
    ----------
    sha256 : str
        Of the archive that it is about: a resubmission is judged anew.
    item : str
        The rubric item.
    points : float
        What the person gives, from 0 to the item's maximum.
    who : str
        The person.
    when : str
        ISO 8601, with a time zone.
    why : str
        In words.
    key : str
        The student's in the batch, by which a decision about another archive of theirs is known;
        empty where it was made without a batch.
    """

    sha256: str
    item: str
    points: float
    who: str
    when: str
    why: str
    key: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: str
    overrides: tuple[Override, ...]


def read_overrides(path: Path) -> tuple[Override, ...]:
    """Read a file of decisions.

    Raises
    ------
    ConfigurationError
        If it cannot be read, or a decision says who, when or why not.
    """
    try:
        read = msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise ConfigurationError(
            f"{path} could not be read ({error.strerror}).", "Name a file of decisions."
        ) from error
    except msgspec.DecodeError as error:
        raise ConfigurationError(
            f"{path} is not a file of decisions: {error}.", "Mend that line."
        ) from error
    if read.schema != SCHEMA:
        raise ConfigurationError(
            f"{path} is of the kind {read.schema!r}, not {SCHEMA!r}.", "Name another file."
        )
    for number, one in enumerate(read.overrides, 1):
        problem = problem_of(one)
        if problem:
            raise ConfigurationError(
                f"{path}: decision {number} ({one.item}) {problem}.", "Mend that decision."
            )
    return read.overrides


def write_overrides(path: Path, overrides: Sequence[Override]) -> None:
    """Write a file of decisions, whole or not at all."""
    document = msgspec.json.encode(_File(SCHEMA, tuple(overrides)))
    write_atomically(path, msgspec.json.format(document, indent=2) + b"\n")


def with_override(overrides: Sequence[Override], new: Override) -> tuple[Override, ...]:
    """Return the decisions with a new one, which replaces an older one about the same item."""
    return (*without_override(overrides, new.sha256, new.item), new)


def without_override(overrides: Sequence[Override], sha256: str, item: str) -> tuple[Override, ...]:
    """Return the decisions without those about an item of an archive."""
    return tuple(o for o in overrides if (o.sha256, o.item) != (sha256, item))


def apply_overrides(report: Report, overrides: Sequence[Override], key: str = "") -> Report:
    """Put people's decisions in the checks' place.

    Parameters
    ----------
    report : Report
        As the checks made it, or with decisions applied before: where one of those was taken back
        since, what the check had found holds again.
    overrides : sequence of Override
        Those of other archives change no points. Of two about an item, the later in the sequence
        counts.
    key : str
        The student's in the batch: decisions about another archive of theirs are flagged.

    Raises
    ------
    ConfigurationError
        If a decision names an item that the rubric lacks, or gives more points than it has.
    """
    found = tuple(_found_by_check(item) for item in report.items)
    mine = {one.item: one for one in overrides if one.sha256 == report.submission.sha256}
    _hold_to_rubric(mine, found)
    items = tuple(_decided(i, mine[i.id]) if i.id in mine else i for i in found)
    flags = (
        *(flag for flag in report.flags if flag.id != EARLIER),
        *_flags(report.submission.sha256, overrides, key),
    )
    if (items, flags) == (report.items, report.flags):
        return report
    score = total(items)
    return msgspec.structs.replace(
        report,
        items=items,
        flags=flags,
        score=score.score,
        provisional=score.provisional,
        score_note=score.note,
    )


def earlier_decisions(sha256: str, overrides: Sequence[Override], key: str) -> tuple[Override, ...]:
    """Return the decisions about other archives of the same student."""
    return tuple(one for one in overrides if key and one.key == key and one.sha256 != sha256)


def _flags(sha256: str, overrides: Sequence[Override], key: str) -> tuple[Flag, ...]:
    earlier = sorted({one.item for one in earlier_decisions(sha256, overrides, key)})
    if not earlier:
        return ()
    # Students read this too: not who decided, nor what.
    said = f"A decision about an earlier archive exists ({', '.join(earlier)}); it does not count."
    return (Flag(EARLIER, said),)


def _hold_to_rubric(mine: Mapping[str, Override], items: Sequence[ItemResult]) -> None:
    known = {item.id: item for item in items}
    for one in mine.values():
        if one.item not in known:
            raise ConfigurationError(
                f"A decision of {one.who}'s is about {one.item!r}, which the rubric lacks.",
                f"Choose from {', '.join(known)}.",
            )
        if one.points > known[one.item].max_points:
            raise ConfigurationError(
                f"A decision of {one.who}'s gives {one.points:g} points for {one.item}, which has "
                f"{known[one.item].max_points:g}.",
                "Mend the decision.",
            )


def _found_by_check(item: ItemResult) -> ItemResult:
    """Return an item as it was before people decided."""
    if item.decision is None:
        return item
    return msgspec.structs.replace(
        item,
        outcome=item.decision.before,
        points=item.decision.points_before,
        decision=None,
    )


def _decided(item: ItemResult, override: Override) -> ItemResult:
    outcome = Outcome.PARTIAL
    if override.points in (0.0, item.max_points):
        outcome = Outcome.PASSED if override.points else Outcome.FAILED
    decision = Decision(
        override.who, override.when, override.why, override.points, item.outcome, item.points
    )
    return msgspec.structs.replace(item, outcome=outcome, points=override.points, decision=decision)


def problem_of(one: Override) -> str:
    """Return what a decision lacks, as the end of a sentence; empty if it is whole."""
    if not one.who.strip():
        return "does not say who decided"
    if not one.why.strip():
        return "does not say why"
    if not 0 <= one.points < float("inf"):
        return f"gives {one.points:g} points"
    try:
        if datetime.fromisoformat(one.when).tzinfo is None:
            return f"was made at {one.when!r}, which has no time zone"
    except ValueError:
        return f"was made at {one.when!r}, which is no time in ISO 8601"
    return ""
