"""Each test becomes a case: its worth, its seed, its outcome, and what students read of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
import pytest

from grader.checks.case_plugin import case_seed
from grader.model import (
    Audience,
    CaseResult,
    ItemResult,
    Outcome,
    Report,
    SubmissionStamp,
    Suite,
    SuiteStamp,
)
from grader.report.json_report import to_json

if TYPE_CHECKING:
    from tests.checks.conftest import RunTests

# What hidden tests know and students must not. In pieces, so that no message quotes the source.
SECRET = 8675309.25
TELLTALES = ("8675309", "Tattle", "layers/full.py", "line 4")

PUBLIC = """
import unittest
import numpy as np
from layers import FullLayer

class TestFull(unittest.TestCase):
    def test_one_row(self):
        \"\"\"The output for one row.

        More about it.
        \"\"\"
        self.assertEqual(FullLayer().forward(1), 2, "the row was 1")
"""

HIDDEN = """
import pytest
from layers import FullLayer

@pytest.mark.case(id="one", weight=2.5, about="the output for one row")
@pytest.mark.parametrize("x", [1, 2])
def test_one(x):
    assert FullLayer().forward(x) == x + 1, f"{x} and 8675309.25"
"""


def full(*lines: str) -> dict[str, str]:
    """Return a package with the lines as `FullLayer.forward(x)`."""
    body = "".join(f"        {line}\n" for line in lines)
    return {"full": f"import os\nclass FullLayer:\n    def forward(self, x):\n{body}"}


def hidden_case(body: str, arguments: str = "", case: str = "one") -> str:
    return (
        "import pytest\nimport numpy as np\nfrom layers import FullLayer\n"
        f'@pytest.mark.case(id="{case}", weight=1, about="the output")\n'
        f"def test_{case}({arguments}):\n    {body}\n"
    )


def student_json(item: ItemResult) -> str:
    report = Report(
        submission=SubmissionStamp("A_B_LAB3.zip", "0" * 64, "A", "B"),
        score=None,
        max_score=100,
        provisional=False,
        score_note=None,
        items=(item,),
        flags=(),
        suite=SuiteStamp("1", "0", 1, published=True),
        sandbox=None,
        timings={},
        graded_at="",
        grader_version="",
    )
    return to_json(report, Audience.STUDENT).decode()


def only(items: tuple[ItemResult, ...]) -> CaseResult:
    ((case,),) = ([*item.cases] for item in items)
    return case


# Cases


def test_public_tests_are_cases_of_weight_one_named_after_the_function(
    run_tests: RunTests,
) -> None:
    (item,) = run_tests(full("return x + 1"), public={"full": PUBLIC})
    (case,) = item.cases
    assert item.outcome is Outcome.PASSED
    assert (case.id, case.suite, case.outcome, case.weight) == (
        "full/one-row",
        Suite.PUBLIC,
        Outcome.PASSED,
        1.0,
    )
    assert case.about == "The output for one row."
    assert case.feedback == case.diagnostics == ()


def test_hidden_tests_are_cases_as_their_marker_says_one_for_each_parameter(
    run_tests: RunTests,
) -> None:
    (item,) = run_tests(full("return 2"), hidden={"full": HIDDEN})
    assert [(case.id, case.suite, case.outcome, case.weight) for case in item.cases] == [
        ("full/one[1]", Suite.HIDDEN, Outcome.PASSED, 2.5),
        ("full/one[2]", Suite.HIDDEN, Outcome.FAILED, 2.5),
    ]
    assert item.outcome is Outcome.PARTIAL


def test_a_case_counts_its_fixtures_as_well(run_tests: RunTests) -> None:
    hidden = (
        "import pytest\nfrom layers import FullLayer\n"
        "@pytest.fixture\ndef y():\n    return FullLayer().forward(1)\n"
        + hidden_case("assert y == 1", "y")
    )
    assert only(run_tests(full("return x"), hidden={"full": hidden})).outcome is Outcome.PASSED
    failed = only(run_tests(full("raise KeyError"), hidden={"full": hidden}))
    assert failed.outcome is Outcome.FAILED
    assert failed.feedback == ("the output: your code raised KeyError",)


def test_a_case_may_write_files_and_read_its_own_output(run_tests: RunTests) -> None:
    body = (
        "(tmp_path / 'y').write_text(str(FullLayer().forward(1)))\n"
        "    print((tmp_path / 'y').read_text())\n"
        "    assert capsys.readouterr().out == '1\\n'"
    )
    hidden = hidden_case(body, "tmp_path, capsys")
    assert only(run_tests(full("return x"), hidden={"full": hidden})).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    "body",
    [
        "def setUp(self):\n        self.fail('this')",
        "def tearDown(self):\n        self.fail('this')",
        "def test_parts(self):\n        with self.subTest(n=1):\n            self.fail('this')",
    ],
    ids=["setUp", "tearDown", "subTest"],
)
def test_what_unittest_keeps_to_itself_for_later_fails_the_case(
    run_tests: RunTests, body: str
) -> None:
    public = PUBLIC.replace("def test_one_row", f"{body}\n\n    def test_one_row")
    (item,) = run_tests(full("return x + 1"), public={"full": public})
    failed = [case for case in item.cases if case.outcome is Outcome.FAILED]
    assert "this" in failed[0].feedback[0]


def test_a_last_step_that_fails_fails_the_case(run_tests: RunTests) -> None:
    modules = {"full": "class FullLayer:\n    def __init__(self):\n        raise ValueError\n"}
    hidden = hidden_case("FullLayer()")
    assert only(run_tests(modules, hidden={"full": hidden})).outcome is Outcome.FAILED


def test_a_test_that_swallows_the_end_of_its_process_does_not_pass(run_tests: RunTests) -> None:
    hidden = (
        hidden_case("with pytest.raises(Exception):\n        FullLayer().forward(1)")
        + hidden_case("assert FullLayer().forward(0) == 0", case="two").partition("FullLayer\n")[2]
    )
    (item,) = run_tests(full("if x: os._exit(0)", "return x"), hidden={"full": hidden})
    assert [case.outcome for case in item.cases] == [Outcome.CRASHED, Outcome.PASSED]


# Outcomes


@pytest.mark.parametrize(
    ("line", "outcome", "feedback"),
    [
        ("return 1", Outcome.FAILED, "the result is not the expected one"),
        ("return object()", Outcome.FAILED, "the result is not the expected one"),
        ("raise ValueError('8675309')", Outcome.FAILED, "your code raised ValueError"),
        (
            "raise type('Tattle8675309', (KeyError,), {})",
            Outcome.FAILED,
            "your code raised KeyError",
        ),
        ("while True: pass", Outcome.TIMEOUT, "your code did not finish in time"),
        ("raise MemoryError", Outcome.MEMORY, "your code used more memory than it may"),
        ("os._exit(0)", Outcome.CRASHED, "your code ended the process it ran in"),
        ("os.kill(os.getpid(), 11)", Outcome.CRASHED, "your code ended the process it ran in"),
    ],
)
def test_hidden_cases_end_in_the_outcome_of_what_happened_and_tell_no_more(
    run_tests: RunTests, line: str, outcome: Outcome, feedback: str
) -> None:
    hidden = hidden_case("assert FullLayer().forward(8675309.25) == 3, 'not 8675309.25'")
    (item,) = run_tests(full(line), hidden={"full": hidden}, case_seconds=0.5)
    (case,) = item.cases
    assert case.outcome is item.outcome is outcome
    assert case.feedback == (f"the output: {feedback}",)
    shown = student_json(item)
    assert not [word for word in TELLTALES if word in shown]
    assert case.diagnostics


@pytest.mark.parametrize(
    ("line", "outcome", "feedback"),
    [
        ("return 1", Outcome.FAILED, r"1 != 2 : the row was 1"),
        ("return None", Outcome.FAILED, r"None != 2 : the row was 1"),
        (
            "raise type('Mine', (KeyError,), {})('no row')",
            Outcome.FAILED,
            r"your code raised Mine: 'no row'\n  layers/full.py, line 4, in forward",
        ),
        ("while True: pass", Outcome.TIMEOUT, "your code did not finish in time"),
        (
            "os.kill(os.getpid(), 9)",
            Outcome.CRASHED,
            r"ended before it answered \(killed by SIGKILL\)",
        ),
    ],
)
def test_public_cases_say_everything(
    run_tests: RunTests, line: str, outcome: Outcome, feedback: str
) -> None:
    case = only(run_tests(full(line), public={"full": PUBLIC}, case_seconds=0.5))
    assert case.outcome is outcome
    assert re.search(feedback, case.feedback[0])


def test_what_a_test_cannot_do_with_a_result_is_the_results_fault(run_tests: RunTests) -> None:
    public = PUBLIC.replace("FullLayer().forward(1), 2", "FullLayer().forward(1).shape, (1,)")
    case = only(run_tests(full("return 1"), public={"full": public}))
    assert case.outcome is Outcome.FAILED
    (told,) = case.feedback
    assert told.startswith("the test could not use your result (AttributeError: 'int' object")


def test_staff_see_the_hidden_values_the_exception_and_the_students_line(
    run_tests: RunTests,
) -> None:
    failed = only(
        run_tests(
            full("return 1"),
            hidden={"full": hidden_case("assert FullLayer().forward(1) == 2, 'not 8675309.25'")},
        )
    )
    assert "8675309.25" in failed.diagnostics[0]
    raised = only(
        run_tests(
            full("raise ValueError(x)"), hidden={"full": hidden_case("FullLayer().forward(8.25)")}
        )
    )
    assert raised.diagnostics == (
        "your code raised ValueError: 8.25\n  layers/full.py, line 4, in forward",
    )


def test_staff_see_where_in_the_test_it_failed_and_nothing_of_what_runs_it(
    run_tests: RunTests,
) -> None:
    by_value = hidden_case("FullLayer().forward(1) + []")
    by_bridge = hidden_case(
        "class Layer:\n        def forward(self): return 1 / 0\n    FullLayer().forward(Layer())"
    )
    for code, hidden, name in (
        (full("return 1"), by_value, "TypeError"),
        (full("return x.forward()"), by_bridge, "ZeroDivisionError"),
    ):
        case = only(run_tests(code, hidden={"full": hidden}))
        shown = case.diagnostics[0].splitlines()
        assert "hidden_tests/test_full.py:" in shown[0]
        assert shown[0].endswith("in test_one")
        assert name in shown[-1]
        assert not [line for line in shown if "grader/" in line or "pluggy" in line], shown


def test_one_case_cannot_spoil_the_next(run_tests: RunTests) -> None:
    hidden = (
        "import pytest\nfrom layers import FullLayer\n"
        "@pytest.mark.parametrize('x', range(6))\n"
        "@pytest.mark.case(id='row', weight=1, about='a row')\n"
        "def test_row(x):\n"
        "    layer = FullLayer()\n"
        "    layer.limit = 3\n"
        "    assert layer.forward(x) == x\n"
    )
    modules = full("if x == 1: os._exit(0)", "if x == 2: 1/0", "if x == 4: return 0", "return x")
    (item,) = run_tests(modules, hidden={"full": hidden})
    assert [case.outcome.value for case in item.cases] == [
        *("PASSED", "CRASHED", "FAILED", "PASSED", "FAILED", "PASSED")
    ]


def test_a_setter_that_fails_after_the_tests_own_failure_does_not_spoil_the_next_case(
    run_tests: RunTests,
) -> None:
    hidden = (
        hidden_case("layer = FullLayer(); layer.W = 1; assert False, 'by itself'")
        + hidden_case("assert FullLayer().forward(1) == 1", case="two").partition("FullLayer\n")[2]
    )
    modules = {
        "full": "class FullLayer:\n"
        "    def __setattr__(self, name, value):\n        raise TypeError('no')\n"
        "    def forward(self, x):\n        return x\n"
    }
    (item,) = run_tests(modules, hidden={"full": hidden})
    assert [case.outcome for case in item.cases] == [Outcome.FAILED, Outcome.PASSED]
    assert item.cases[0].diagnostics[0].startswith("by itself")


def test_after_three_lost_processes_the_rest_of_the_item_is_not_tried(
    run_tests: RunTests,
) -> None:
    hidden = HIDDEN.replace("[1, 2]", "[1, 2, 3]")
    (item,) = run_tests(full("os._exit(0)"), public={"full": PUBLIC}, hidden={"full": hidden})
    assert [case.outcome for case in item.cases] == [Outcome.CRASHED] * 4
    assert ["not tried" in case.diagnostics[0] for case in item.cases] == [False] * 3 + [True]


# What hidden cases saw must not reach public feedback


def test_what_a_hidden_case_saw_cannot_be_told_in_a_public_case(run_tests: RunTests) -> None:
    spill = (
        "        with open('seen', 'a') as seen:\n            seen.write(repr(x))\n"
        "        raise ValueError(open('seen').read())\n"
    )
    modules: Mapping[str, str] = {
        "full": f"class FullLayer:\n    def forward(self, x):\n{spill}",
        "relu": f"class ReluLayer:\n    def forward(self, x):\n{spill}",
    }
    public_relu = PUBLIC.replace("FullLayer", "ReluLayer")
    hidden = hidden_case("FullLayer().forward(8675309.25)")
    items = run_tests(
        modules,
        public={"full": PUBLIC, "relu": public_relu},
        hidden={"full": hidden, "relu": hidden.replace("FullLayer", "ReluLayer")},
        items=("full", "relu"),
    )
    # The canary: the submission does spill, and staff can see it.
    assert "8675309.258675309.25" in items[0].cases[1].diagnostics[0]
    assert "ValueError: 11" in items[1].cases[0].feedback[0]
    for item in items:
        assert "8675309" not in student_json(item)


def test_the_item_whose_public_cases_were_last_keeps_its_process_for_the_hidden_ones(
    run_tests: RunTests,
) -> None:
    count = (
        "    def forward(self, x):\n        calls.append(x)\n        raise ValueError(len(calls))\n"
    )
    hidden = hidden_case("FullLayer().forward(8)")
    full, relu = run_tests(
        {
            "full": f"calls = []\nclass FullLayer:\n{count}",
            "relu": f"calls = []\nclass ReluLayer:\n{count}",
        },
        public={"full": PUBLIC, "relu": PUBLIC.replace("FullLayer", "ReluLayer")},
        hidden={"full": hidden, "relu": hidden.replace("FullLayer", "ReluLayer")},
        items=("full", "relu"),
    )
    assert "ValueError: 1" in full.cases[1].diagnostics[0]
    assert "ValueError: 2" in relu.cases[1].diagnostics[0]


# Randomness


def test_random_values_depend_on_version_seed_and_case_alone() -> None:
    seeds = {
        case_seed(version, seed, case)
        for version in ("1.0.0", "1.0.1")
        for seed in (1, 11)
        for case in ("full/a", "full/b")
    }
    assert len(seeds) == 8
    assert all(0 <= seed < 2**32 for seed in seeds)
    # A fixed value: grades must be reproducible by a later version of the grader.
    assert case_seed("1.0.0", 20260901, "full/one-row") == 1643553471


def test_the_students_random_values_are_the_same_in_two_runs_and_others_for_another_seed(
    run_tests: RunTests,
) -> None:
    modules = {
        "full": "import numpy as np\nclass FullLayer:\n    def forward(self, x):\n"
        "        return float(np.random.rand())\n"
    }
    hidden = hidden_case("assert FullLayer().forward(1) == 0, FullLayer().forward(1)")

    def drawn(seed: int) -> tuple[str, ...]:
        return only(run_tests(modules, hidden={"full": hidden}, seed=seed)).diagnostics

    first = drawn(1)
    assert drawn(1) == first
    assert drawn(2) != first


def test_results_are_plain_data(run_tests: RunTests) -> None:
    (item,) = run_tests(full("return 2"), hidden={"full": HIDDEN})
    assert msgspec.convert(msgspec.to_builtins(item), ItemResult) == item
