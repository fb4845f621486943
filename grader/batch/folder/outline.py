"""Keeps of a class's reports what sums them up, so that a thousand fit in memory."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from grader.model import CaseResult, Entry, ItemResult, Report

SAID = 2
"""Lines of what was said about an item that an outline keeps: as many as a contact sheet shows."""
_T = TypeVar("_T")


class Shared:
    """Has of all equal values one, for all to share."""

    def __init__(self) -> None:
        self._first: dict[object, object] = {}

    def one(self, value: _T) -> _T:
        """Return the first that was equal to this one."""
        return self._first.setdefault(value, value)  # type: ignore[return-value]


class Outlines:
    """Makes outlines of reports: they name the same cases, and say of most that they passed.

    An outline has everything but most of what was said about items, all that was said about cases,
    how long a case took, what was printed, and curves: it is for counting and for lists, and the
    report itself stays on disk. What outlines have in common is in memory once.
    """

    def __init__(self) -> None:
        self._shared = Shared()

    def entry(self, entry: Entry) -> Entry:
        """Return an entry with an outline of its report, if it has one."""
        if entry.report is None:
            return entry
        return msgspec.structs.replace(entry, report=self.outline(entry.report))

    def outline(self, report: Report) -> Report:
        """Return what sums a report up."""
        return msgspec.structs.replace(report, items=tuple(self._item(i) for i in report.items))

    def _item(self, item: ItemResult) -> ItemResult:
        return msgspec.structs.replace(
            item,
            description=self._shared.one(item.description),
            feedback=self._shared.one(item.feedback[:SAID]),
            output="",
            curves=(),
            cases=self._shared.one(tuple(self._case(case) for case in item.cases)),
        )

    def _case(self, case: CaseResult) -> CaseResult:
        return self._shared.one(
            CaseResult(case.id, case.suite, case.outcome, case.weight, about=case.about)
        )
