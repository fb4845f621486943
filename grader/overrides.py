"""People's decisions about items, which take a check's place and survive regrades."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from grader.atomic_file import write_atomically
from grader.errors import ConfigurationError
from grader.model import Decision, ItemResult, Outcome, Report
from grader.scoring import total

SCHEMA = "grader-overrides/1"


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
    """

    sha256: str
    item: str
    points: float
    who: str
    when: str
    why: str


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
        problem = _problem(one)
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
    others = (o for o in overrides if (o.sha256, o.item) != (new.sha256, new.item))
    return (*others, new)


def apply_overrides(report: Report, overrides: Sequence[Override]) -> Report:
    """Put people's decisions in the checks' place.

    Parameters
    ----------
    report : Report
        As the checks made it, or with decisions applied before.
    overrides : sequence of Override
        Those of other archives do nothing here. Of two about an item, the later in the sequence
        counts.

    Raises
    ------
    ConfigurationError
        If a decision names an item that the rubric lacks, or gives more points than it has.
    """
    mine = {one.item: one for one in overrides if one.sha256 == report.submission.sha256}
    if not mine:
        return report
    known = {item.id: item for item in report.items}
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
    items = tuple(_decided(i, mine[i.id]) if i.id in mine else i for i in report.items)
    score = total(items)
    return msgspec.structs.replace(
        report,
        items=items,
        score=score.score,
        provisional=score.provisional,
        score_note=score.note,
    )


def _decided(item: ItemResult, override: Override) -> ItemResult:
    before = item.decision.before if item.decision is not None else item.outcome
    outcome = Outcome.PARTIAL
    if override.points in (0.0, item.max_points):
        outcome = Outcome.PASSED if override.points else Outcome.FAILED
    return msgspec.structs.replace(
        item,
        outcome=outcome,
        points=override.points,
        decision=Decision(override.who, override.when, override.why, override.points, before),
    )


def _problem(one: Override) -> str:
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
