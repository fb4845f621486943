"""What a class's results say about each case: where a bad test shows."""

from __future__ import annotations

import math
import statistics
from array import array
from collections.abc import Iterable, Sequence

import msgspec

from grader.model import CaseResult, Entry, ItemResult, Outcome, Suite

LOW = 0.2
"""Discrimination below which a question is taken for a poor one (Ebel 1979, Essentials of
Educational Measurement)."""
_FAILED = frozenset({Outcome.FAILED, Outcome.TIMEOUT, Outcome.MEMORY, Outcome.CRASHED})
_SEEN = _FAILED | {Outcome.PASSED, Outcome.NEEDS_REVIEW}
_FLAT = 1e-9
"""Spread below which shares of the points, from 0 to 1, differ by rounding alone."""


class CaseStatistics(msgspec.Struct, frozen=True):
    """What a class's results say about one case.

    Attributes
    ----------
    item : str
        Its rubric item.
    id : str
        The case.
    suite : Suite
        Where it comes from.
    passed, failed : int
        Submissions in which it was judged so; where nothing was judged, it counts as neither.
    left_to_people : int
        Submissions in which the check left it to a person.
    discrimination : float or None
        Correlation, from -1 to 1, of passing it with the rest of the score; None where there is
        none to be had.
    undefined : str
        Why there is none: `all pass`, `none pass`, or `same rest` where the rest of the score
        does not differ; empty if there is.
    median_seconds, max_seconds : float
        Wall time where it was judged.
    alone : tuple of str
        Keys of the submissions that lost this case and nothing else of the item.
    """

    item: str
    id: str
    suite: Suite
    passed: int
    failed: int
    left_to_people: int
    discrimination: float | None
    undefined: str
    median_seconds: float
    max_seconds: float
    alone: tuple[str, ...]

    @property
    def pass_rate(self) -> float:
        """Share of the submissions that passed it, from 0 to 1."""
        return self.passed / (self.passed + self.failed)

    @property
    def suspicious(self) -> bool:
        """Whether failing it says little about the rest of a submission, or nobody passed.

        Where people decide on what may pass, that a machine passed nobody says nothing.
        """
        if self.discrimination is None:
            return self.failed > 0 and not self.left_to_people
        return self.discrimination < LOW

    @property
    def unexplained(self) -> float:
        """Failures that the rest of the score does not account for: their number times 1 - r."""
        return self.failed * (1 - (self.discrimination or 0.0))


class _Tally:
    """What a class's results say about one case so far: a column each, so that all fit in memory.

    Parameters
    ----------
    item : str
        Its rubric item.
    case : CaseResult
        The first of its results.
    """

    def __init__(self, item: str, case: CaseResult) -> None:
        self.item = item
        self.id = case.id
        self.suite = case.suite
        self.left_to_people = 0
        self.passed = bytearray()
        self.rest = array("d")
        self.seconds = array("d")
        self.alone: list[str] = []

    def add(self, key: str, case: CaseResult, rest: float | None, alone: bool) -> None:
        """Add a submission's result; rest is None where nothing else was judged."""
        if case.outcome is Outcome.NEEDS_REVIEW:
            self.left_to_people += 1
            return
        self.passed.append(case.outcome is Outcome.PASSED)
        self.rest.append(math.nan if rest is None else rest)
        self.seconds.append(case.seconds)
        if alone:
            self.alone.append(key)


def case_statistics(entries: Iterable[Entry]) -> tuple[CaseStatistics, ...]:
    """Return the statistics of every case that was judged, in the order of the reports.

    Parameters
    ----------
    entries : iterable of Entry
        A batch's, of which one at a time is looked at; what has no report counts nowhere.

    Notes
    -----
    The rest of the score is what a submission has of the points without the case, as a share of
    what it could have without it; items in which nothing was judged count on neither side. Within
    the case's own item the other cases count by weight.
    """
    # A public and a hidden case may have the same id.
    tallies: dict[tuple[str, Suite, str], _Tally] = {}
    for entry in entries:
        _add(entry, tallies)
    return tuple(_statistics(tally) for tally in tallies.values() if tally.passed)


