"""What sums a class's reports up is in memory once, and what was said is not."""

from __future__ import annotations

import msgspec

from grader.batch.folder.outline import Outlines
from grader.model import CaseResult, ItemResult, LossCurve, Outcome, Report, Suite
from tests.batch.batches import report_of


def report(seconds: float) -> Report:
    words = {"feedback": ("It is too small.",), "diagnostics": ("seed 1", "2 in place of 3")}
    case = CaseResult("full/a", Suite.HIDDEN, Outcome.FAILED, 2.0, seconds, "It adds.", **words)
    item = ItemResult(
        id="full",
        description="full.py",
        max_points=15.0,
        outcome=Outcome.FAILED,
        points=0.0,
        feedback=("No.", "Two cases failed.", "See them."),
        cases=(case,),
        output="Hi",
        curves=(LossCurve("a", (1.0,), (2.0,), False),),
    )
    # As if read from a file: nothing is shared with another report yet.
    return msgspec.json.decode(msgspec.json.encode(report_of("ADA", item)), type=Report)


def test_an_outline_has_all_but_most_of_what_was_said_and_how_long_it_took() -> None:
    whole = report(1.0)
    (item,) = whole.items
    (case,) = item.cases
    bare = msgspec.structs.replace(case, seconds=0.0, feedback=(), diagnostics=())
    said = item.feedback[:2]
    rest = msgspec.structs.replace(item, feedback=said, output="", curves=(), cases=(bare,))
    assert Outlines().outline(whole) == msgspec.structs.replace(whole, items=(rest,))


def test_what_outlines_have_in_common_is_there_once() -> None:
    outlines = Outlines()
    one, other = (outlines.outline(report(seconds)).items[0] for seconds in (1.0, 2.0))
    assert other.cases is one.cases
    assert other.description is one.description
