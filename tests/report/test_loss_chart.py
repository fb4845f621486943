"""The chart of losses: every point within the axes, whatever the numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.lab import Project
from grader.model import Entry, ItemResult, LossCurve, Outcome
from grader.report.class_page import ClassFacts, class_page
from grader.report.loss_chart import loss_chart
from grader.report.student_page import student_page
from tests.report.html_page import Page, assert_accessible, assert_needs_nothing_else
from tests.report.samples import EVIL, report_of

Make = Callable[..., Page]
CURVE = LossCurve("3072-30-4", (1.0, 2.0, 3.0), (1.5, 1.0, 0.5), False)


@st.composite
def curves(draw: st.DrawFn) -> LossCurve:
    steps = draw(st.lists(st.floats(1e-3, 1e9), min_size=1, max_size=20))
    passes = tuple(math.fsum(steps[: n + 1]) for n in range(len(steps)))
    losses = draw(st.lists(st.floats(-1e9, 1e9), min_size=len(steps), max_size=len(steps)))
    return LossCurve("a", passes, tuple(losses), draw(st.booleans()))


@given(st.lists(curves(), min_size=1, max_size=5))
def test_points_and_ticks_stand_between_the_axes(drawn: list[LossCurve]) -> None:
    chart = loss_chart(drawn)
    assert chart is not None
    for line in chart.lines:
        for point in line.points.split():
            x, y = map(float, point.split(","))
            assert chart.left - 0.1 <= x <= chart.right + 0.1
            assert chart.top - 0.1 <= y <= chart.bottom + 0.1
    assert all(chart.left - 0.1 <= tick.at <= chart.right + 0.1 for tick in chart.across)
    assert all(chart.top - 0.1 <= tick.at <= chart.bottom + 0.1 for tick in chart.up)
    assert len(chart.across) <= 8
    assert len(chart.up) <= 8


def test_a_falling_loss_falls_and_the_axes_count_in_round_numbers() -> None:
    chart = loss_chart([CURVE])
    assert chart is not None
    heights = [float(point.split(",")[1]) for point in chart.lines[0].points.split()]
    assert heights == sorted(heights)
    assert [tick.text for tick in chart.across] == ["0", "1", "2", "3"]
    assert [tick.text for tick in chart.up] == ["0", "0.5", "1", "1.5"]
    assert not chart.logarithmic


def test_a_loss_that_grew_a_hundredfold_has_a_logarithmic_axis() -> None:
    chart = loss_chart([CURVE, LossCurve("b", (1.0, 2.0), (2.0, 200.0), True)])
    assert chart is not None
    assert chart.logarithmic
    assert "100" in [tick.text for tick in chart.up]
    assert [line.diverged for line in chart.lines] == [False, True]


def test_without_a_point_there_is_no_chart() -> None:
    assert loss_chart([]) is None
    assert loss_chart([LossCurve("a", (), (), True)]) is None


def trained(*drawn: LossCurve) -> ItemResult:
    return ItemResult("better_cifar", "better_cifar.py", 10.0, Outcome.PASSED, 10.0, curves=drawn)


@pytest.fixture(params=["class", "student"])
def pages(request: pytest.FixtureRequest, project: Project) -> Make:
    """Return what makes a page about a submission with these curves."""

    def make(*drawn: LossCurve) -> Page:
        report = report_of(trained(*drawn))
        if request.param == "student":
            return Page(student_page(report, "LAB3"))
        entry = Entry("ADA", "ADA_LAB3.zip", report)
        facts = ClassFacts(lab=project.lab, source="/in", seed=7, entries=(entry,))
        return Page(b"".join(class_page(facts)))

    return make


def test_student_and_staff_see_the_curves_in_a_page_that_stands_alone(pages: Make) -> None:
    evil = LossCurve(EVIL, (1.0,), (2.0,), True)
    gone = LossCurve("3072-9-4", (), (), True)
    page = pages(CURVE, evil, gone)
    assert_needs_nothing_else(page)
    assert_accessible(page)
    lines = [line for line in page.all("polyline") if line["points"] != "0,4 34,4"]
    assert len(lines) == 2
    text = " ".join(page.text.split())
    for said in ("passes through the training images", "training loss", "3072-30-4"):
        assert said in text
    assert "<script>alert(1)</script>\\x00\\u202egnp." in page.text
    assert "it diverged at the cross" in text
    assert "3072-9-4: its loss was no finite number from the start" in text


def test_a_page_says_why_there_is_no_curve(pages: Make) -> None:
    assert "There is no training curve: no loss was seen" in " ".join(pages().text.split())
    none = pages(LossCurve("a", (), (), True))
    assert "the loss was no finite number from the start" in " ".join(none.text.split())
