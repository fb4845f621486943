"""Runs of layer tests: what is the student's outcome, and what is the grader's own error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from grader.checks.layer_tests import overall_outcome
from grader.model import CaseResult, Outcome, Suite

if TYPE_CHECKING:
    from tests.checks.conftest import RunTests

FULL = "class FullLayer:\n    def forward(self, x):\n        return x\n"
RELU = "class ReluLayer:\n    def forward(self, x):\n        return x\n"

HEAD = "import pytest\nfrom layers import FullLayer\n"
MARKER = '@pytest.mark.case(id="one", weight=1, about="the output")\n'
GOOD = HEAD + MARKER + "def test_one():\n    assert FullLayer().forward(1) == 1\n"


def test_each_item_gets_its_own_cases_and_what_its_process_printed(run_tests: RunTests) -> None:
    modules = {
        "full": FULL.replace("return", "print('from full'); return"),
        "relu": RELU.replace("return x", "print('from relu'); return -x"),
    }
    full, relu = run_tests(
        modules,
        hidden={"full": GOOD, "relu": GOOD.replace("FullLayer", "ReluLayer")},
        items=("full", "relu"),
    )
    assert (full.id, full.outcome, full.max_points, full.points) == (
        "full",
        Outcome.PASSED,
        15.0,
        None,
    )
    assert (relu.id, relu.outcome) == ("relu", Outcome.FAILED)
    assert [case.id for item in (full, relu) for case in item.cases] == ["full/one", "relu/one"]
    assert "from full" in full.output
    assert "from relu" not in full.output
    assert "from relu" in relu.output


def test_captured_output_is_escaped_and_keeps_its_lines(run_tests: RunTests) -> None:
    modules = {"full": FULL.replace("return", r"print('a\x1b[2J\nb'); return")}
    (item,) = run_tests(modules, hidden={"full": GOOD})
    assert r"a\x1b[2J" + "\nb" in item.output


def test_public_and_hidden_cases_of_an_item_stand_together(run_tests: RunTests) -> None:
    public = (
        "import unittest\nfrom layers import FullLayer\nclass T(unittest.TestCase):\n"
        "    def test_public(self):\n        FullLayer()\n"
    )
    (item,) = run_tests({"full": FULL}, public={"full": public}, hidden={"full": GOOD})
    assert [(case.id, case.suite) for case in item.cases] == [
        ("full/public", Suite.PUBLIC),
        ("full/one", Suite.HIDDEN),
    ]


# The grader's own errors


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def broken(:\n", "hidden_tests/test_full.py could not be loaded"),
        ("import nonsense_that_is_nowhere\n", "nonsense_that_is_nowhere"),
        (HEAD + "def test_one():\n    pass\n", "no case marker"),
        (HEAD + "FullLayer()\n" + GOOD, "outside a case"),
        (HEAD + MARKER + "def test_one():\n    pytest.skip('not today')\n", "not today"),
        (HEAD + MARKER + "def test_one():\n    pytest.xfail('known')\n", "known"),
        (HEAD + MARKER + "@pytest.mark.skip('later')\ndef test_one():\n    pass\n", "later"),
        (
            "from unittest import SkipTest\n"
            + HEAD
            + MARKER
            + "def test_one():\n    raise SkipTest('no disk')\n",
            "no disk",
        ),
        (
            HEAD + MARKER + "def test_one():\n    FullLayer().forward(FullLayer)\n",
            "handed the class",
        ),
        ("", "did not run"),
    ],
    ids=[
        "syntax",
        "import",
        "marker",
        "at import",
        "skip",
        "xfail",
        "mark",
        "unittest",
        "class",
        "no tests",
    ],
)
def test_a_suite_that_does_not_judge_is_a_grader_error_that_names_the_reason(
    run_tests: RunTests, source: str, names: str
) -> None:
    (item,) = run_tests({"full": FULL}, hidden={"full": source})
    assert item.outcome is Outcome.GRADER_ERROR
    assert item.points is None
    assert names in item.feedback[0]


def test_a_test_file_that_is_missing_is_a_grader_error(run_tests: RunTests) -> None:
    (item,) = run_tests({"full": FULL}, hidden={})
    assert item.outcome is Outcome.GRADER_ERROR


def test_a_grader_error_in_one_item_leaves_no_other_with_points(run_tests: RunTests) -> None:
    # The run stops there, so that the rest has not been judged either.
    full, relu = run_tests(
        {"full": FULL, "relu": RELU},
        hidden={"full": HEAD + MARKER + "def test_one():\n    pytest.skip('x')\n", "relu": GOOD},
        items=("full", "relu"),
    )
    assert full.outcome is relu.outcome is Outcome.GRADER_ERROR


def test_nothing_of_the_machines_pytest_settings_changes_a_verdict(
    run_tests: RunTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--collect-only")
    monkeypatch.setenv("PYTEST_PLUGINS", "a_plugin_that_is_nowhere")
    (item,) = run_tests({"full": FULL}, hidden={"full": GOOD})
    assert item.outcome is Outcome.PASSED


def test_the_grading_process_itself_is_left_as_it_was(run_tests: RunTests) -> None:
    import sys

    before = (dict(sys.modules), list(sys.path))
    run_tests({"full": FULL}, hidden={"full": GOOD})
    assert "layers" not in sys.modules
    assert "test_full" not in sys.modules
    assert sys.path == before[1]


# The student's doing, however hard they try


@pytest.mark.parametrize("when", ["import", "call"])
def test_killing_the_worker_in_every_item_is_the_students_loss_and_not_our_error(
    run_tests: RunTests, when: str
) -> None:
    classes = {
        "full": "FullLayer",
        "relu": "ReluLayer",
        "softmax": "SoftMaxLayer",
        "cross_entropy": "CrossEntropyLayer",
        "sequential": "Sequential",
    }
    kill = "import os, signal, time\ndef kill():\n    os.kill(os.getppid(), 9)\n    time.sleep(9)\n"
    modules = {
        module: kill
        + ("kill()\n" if when == "import" else "")
        + f"class {name}:\n    def forward(self, x):\n        kill()\n"
        for module, name in classes.items()
    }
    hidden = {
        module: GOOD.replace("FullLayer", name)
        + "".join(
            f"{MARKER.replace('one', str(n))}def test_{n}():\n    {name}().forward(1)\n"
            for n in range(3)
        )
        for module, name in classes.items()
    }
    items = run_tests(modules, hidden=hidden, items=tuple(classes))
    assert [item.outcome for item in items] == [Outcome.CRASHED] * 5
    assert [len(item.cases) for item in items] == [4] * 5


def test_a_student_cannot_reach_the_verdict_through_the_worker_or_pytest(
    run_tests: RunTests,
) -> None:
    # What forged grades in graders that share a process with the tests.
    forging = (
        "import atexit, builtins, os, sys\n"
        "print('forging', flush=True)\n"
        "atexit.register(lambda: os._exit(0))\n"
        "class Equal:\n"
        "    def __eq__(self, other):\n        return True\n"
        "    __array_priority__ = 1e9\n"
        "class FullLayer:\n    def forward(self, x):\n        return Equal()\n"
    )
    (item,) = run_tests({"full": forging}, hidden={"full": GOOD})
    assert "forging" in item.output
    assert item.outcome is Outcome.FAILED


# An item's outcome


@pytest.mark.parametrize(
    ("outcomes", "overall"),
    [
        (["PASSED", "PASSED"], Outcome.PASSED),
        (["PASSED", "FAILED"], Outcome.PARTIAL),
        (["PASSED", "TIMEOUT"], Outcome.PARTIAL),
        (["FAILED", "FAILED"], Outcome.FAILED),
        (["TIMEOUT", "TIMEOUT"], Outcome.TIMEOUT),
        (["CRASHED", "TIMEOUT"], Outcome.FAILED),
        (["MEMORY"], Outcome.MEMORY),
    ],
)
def test_an_item_ends_as_all_its_cases_did_or_partially(
    outcomes: list[str], overall: Outcome
) -> None:
    cases = [CaseResult(str(n), Suite.HIDDEN, Outcome(o), 1.0) for n, o in enumerate(outcomes)]
    assert overall_outcome(cases) is overall
