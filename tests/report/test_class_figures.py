"""Counts over a class: what is not known is counted nowhere."""

from __future__ import annotations

import msgspec
import pytest

from grader.lab import Project, RubricLine
from grader.model import CaseResult, Entry, ItemResult, Outcome, Suite
from grader.report.class_figures import case_figures, item_figures, score_figures
from tests.report.samples import FULL, report_of

LINE = RubricLine("full", 15.0, "full.py")


def scored(score: float | None, *, provisional: bool = False) -> Entry:
    return Entry(f"s{score}", "a.zip", report_of(score=score, provisional=provisional))


def with_case(key: str, outcome: Outcome, suite: Suite = Suite.HIDDEN) -> Entry:
    case = CaseResult("full/one", suite, outcome, 1.0)
    return Entry(key, "a.zip", report_of(ItemResult("full", "", 15.0, outcome, cases=(case,))))


def test_scores_fall_into_bins_whose_last_holds_its_upper_edge() -> None:
    entries = [scored(0.0), scored(4.99), scored(5.0), scored(100.0), scored(97.0)]
    figures = score_figures(entries, 100.0)
    assert [bin_.final for bin_ in figures.bins] == [2, 1, *[0] * 17, 2]
    assert (figures.bins[0].low, figures.bins[-1].high) == (0, 100)
    assert figures.median == 5


def test_provisional_scores_are_counted_apart_and_missing_ones_nowhere() -> None:
    entries = [scored(50.0), scored(50.0, provisional=True), scored(None), Entry("x", "x", None)]
    figures = score_figures(entries, 100.0)
    assert (figures.scored, figures.provisional, figures.mean) == (2, 1, 50)
    assert (figures.bins[10].final, figures.bins[10].provisional) == (1, 1)


def test_a_class_without_a_score_has_no_mean() -> None:
    assert score_figures([], 100.0).mean is None
    assert item_figures([Entry("x", "x", None)], LINE).median is None


def test_an_item_s_points_are_counted_by_their_share(project: Project) -> None:
    def having(points: float | None, outcome: Outcome) -> Entry:
        item = msgspec.structs.replace(FULL, points=points, outcome=outcome)
        return Entry("x", "x", report_of(item))

    entries = [
        having(15.0, Outcome.PASSED),
        having(15.0, Outcome.PASSED),
        having(0.0, Outcome.FAILED),
        having(None, Outcome.GRADER_ERROR),
    ]
    figures = item_figures(entries, LINE)
    assert [bin_.final for bin_ in figures.bins] == [1, *[0] * 8, 2]
    assert (figures.judged, figures.full, figures.mean) == (3, 2, 10)
    assert figures.outcomes[0] == (Outcome.PASSED, 2)


def test_the_hardest_case_comes_first() -> None:
    easy = [with_case(key, Outcome.PASSED, Suite.PUBLIC) for key in "ab"]
    hard = [with_case("a", Outcome.PASSED), with_case("b", Outcome.TIMEOUT)]
    first, second = case_figures([*easy, *hard])
    assert (first.case.suite, first.rate, first.lost) == (Suite.HIDDEN, 0.5, ("b",))
    # The same name in two suites is two cases.
    assert (second.case.suite, second.rate, second.lost) == (Suite.PUBLIC, 1.0, ())


@pytest.mark.parametrize(
    "outcome", [Outcome.GRADER_ERROR, Outcome.NOT_RUN, Outcome.NEEDS_REVIEW], ids=str
)
def test_what_nobody_judged_makes_no_case_hard(outcome: Outcome) -> None:
    assert case_figures([with_case("a", outcome)]) == ()
    (figures,) = case_figures([with_case("a", outcome), with_case("b", Outcome.PASSED)])
    assert (figures.answered, figures.rate) == (1, 1.0)
