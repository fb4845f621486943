"""What a class's results say about a case: by hand, and against numpy."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.batch.statistics import (
    case_statistics,
    hardest_first,
    point_biserial,
    suspicious_first,
)
from grader.lab import Scoring
from grader.model import CaseResult, Entry, ItemResult, Outcome, Suite
from grader.scoring import score_item
from tests.batch.batches import report_of

P, F, T = Outcome.PASSED, Outcome.FAILED, Outcome.TIMEOUT


def item(
    name: str, max_points: float, *outcomes: Outcome, weights: tuple[float, ...] = ()
) -> ItemResult:
    cases = tuple(
        CaseResult(f"{name}/{n}", Suite.HIDDEN, outcome, weight, seconds=n + 1.0)
        for n, (outcome, weight) in enumerate(
            zip(outcomes, weights or (1.0,) * len(outcomes), strict=True)
        )
    )
    result = ItemResult(name, "", max_points, Outcome.PARTIAL, cases=cases)
    return score_item(result, Scoring("proportional"))


def entry(key: str, *items: ItemResult) -> Entry:
    return Entry(key, f"{key}.zip", report_of(key, *items))


# Two items of 10 points; `x` has two cases of equal weight, `y` one.
CLASS = [
    entry("a", item("x", 10, P, P), item("y", 10, P)),
    entry("b", item("x", 10, P, F), item("y", 10, P)),
    entry("c", item("x", 10, F, P), item("y", 10, F)),
    entry("d", item("x", 10, F, T), item("y", 10, F)),
]


def test_the_numbers_are_those_that_one_gets_by_hand() -> None:
    found = {one.id: one for one in case_statistics(CLASS)}
    first, second = found["x/0"], found["x/1"]
    assert (first.passed, first.failed, first.pass_rate) == (2, 2, 0.5)
    # Without x/0, of 15 points: a 15, b 10, c 5, d 0. The means of those who passed and failed
    # are 12.5 and 2.5, the standard deviation is sqrt(31.25): 10 / sqrt(31.25) / 2.
    assert first.discrimination == pytest.approx(5 / math.sqrt(31.25))
    # Without x/1: a 15, b 15, c 0, d 0. Of those who passed (a, c) the mean is 7.5, of those who
    # failed (b, d) 7.5 too.
    assert second.discrimination == pytest.approx(0.0)
    assert (second.median_seconds, second.max_seconds) == (2.0, 2.0)


def test_who_lost_a_case_alone_is_named() -> None:
    found = {one.id: one for one in case_statistics(CLASS)}
    assert found["x/0"].alone == ("c",)
    assert found["x/1"].alone == ("b",)
    assert found["y/0"].alone == ("c", "d")


def test_where_all_or_nobody_passed_there_is_no_discrimination_and_it_says_so() -> None:
    entries = [
        entry(key, item("x", 10, P, F), item("y", 10, how))
        for key, how in zip("ab", [P, F], strict=True)
    ]
    found = {one.id: one for one in case_statistics(entries)}
    assert (found["x/0"].discrimination, found["x/0"].undefined) == (None, "all pass")
    assert (found["x/1"].discrimination, found["x/1"].undefined) == (None, "none pass")
    same = found["y/0"]
    assert (same.discrimination, same.undefined) == (None, "same rest")


def test_a_case_that_was_not_judged_counts_as_neither() -> None:
    waiting = Outcome.NEEDS_REVIEW
    entries = [*CLASS, entry("e", item("x", 10, waiting, waiting), item("y", 10, P))]
    assert case_statistics(entries)[0].passed == 2
    only_waiting = [entry("e", item("x", 10, waiting))]
    assert case_statistics(only_waiting) == ()
    assert case_statistics([Entry("f", "f.zip", None, "gone")]) == ()


def test_a_public_and_a_hidden_case_of_the_same_id_are_two_cases() -> None:
    twice = CaseResult("x/0", Suite.HIDDEN, F, 1.0), CaseResult("x/0", Suite.PUBLIC, P, 1.0)
    found = case_statistics([entry("a", ItemResult("x", "", 10, F, points=5, cases=twice))])
    assert [(one.suite, one.failed, one.alone) for one in found] == [
        (Suite.HIDDEN, 1, ("a",)),
        (Suite.PUBLIC, 0, ()),
    ]


def test_a_case_that_people_decide_on_is_not_suspicious_because_no_machine_passes_it() -> None:
    waiting = entry("e", item("x", 10, Outcome.NEEDS_REVIEW), item("y", 10, P))
    (found, _) = case_statistics([waiting, entry("f", item("x", 10, F), item("y", 10, P))])
    assert (found.id, found.left_to_people, found.undefined) == ("x/0", 1, "none pass")
    assert not found.suspicious


def test_suspicious_cases_come_first() -> None:
    order = [one.id for one in suspicious_first(case_statistics(CLASS))]
    # x/1 says nothing about the rest; the others tell the good from the bad.
    assert order[0] == "x/1"
    nobody = [entry(key, item("x", 10, P, F), item("y", 10, F)) for key in "ab"]
    assert [one.id for one in suspicious_first(case_statistics(nobody))][-1] == "x/0"


def test_the_hardest_come_first_where_that_is_asked_for() -> None:
    entries = [*CLASS[:2], entry("g", item("x", 10, P, F), item("y", 10, P))]
    assert hardest_first(case_statistics(entries))[0].id == "x/1"


OUTCOMES = st.sampled_from([P, P, F, T])


@st.composite
def classes(draw: st.DrawFn) -> list[Entry]:
    weights = draw(st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0]), min_size=2, max_size=4))
    size = draw(st.integers(2, 12))
    return [
        entry(
            chr(ord("a") + n),
            item("x", 15, *(draw(OUTCOMES) for _ in weights), weights=tuple(weights)),
            item("y", 10, draw(OUTCOMES), draw(OUTCOMES)),
        )
        for n in range(size)
    ]


@given(classes())
def test_discrimination_is_numpy_s_correlation_with_the_score_without_the_case(
    entries: list[Entry],
) -> None:
    for found in case_statistics(entries):
        passed, rest = [], []
        for one in entries:
            assert one.report is not None
            assert one.report.score is not None
            (of,) = (it for it in one.report.items if it.id == found.item)
            (case,) = (case for case in of.cases if case.id == found.id)
            whole = sum(case.weight for case in of.cases)
            own = of.max_points * case.weight / whole if case.outcome is P else 0.0
            passed.append(case.outcome is P)
            rest.append(one.report.score - own)
        if found.discrimination is None:
            assert len(set(passed)) == 1 or np.std(rest) < 1e-6
        else:
            expected = np.corrcoef(np.array(passed, float), np.array(rest))[0, 1]
            assert found.discrimination == pytest.approx(expected, abs=1e-9)
        assert found.passed == sum(passed)


@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(-1e6, 1e6).map(lambda x: round(x, 3))),
        min_size=2,
        max_size=40,
    )
)
def test_the_point_biserial_correlation_is_numpy_s(pairs: list[tuple[bool, float]]) -> None:
    passed, rest = [yes for yes, _ in pairs], [value for _, value in pairs]
    found = point_biserial(passed, rest)
    if found is None:
        assert len(set(passed)) == 1 or np.std(rest) < 1e-9
    else:
        expected = np.corrcoef(np.array(passed, float), np.array(rest))[0, 1]
        assert found == pytest.approx(expected, abs=1e-7)


def test_however_large_the_class_little_of_it_is_kept() -> None:
    large = 100_000

    def a_class() -> Iterator[Entry]:
        for n in range(100):
            said = (f"{n}" * large,)
            case = CaseResult("x", Suite.HIDDEN, F if n % 2 else P, 1.0, diagnostics=said)
            yield entry(f"student-{n}", ItemResult("x", "", 10, P, points=10.0, cases=(case,)))

    tracemalloc.start()
    try:
        (found,) = case_statistics(a_class())
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (found.passed, found.failed) == (50, 50)
    assert most < 10 * large
