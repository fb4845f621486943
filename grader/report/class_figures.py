"""Counts over a class: scores, items and cases."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from grader.lab import RubricLine
from grader.model import CaseResult, Entry, ItemResult, Outcome, Report

SCORE_BINS = 20
ITEM_BINS = 10
UNJUDGED = frozenset({Outcome.NOT_RUN, Outcome.GRADER_ERROR, Outcome.NEEDS_REVIEW})
"""Outcomes that say nothing about how hard a case is."""


class Bin(msgspec.Struct, frozen=True):
    """A bar of a histogram.

    Attributes
    ----------
    low, high : float
        From where to where; the last bin holds its upper edge too.
    final, provisional : int
        How many are in it.
    """

    low: float
    high: float
    final: int
    provisional: int = 0


class ScoreFigures(msgspec.Struct, frozen=True):
    """The scores of a class; mean and median are None where nobody has one."""

    bins: tuple[Bin, ...]
    scored: int
    provisional: int
    mean: float | None
    median: float | None


class ItemFigures(msgspec.Struct, frozen=True):
    """One rubric item over a class.

    Attributes
    ----------
    bins : tuple of Bin
        By the share of the item's points.
    full : int
        How many have all of its points.
    outcomes : tuple of (Outcome, int)
        The most frequent first.
    """

    id: str
    description: str
    max_points: float
    bins: tuple[Bin, ...]
    judged: int
    full: int
    mean: float | None
    median: float | None
    outcomes: tuple[tuple[Outcome, int], ...]


class CaseFigures(msgspec.Struct, frozen=True):
    """One case over a class.

    Attributes
    ----------
    anchor : str
        The id of its row in the page.
    case : CaseResult
        One of its results, for what all have in common.
    item : str
        Whose points it decides on.
    answered : int
        How many submissions it ran on.
    lost : tuple of str
        Keys of those that did not pass.
    """

    anchor: str
    case: CaseResult
    item: str
    answered: int
    lost: tuple[str, ...]

    @property
    def rate(self) -> float:
        """The share of the submissions that pass."""
        return 1 - len(self.lost) / self.answered


def score_figures(entries: Sequence[Entry], best: float) -> ScoreFigures:
    """Count scores in bins from 0 to `best`; provisional ones are counted apart."""
    reports = [entry.report for entry in entries if entry.report is not None]
    scored = [(report.score, report.provisional) for report in reports if report.score is not None]
    final = [score for score, provisional in scored if not provisional]
    open_ones = [score for score, provisional in scored if provisional]
    scores = [score for score, _ in scored]
    return ScoreFigures(
        _bins(final, open_ones, best, SCORE_BINS),
        len(scored),
        len(open_ones),
        statistics.fmean(scores) if scores else None,
        statistics.median(scores) if scores else None,
    )


def item_figures(entries: Sequence[Entry], line: RubricLine) -> ItemFigures:
    """Count one item's points and outcomes."""
    found = [item for _, item in _items(entries) if item.id == line.id]
    points = [item.points for item in found if item.points is not None]
    outcomes = Counter(item.outcome for item in found)
    return ItemFigures(
        line.id,
        line.description,
        line.points,
        _bins(points, (), line.points, ITEM_BINS),
        len(points),
        sum(value == line.points for value in points),
        statistics.fmean(points) if points else None,
        statistics.median(points) if points else None,
        tuple(outcomes.most_common()),
    )


def case_figures(entries: Sequence[Entry]) -> tuple[CaseFigures, ...]:
    """Count how often each case is passed; the hardest come first."""
    answered: Counter[tuple[str, str, str]] = Counter()
    lost: dict[tuple[str, str, str], list[str]] = {}
    first: dict[tuple[str, str, str], CaseResult] = {}
    for key, item in _items(entries):
        for case in item.cases:
            if case.outcome in UNJUDGED:
                continue
            place = (item.id, case.suite, case.id)
            first.setdefault(place, case)
            answered[place] += 1
            if case.outcome is not Outcome.PASSED:
                lost.setdefault(place, []).append(key)
    figures = [
        CaseFigures(f"case-{number}", case, place[0], answered[place], tuple(lost.get(place, ())))
        for number, (place, case) in enumerate(first.items(), 1)
    ]
    return tuple(sorted(figures, key=lambda one: (one.rate, one.item, one.case.id)))


def _items(entries: Sequence[Entry]) -> Iterator[tuple[str, ItemResult]]:
    for entry in entries:
        report: Report | None = entry.report
        for item in report.items if report is not None else ():
            yield entry.key, item


def _bins(
    final: Sequence[float], provisional: Sequence[float], best: float, count: int
) -> tuple[Bin, ...]:
    """Count values from 0 to `best` in equal bins."""

    def place(value: float) -> int:
        return min(int(value / best * count), count - 1)

    counts = [Counter(place(value) for value in values) for values in (final, provisional)]
    return tuple(
        Bin(best * n / count, best * (n + 1) / count, counts[0][n], counts[1][n])
        for n in range(count)
    )
