"""What is for a person to decide on: in which order, and with which reasons at hand."""

from __future__ import annotations

import msgspec

from grader.batch.review.matters import Wanted, matters, neighbours, wanted_of
from grader.batch.review.reasons import ACCEPTED, MOST, Reason, reasons
from grader.model import Entry, Outcome
from grader.overrides import Override, apply_overrides
from tests.batch.batches import plots, relu, report_of, sha_of


def entry(key: str, *, waiting: bool = True) -> Entry:
    item = plots() if waiting else plots(Outcome.FAILED)
    return Entry(key, f"{key}.zip", report_of(key, relu(), item))


def decision(key: str, points: float = 8.0, why: str = "blurred") -> Override:
    return Override(sha_of(key), "plots", points, "Ada", "2026-11-24T10:00:00+01:00", why, key)


def test_all_items_of_a_kind_come_in_a_row() -> None:
    found = matters([entry("BEN"), entry("ADA"), Entry("CHO", "CHO.zip", None, "gone")], ())
    assert [(one.item.id, one.key) for one in found] == [
        ("relu", "ADA"),
        ("relu", "BEN"),
        ("plots", "ADA"),
        ("plots", "BEN"),
    ]


def test_each_wish_finds_what_it_says() -> None:
    overrides = [decision("BEN")]
    entries = [
        msgspec.structs.replace(one, report=apply_overrides(one.report, overrides, one.key))
        for one in (entry("ADA"), entry("BEN"), entry("CHO", waiting=False))
        if one.report is not None
    ]
    every = matters(entries, overrides)
    found = {wish: [(m.key, m.item.id) for m in wanted_of(every, wish)] for wish in Wanted}
    assert found == {
        Wanted.WAITING: [("ADA", "plots")],
        Wanted.DECIDED: [("BEN", "plots")],
        Wanted.PLOTS: [("ADA", "plots"), ("BEN", "plots")],
    }


def test_a_place_that_is_no_more_among_them_has_neighbours_all_the_same() -> None:
    ada, ben, cho = wanted_of(
        matters([entry("ADA"), entry("BEN"), entry("CHO")], ()), Wanted.WAITING
    )
    assert neighbours([ada, ben, cho], ben.place) == (ada, cho)
    assert neighbours([ada, cho], ben.place) == (ada, cho)
    assert neighbours([ada], ada.place) == (None, None)


def test_decisions_about_other_archives_of_the_same_student_are_at_hand() -> None:
    earlier = msgspec.structs.replace(decision("ADA"), sha256="f" * 64)
    (one,) = wanted_of(matters([entry("ADA"), entry("BEN")], [earlier]), Wanted.WAITING)[:1]
    assert (one.key, one.earlier, one.version) == ("ADA", (earlier,), "")


def test_what_was_said_often_is_offered_first_and_what_was_only_accepted_is_not() -> None:
    said = [
        decision("A", why="no title"),
        decision("B"),
        decision("C"),
        decision("D", 10.0, ACCEPTED),
    ]
    offered = reasons(said, "plots", 10.0)
    assert offered[:2] == (Reason(8.0, "blurred"), Reason(8.0, "no title"))
    assert all(reason.why != ACCEPTED for reason in offered)
    assert reasons(said, "softmax", 15.0) == ()
    many = [decision("A", float(n % 10), f"reason {n}") for n in range(30)]
    assert len(reasons(many, "plots", 10.0)) == MOST
