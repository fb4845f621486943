"""Lint refuses what could grade people wrongly, with the line and what to do."""

from __future__ import annotations

import pytest

from grader.lab import Project
from grader.suite.lint import lint
from grader.suite.source_rules import Breach, check_sources

MARKER = '@pytest.mark.case(id="added", weight=1, about="something")\n'


def add(project: Project, text: str, file: str = "test_relu.py") -> int:
    """Append to a test file; return the number of the first added line."""
    path = project.hidden_tests / file
    before = path.read_text().rstrip("\n") + "\n\n\n"
    path.write_text(before + text)
    return before.count("\n") + 1


def only(breaches: tuple[Breach, ...]) -> Breach:
    (breach,) = breaches
    return breach


def test_the_project_s_own_hidden_tests_break_no_rule(project: Project) -> None:
    assert lint(project, (1,)) == ()


def test_a_syntax_error_is_named_with_its_line(copied: Project) -> None:
    line = add(copied, "def broken(:\n")
    breach = only(check_sources(copied))
    assert breach.place == f"hidden_tests/test_relu.py:{line}"


def test_a_test_without_a_marker_is_named(copied: Project) -> None:
    line = add(copied, "def test_it() -> None:\n    pass\n")
    breach = only(check_sources(copied))
    assert breach.place == f"hidden_tests/test_relu.py:{line}"
    assert "@pytest.mark.case" in breach.do


def test_a_marker_without_a_weight_is_named(copied: Project) -> None:
    marker = '@pytest.mark.case(id="a", about="b")\n'
    add(copied, f"{marker}def test_it() -> None:\n    pass\n")
    assert "lacks weight" in only(check_sources(copied)).found


@pytest.mark.parametrize(
    "call",
    [
        "np.random.normal(0, 1, (2, 3))",
        "np.random.default_rng()",
        "np.random.default_rng(None)",
        "np.random.seed()",
        "numpy.random.rand(3)",
        "random.random()",
        "other.rand(3)",
        "draw(3)",
        "own.rand(3)",
        "os.urandom(3)",
        "np.random.default_rng(time.time_ns())",
    ],
)
def test_a_random_call_without_the_grading_seed_is_named(copied: Project, call: str) -> None:
    names = (
        "import os, random, time\nimport numpy.random as other\n"
        "from numpy.random import rand as draw\nown = np.random\n"
    )
    line = add(copied, f"{names}{MARKER}def test_it() -> None:\n    {call}\n")
    breach = only(check_sources(copied))
    assert breach.place == f"hidden_tests/test_relu.py:{line + 6}"
    assert "rng" in breach.do


@pytest.mark.parametrize("call", ["np.random.default_rng(7)", "np.random.Generator(bits)"])
def test_a_seeded_generator_is_no_breach(copied: Project, call: str) -> None:
    add(copied, f"{MARKER}def test_it(bits: object) -> None:\n    {call}\n")
    assert check_sources(copied) == ()


def test_a_file_that_belongs_to_no_item_is_named(copied: Project) -> None:
    (copied.hidden_tests / "test_rellu.py").write_text("def helper() -> None:\n    pass\n")
    breach = only(check_sources(copied))
    assert breach.place == "hidden_tests/test_rellu.py:1"
    assert "full, relu, softmax" in breach.do


def test_a_tolerance_below_float_rounding_is_named(copied: Project) -> None:
    add(copied, f"{MARKER}def test_it() -> None:\n    np.isclose(1, 1, rtol=1e-16)\n")
    breach = only(check_sources(copied))
    assert "rtol=1e-16" in breach.found


def test_an_input_that_the_handout_does_not_allow_is_named(copied: Project) -> None:
    add(copied, f"{MARKER}def test_it() -> None:\n    ReluLayer().forward(np.ones((0, 3)))\n")
    breach = only(lint(copied, (1,)))
    assert "(0, 3)" in breach.found
    assert "handout" in breach.do


@pytest.mark.parametrize(
    "compared",
    [
        "assert (y == np.where(x > 0, x, 0)).all()",
        "assert np.allclose(y, np.where(x > 0, x, 0), LITTLE, LITTLE)",
    ],
    ids=["exact", "named"],
)
def test_a_comparison_that_leaves_no_room_for_rounding_is_named(
    copied: Project, compared: str
) -> None:
    body = f"    y = ReluLayer().forward(x)\n    {compared}\n"
    head = "LITTLE = 1e-18\nx = np.arange(-5.0, 5.0).reshape(2, 5) / 3\n"
    line = add(copied, f"{head}{MARKER}def test_it() -> None:\n{body}")
    breach = only(lint(copied, (1,)))
    assert breach.place == f"hidden_tests/test_relu.py:{line + 2}"
    assert "tighter than float rounding" in breach.found
    assert "compare" in breach.do


def test_labels_that_are_not_one_hot_are_named(copied: Project) -> None:
    call = "CrossEntropyLayer().forward(np.full((1, 2), 0.5), np.full((1, 2), 0.5))"
    add(copied, f"{MARKER}def test_it() -> None:\n    {call}\n", "test_cross_entropy.py")
    assert "not one-hot" in only(lint(copied, (1,))).found


def test_a_tolerance_that_rounding_almost_reaches_is_named(copied: Project) -> None:
    add(
        copied,
        f"{MARKER}def test_it(compare: Comparison) -> None:\n"
        "    x = np.ones((1, 1))\n"
        '    compare.array("y", ReluLayer().forward(x), x + 3e-10)\n',
    )
    breach = only(lint(copied, (1,)))
    assert "almost reaches" in breach.found


def test_an_import_that_fails_is_named_with_its_file(copied: Project) -> None:
    line = add(copied, "import no_such_module\n")
    breach = only(lint(copied, (1,)))
    assert breach.place == f"hidden_tests/test_relu.py:{line}"
    assert "no_such_module" in breach.found


def test_a_marker_without_worth_is_named_with_its_line(copied: Project) -> None:
    marker = MARKER.replace("weight=1", "weight=0")
    line = add(copied, f"{marker}def test_it() -> None:\n    pass\n")
    breach = only(lint(copied, (1,)))
    assert breach.place == f"hidden_tests/test_relu.py:{line}"
    assert "the weight 0 must be above 0" in breach.found
