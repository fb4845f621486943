"""What is learned for later submissions, and how much of it."""

from __future__ import annotations

import pytest

from grader.bridge import protocol
from grader.bridge.foreseen import Asked
from grader.checks import foresight
from grader.checks.foresight import Foresight


def asked(rate: float) -> Asked:
    call = protocol.HostCall(1, 0, "update_param", [rate], protocol.Dict([], []))
    return [(protocol.encode(call), protocol.encode(protocol.HostReturned(1, None)))]


def is_foreseen(known: Foresight, case: str) -> bool:
    return bytes(known.of(case).on_wire) != bytes(protocol.NOTHING_SEALED)


def test_no_submission_makes_all_others_sandboxes_be_sent_more_than_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = sum(map(len, asked(0.5)[0]))
    monkeypatch.setattr(foresight, "MOST_BYTES", 2 * one)
    known = Foresight()
    known.under(1)
    known.learn({"first": asked(0.5), "second": asked(0.5), "third": asked(0.5)})
    assert [is_foreseen(known, case) for case in ("first", "second", "third")] == [
        True,
        True,
        False,
    ]
    known.under(1)
    known.learn({"third": asked(0.5)})
    assert not is_foreseen(known, "third")
    known.under(2)
    known.learn({"third": asked(0.5)})
    assert is_foreseen(known, "third")