def suspicious_first(found: Sequence[CaseStatistics]) -> tuple[CaseStatistics, ...]:
    """Sort by how much speaks against the case.

    First the cases with low discrimination, or that nobody passed, then the others; both by the
    number of failures that the rest of the score does not account for.
    """
    return tuple(sorted(found, key=lambda one: (not one.suspicious, -one.unexplained)))


def hardest_first(found: Sequence[CaseStatistics]) -> tuple[CaseStatistics, ...]:
    """Sort by pass rate, the lowest first."""
    return tuple(sorted(found, key=lambda one: one.pass_rate))


def point_biserial(passed: Sequence[bool], rest: Sequence[float]) -> float | None:
    r"""Return the correlation of a yes or no with a number.

    Parameters
    ----------
    passed : sequence of bool
        Of each submission.
    rest : sequence of float
        Of the same submissions.

    Returns
    -------
    float or None
        :math:`r = \frac{M_1 - M_0}{s} \sqrt{p (1 - p)}`, with the means of both groups, the
        population's standard deviation, and the share p that passed: Pearson's correlation for
        0 and 1. None where one of the groups is empty or the numbers do not differ.
    """
    of = {
        way: [value for yes, value in zip(passed, rest, strict=True) if yes is way]
        for way in (True, False)
    }
    if not of[True] or not of[False]:
        return None
    spread = statistics.pstdev(rest)
    if spread < _FLAT:
        return None
    share = len(of[True]) / len(rest)
    apart = statistics.fmean(of[True]) - statistics.fmean(of[False])
    return max(-1.0, min(1.0, apart / spread * math.sqrt(share * (1 - share))))


def _add(entry: Entry, tallies: dict[tuple[str, Suite, str], _Tally]) -> None:
    items = entry.report.items if entry.report is not None else ()
    points = {item.id: item.points for item in items if item.points is not None}
    most = {item.id: item.max_points for item in items if item.id in points}
    for item in items:
        others = math.fsum(value for id_, value in points.items() if id_ != item.id)
        could = math.fsum(value for id_, value in most.items() if id_ != item.id)
        lost = sum(case.outcome in _FAILED for case in item.cases)
        for case in item.cases:
            if case.outcome in _SEEN:
                place = (item.id, case.suite, case.id)
                tally = tallies.get(place) or tallies.setdefault(place, _Tally(item.id, case))
                alone = lost == 1 and case.outcome in _FAILED
                tally.add(entry.key, case, _rest(item, case, others, could), alone)


def _rest(item: ItemResult, case: CaseResult, others: float, could: float) -> float | None:
    """Return the share of the points without a case; None where nothing else was judged.

    Not from the item's own points: a person may have decided on them, or one case more or less may
    make no difference to them, where the lab's rule is all or nothing.
    """
    whole = math.fsum(one.weight for one in item.cases)
    siblings = [one for one in item.cases if one is not case]
    passed = math.fsum(one.weight for one in siblings if one.outcome is Outcome.PASSED)
    left = could + item.max_points * math.fsum(one.weight for one in siblings) / whole
    return (others + item.max_points * passed / whole) / left if left > 0 else None


def _statistics(tally: _Tally) -> CaseStatistics:
    count, passed = len(tally.passed), sum(tally.passed)
    known = [
        (bool(yes), rest)
        for yes, rest in zip(tally.passed, tally.rest, strict=True)
        if not math.isnan(rest)
    ]
    discrimination = point_biserial([yes for yes, _ in known], [rest for _, rest in known])
    undefined = ""
    if discrimination is None:
        undefined = "same rest"
        if passed in (0, count):
            undefined = "all pass" if passed else "none pass"
    return CaseStatistics(
        item=tally.item,
        id=tally.id,
        suite=tally.suite,
        passed=passed,
        failed=count - passed,
        left_to_people=tally.left_to_people,
        discrimination=discrimination,
        undefined=undefined,
        median_seconds=statistics.median(tally.seconds),
        max_seconds=max(tally.seconds),
        alone=tuple(tally.alone),
    )
