"""What a regrade would change: who gains or loses what, by which case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from grader.batch.folder.outline import Shared
from grader.model import CaseResult, Entry, ItemResult, Outcome, Report, Suite
from grader.overrides import apply_overrides


class CaseChange(msgspec.Struct, frozen=True):
    """A case that ends otherwise; None on the side where there is no such case.

    Attributes
    ----------
    id : str
        The case.
    suite : Suite
        Where it comes from.
    before, after : Outcome or None
        How it ended, and how it ends now.
    diagnostics_before, diagnostics_after : tuple of str
        For staff.
    """

    id: str
    suite: Suite
    before: Outcome | None
    after: Outcome | None
    diagnostics_before: tuple[str, ...] = ()
    diagnostics_after: tuple[str, ...] = ()


class ItemChange(msgspec.Struct, frozen=True):
    """An item whose points or verdict differ.

    Attributes
    ----------
    id : str
        The rubric item.
    before, after : Outcome
        What the check found, and what it finds now.
    points_before, points_after : float or None
        What counts, people's decisions included.
    decided : bool
        Whether a person decided, so that the points stay what they are.
    cases : tuple of CaseChange
        Those that end otherwise.
    """

    id: str
    before: Outcome
    after: Outcome
    points_before: float | None
    points_after: float | None
    decided: bool
    cases: tuple[CaseChange, ...]

    @property
    def other_points(self) -> bool:
        """Whether it has other points than it had."""
        return self.points_before != self.points_after


class SubmissionChange(msgspec.Struct, frozen=True):
    """A submission in which something differs.

    Attributes
    ----------
    key, archive : str
        Whose.
    score_before, score_after : float or None
        None where there is no score.
    items : tuple of ItemChange
        What differs; empty where nothing does but wording.
    """

    key: str
    archive: str
    score_before: float | None
    score_after: float | None
    items: tuple[ItemChange, ...]

    @property
    def gain(self) -> float:
        """Points that the submission gains, negative if it loses some.

        Of items that had or have no points, nothing is known.
        """
        return sum(
            item.points_after - item.points_before
            for item in self.items
            if item.points_before is not None and item.points_after is not None
        )


class CaseCount(msgspec.Struct, frozen=True):
    """How many submissions end otherwise by a case, in the same way."""

    id: str
    suite: Suite
    before: Outcome | None
    after: Outcome | None
    submissions: tuple[str, ...]


class ChangeOutlines:
    """Makes outlines of changes: without diagnostics, and what they have in common only once."""

    def __init__(self) -> None:
        self._shared = Shared()

    def outline(self, change: SubmissionChange) -> SubmissionChange:
        """Return a change without diagnostics."""
        items = tuple(
            msgspec.structs.replace(
                item, cases=self._shared.one(tuple(map(self._case, item.cases)))
            )
            for item in change.items
        )
        return msgspec.structs.replace(change, items=items)

    def _case(self, case: CaseChange) -> CaseChange:
        return self._shared.one(CaseChange(case.id, case.suite, case.before, case.after))


def compare(before: Entry, after: Entry) -> SubmissionChange | None:
    """Return what differs between two results of one submission; None if nothing does."""
    if after.report is None:
        return None
    if before.report is None:
        items = tuple(
            ItemChange(item.id, Outcome.NOT_RUN, _found(item).outcome, None, item.points, False, ())
            for item in after.report.items
        )
        return SubmissionChange(after.key, after.archive, None, after.report.score, items)
    if _lasting(before.report) == _lasting(after.report):
        return None
    old = {item.id: item for item in before.report.items}
    found = [_item(old[item.id], item) for item in after.report.items if item.id in old]
    return SubmissionChange(
        after.key,
        after.archive,
        before.report.score,
        after.report.score,
        tuple(one for one in found if one is not None),
    )


def by_case(changes: Sequence[SubmissionChange]) -> tuple[CaseCount, ...]:
    """Return which cases end otherwise, the most frequent first."""
    keys: dict[tuple[Suite, str, Outcome | None, Outcome | None], list[str]] = {}
    for change in changes:
        for item in change.items:
            for case in item.cases:
                way = (case.suite, case.id, case.before, case.after)
                keys.setdefault(way, []).append(change.key)
    counts = Counter({way: len(of) for way, of in keys.items()})
    return tuple(
        CaseCount(id_, suite, before, after, tuple(keys[suite, id_, before, after]))
        for (suite, id_, before, after), _ in counts.most_common()
    )


def _item(before: ItemResult, after: ItemResult) -> ItemChange | None:
    cases = _cases(before.cases, after.cases)
    old, new = _found(before), _found(after)
    same = (old.outcome, before.points) == (new.outcome, after.points)
    if same and not cases:
        return None
    return ItemChange(
        after.id,
        old.outcome,
        new.outcome,
        before.points,
        after.points,
        after.decision is not None,
        cases,
    )


def _cases(before: Sequence[CaseResult], after: Sequence[CaseResult]) -> tuple[CaseChange, ...]:
    # A public and a hidden case may have the same id.
    old = {(case.suite, case.id): case for case in before}
    new = {(case.suite, case.id): case for case in after}
    changes = []
    for way in dict.fromkeys((*old, *new)):
        one, other = old.get(way), new.get(way)
        if (one and one.outcome) == (other and other.outcome):
            continue
        changes.append(
            CaseChange(
                way[1],
                way[0],
                one.outcome if one else None,
                other.outcome if other else None,
                one.diagnostics if one else (),
                other.diagnostics if other else (),
            )
        )
    return tuple(changes)


def _found(item: ItemResult) -> ItemResult:
    """Return an item as its check found it, whatever a person decided."""
    if item.decision is None:
        return item
    return msgspec.structs.replace(item, outcome=item.decision.before)


def verdict(report: Report) -> Report:
    """Return a report as the checks made it, without people's decisions."""
    return apply_overrides(report, ())


def _lasting(report: Report) -> Report:
    """Return what of a report does not differ from run to run."""
    items = tuple(
        msgspec.structs.replace(
            item,
            output="",
            curves=(),
            cases=tuple(msgspec.structs.replace(case, seconds=0.0) for case in item.cases),
        )
        for item in report.items
    )
    return msgspec.structs.replace(report, items=items, timings={}, graded_at="", grader_version="")
