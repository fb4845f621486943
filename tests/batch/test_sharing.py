"""What many reports say is in memory once."""

from __future__ import annotations

import msgspec

from grader.batch.sharing import Sharing
from grader.model import CaseResult, ItemResult, Outcome, Report, SubmissionStamp, Suite, SuiteStamp


def report(seconds: float) -> Report:
    words = {"feedback": ("It is too small.",), "diagnostics": ("seed 1", "2 in place of 3")}
    case = CaseResult("full/a", Suite.HIDDEN, Outcome.FAILED, 2.0, seconds, "It adds.", **words)
    item = ItemResult("full", "full.py", 15.0, Outcome.FAILED, cases=(case,))
    made = Report(
        submission=SubmissionStamp("a.zip", "0", None, None),
        score=0.0,
        max_score=100.0,
        provisional=False,
        score_note=None,
        items=(item,),
        flags=(),
        suite=SuiteStamp("1", "0", 1, True),
        sandbox=None,
        timings={},
        graded_at="",
        grader_version="",
    )
    # As if read from a file: nothing is shared with another report yet.
    return msgspec.json.decode(msgspec.json.encode(made), type=Report)


def test_equal_parts_of_reports_become_the_same_objects_and_nothing_else_changes() -> None:
    sharing = Sharing()
    first, second = report(1.0), report(2.0)
    shared = [sharing.share(first), sharing.share(second)]
    assert shared == [first, second]
    one, other = (each.items[0].cases[0] for each in shared)
    assert second.items[0].cases[0].about is not first.items[0].cases[0].about
    assert other.about is one.about
    assert other.diagnostics is one.diagnostics
    assert (one.seconds, other.seconds) == (1.0, 2.0)
