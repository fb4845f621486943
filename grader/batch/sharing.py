"""Keeps one copy of what a class's reports have in common, so that a thousand fit in memory."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

import msgspec

from grader.model import CaseResult, ItemResult, Report

_T = TypeVar("_T", bound=Hashable)


class Sharing:
    """Remembers what reports said: they name the same cases, and mostly say the same of them."""

    def __init__(self) -> None:
        self._first: dict[Hashable, Hashable] = {}

    def share(self, report: Report) -> Report:
        """Return an equal report that is made of what earlier ones were made of, where it can."""
        return msgspec.structs.replace(report, items=tuple(self._item(i) for i in report.items))

    def _item(self, item: ItemResult) -> ItemResult:
        return msgspec.structs.replace(
            item,
            description=self._same(item.description),
            feedback=self._same(item.feedback),
            cases=tuple(self._case(case) for case in item.cases),
        )

    def _case(self, case: CaseResult) -> CaseResult:
        return msgspec.structs.replace(
            case,
            id=self._same(case.id),
            about=self._same(case.about),
            weight=self._same(case.weight),
            feedback=self._same(case.feedback),
            diagnostics=self._same(case.diagnostics),
        )

    def _same(self, value: _T) -> _T:
        return self._first.setdefault(value, value)  # type: ignore[return-value]
