"""Curves are the student's word: whatever it says, what is shown is short, finite and in order."""

from __future__ import annotations

import json
import math
from typing import Any

import jsonschema
import msgspec

from grader.baseline.measure import Baseline, Job, Run
from grader.bridge.loss_log import MOST
from grader.checks.better_cifar.loss_curves import MOST_CURVES, loss_curves
from grader.checks.better_cifar.measuring import Described, Way
from grader.checks.better_cifar.training import Ending, Measured, Training
from grader.model import Audience, LossCurve, Outcome
from grader.report.json_report import json_schema, to_json
from tests.report.samples import FULL, report_of


def network(losses: Any, correct: bytes = b"", width: int = 300, pass_rows: float = 50) -> Measured:
    layers = [("FullLayer", [width, 3072]), ("ReluLayer", []), ("FullLayer", [4, width])]
    described = Described(layers, 1, True, 1, 0.5, False, 0, losses, pass_rows)
    return Measured(described, 1, Way.WEIGHTS if correct else None, correct)


def curves(*networks: Measured, baseline: Baseline | None = None) -> tuple[LossCurve, ...]:
    training = Training(Ending.FINISHED, Outcome.FAILED, "", networks, (1,))
    return loss_curves(training, baseline)


def test_the_compared_network_comes_first_and_the_given_one_last() -> None:
    run = Run(Job(20, 0.1, 2, 128, 1), (1.5, 1.25), "01")
    one, other = network([(50, 2.0)], b"\1\0"), network([(50, 1.0)], b"\1\1", 100)
    found = curves(one, other, baseline=Baseline((run,)))
    assert [curve.name.split(",")[0] for curve in found] == [
        "3072-100-4",
        "3072-300-4",
        "the given network",
    ]
    assert found[0] == LossCurve("3072-100-4, the one that is compared", (1.0,), (1.0,), False)
    assert found[2].passes == (1.0, 2.0)
    many = [network([(50, 1.0)], b"\1", width) for width in range(1, 10)]
    assert len(curves(*many)) == MOST_CURVES


def test_what_is_not_finite_or_not_in_order_is_left_out() -> None:
    for bad in (math.nan, math.inf, -math.inf, 1e300):
        (found,) = curves(network([(25, 2.0), (50, bad), (75, 1.0)]))
        assert (found.passes, found.losses, found.diverged) == ((0.5,), (2.0,), True)
    for back in (25, 10, -1, math.nan, math.inf):
        (found,) = curves(network([(25, 2.0), (back, 1.0)]))
        assert (found.losses, found.diverged) == ((2.0,), False)
    assert curves(network([])) == ()
    assert all(curves(network([(1, 1.0)], pass_rows=n)) == () for n in (0, -1, math.nan, math.inf))
    (long,) = curves(network([(n + 1, 1.0) for n in range(10_000)]))
    assert len(long.losses) == MOST + 1


def test_a_report_with_curves_is_valid() -> None:
    made = curves(network([(25, 2.0), (50, math.nan)], b"\1"))
    report = report_of(msgspec.structs.replace(FULL, curves=made))
    for audience in Audience:
        document = json.loads(to_json(report, audience))
        jsonschema.validate(document, json_schema())
        assert document["items"][0]["curves"][0]["losses"] == [2.0]
