"""A process that grades many keeps its collector, as long as that knows the tests as they are."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from grader.checks import collector, kept_collector, layer_tests
from grader.model import Outcome
from grader.sandbox.ahead import CellsAhead
from grader.sandbox.cell import Cell

if TYPE_CHECKING:
    from tests.checks.conftest import RunTests

FULL = "class FullLayer:\n    def forward(self, x):\n        return x\n"
RELU = "class ReluLayer:\n    def forward(self, x):\n        return x\n"
# What a run changes in its process, the next must not find changed.
CASE = (
    "import os\nimport pytest\nfrom layers import {name}\nSEEN = []\n"
    '@pytest.mark.case(id="one", weight=1, about="the output")\n'
    "def test_one():\n"
    "    SEEN.append(1)\n"
    "    assert len(SEEN) == 1\n"
    "    assert {name}().forward({given}) == 1, f'collected by {{os.getppid()}}'\n"
)


def hidden(given: int = 1, name: str = "FullLayer") -> str:
    return CASE.format(given=given, name=name)


@pytest.fixture(autouse=True)
def keeping() -> Iterator[None]:
    with kept_collector.keeping_collector():
        yield


def process() -> int:
    assert kept_collector._Keeping.kept is not None
    return kept_collector._Keeping.kept.collector.process


def test_many_submissions_share_a_collector_and_nothing_else(run_tests: RunTests) -> None:
    (first,) = run_tests({"full": FULL}, hidden={"full": hidden()})
    collector = process()
    (second,) = run_tests(
        {"full": FULL.replace("return x", "return -x")}, hidden={"full": hidden()}
    )
    (third,) = run_tests({"full": FULL}, hidden={"full": hidden()})
    outcomes = [item.outcome for item in (first, second, third)]
    assert outcomes == [Outcome.PASSED, Outcome.FAILED, Outcome.PASSED]
    assert process() == collector
    assert f"collected by {collector}" in second.cases[0].diagnostics[0]


def test_a_changed_test_file_is_collected_anew(run_tests: RunTests) -> None:
    run_tests({"full": FULL}, hidden={"full": hidden()})
    collector = process()
    (item,) = run_tests({"full": FULL}, hidden={"full": hidden(given=22)})
    assert item.outcome is Outcome.FAILED
    assert process() != collector


def test_some_of_the_collected_items_can_be_run_alone(run_tests: RunTests) -> None:
    files = {"full": hidden(), "relu": hidden(name="ReluLayer")}
    run_tests({"full": FULL, "relu": RELU}, hidden=files, items=("full", "relu"))
    collector = process()
    (relu,) = run_tests({"full": FULL, "relu": RELU}, hidden=files, items=("relu",))
    assert [case.id for case in relu.cases] == ["relu/one"]
    assert process() == collector


def test_after_an_error_of_the_graders_the_collector_is_not_asked_again(
    run_tests: RunTests,
) -> None:
    (item,) = run_tests({"full": FULL}, hidden={"full": "def broken(:\n"})
    assert item.outcome is Outcome.GRADER_ERROR
    assert kept_collector._Keeping.kept is None


def test_a_collector_that_was_killed_costs_one_submission_an_error_of_ours(
    run_tests: RunTests,
) -> None:
    run_tests({"full": FULL}, hidden={"full": hidden()})
    os.kill(process(), signal.SIGKILL)
    (lost,) = run_tests({"full": FULL}, hidden={"full": hidden()})
    assert lost.outcome is Outcome.GRADER_ERROR
    (item,) = run_tests({"full": FULL}, hidden={"full": hidden()})
    assert item.outcome is Outcome.PASSED


def test_a_machine_that_lets_no_run_start_is_our_error_at_once(
    run_tests: RunTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request was read by then, and the collector waited for another: both sides hung."""

    def no_room(_cells: CellsAhead) -> Cell:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(CellsAhead, "take", no_room)
    monkeypatch.setattr(layer_tests, "_longest_run", lambda subject: 1.0)
    monkeypatch.setattr(collector, "ENDING_SECONDS", 2.0)
    (item,) = run_tests({"full": FULL}, hidden={"full": hidden()})
    assert item.outcome is Outcome.GRADER_ERROR
    assert "could not be started (Too many open files)" in item.feedback[0]


def test_a_collector_ends_with_its_grader_however_that_ends(run_tests: RunTests) -> None:
    readable, writable = os.pipe()
    grader = os.fork()
    if grader == 0:
        try:
            run_tests({"full": FULL}, hidden={"full": hidden()})
            os.write(writable, str(process()).encode())
            time.sleep(60)
        finally:
            os._exit(1)
    collector = int(os.read(readable, 20))
    os.kill(grader, signal.SIGKILL)
    os.waitpid(grader, 0)
    deadline = time.monotonic() + 60
    while Path(f"/proc/{collector}/stat").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# Host objects, whose answers runs learn for the runs after them

SEQUENTIAL = (
    "class Sequential:\n"
    "    def __init__(self, layers, loss):\n        self.layers = layers\n"
    "    def fit(self, x):\n        self.layers[0].update_param(x)\n"
)
WITH_HOST = (
    "import os\nimport pytest\nfrom layers import Sequential\n"
    "class Layer:\n"
    "    rates = []\n"
    "    def update_param(self, lr):\n        self.rates.append(lr)\n        return {answer}\n"
    '@pytest.mark.case(id="one", weight=1, about="the rate")\n'
    "def test_one():\n"
    "    layer = Layer()\n"
    "    Sequential([layer], None).fit(0.5)\n"
    "    assert layer.rates == [0.5]\n"
)


def run_sequential(run_tests: RunTests, answer: str, seed: int = 1, code: str = "") -> Outcome:
    (item,) = run_tests(
        {"sequential": SEQUENTIAL + code},
        hidden={"sequential": WITH_HOST.format(answer=answer)},
        items=("sequential",),
        seed=seed,
    )
    return item.outcome


def test_runs_after_the_first_are_judged_by_what_they_ask_themselves(run_tests: RunTests) -> None:
    outcomes = [
        run_sequential(run_tests, "None", code=code)
        for code in ("", "# another\n", "Sequential.fit = lambda self, x: None\n", "# third\n")
    ]
    assert outcomes == [Outcome.PASSED, Outcome.PASSED, Outcome.FAILED, Outcome.PASSED]


def test_an_object_of_a_tests_that_knows_its_run_is_the_graders_error_and_then_tried_anew(
    run_tests: RunTests,
) -> None:
    first, second, third = (run_sequential(run_tests, "os.getpid()") for _ in range(3))
    assert (first, second, third) == (Outcome.PASSED, Outcome.GRADER_ERROR, Outcome.PASSED)


def test_what_was_learned_under_one_seed_counts_for_no_other(run_tests: RunTests) -> None:
    outcomes = [run_sequential(run_tests, "os.getpid()", seed) for seed in (1, 2, 1)]
    assert outcomes == [Outcome.PASSED] * 3


def test_who_stops_keeping_leaves_no_process(run_tests: RunTests) -> None:
    with kept_collector.keeping_collector():
        run_tests({"full": FULL}, hidden={"full": hidden()})
        collector = process()
    with pytest.raises(ProcessLookupError):
        os.kill(collector, 0)
    assert not kept_collector._Keeping.on
