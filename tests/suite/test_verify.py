"""Verification finds each way in which a suite can be wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from grader.lab import Project
from grader.sandbox.launch import Sandbox
from grader.suite.corpus import Edit
from grader.suite.verify import Verification, verify

from .conftest import (
    RELU_COMMENT,
    SOFTMAX_AXIS,
    SOFTMAX_WHOLE_MAXIMUM,
)

Write = Callable[..., None]


def run(project: Project, seeds: int = 1, sandbox: Sandbox | None = None) -> Verification:
    return verify(project, range(1, seeds + 1), 2, sandbox, lambda done, total: None)


def test_a_sound_suite_has_no_problems_and_a_full_record(
    copied: Project, write_bug: Write, write_variant: Write
) -> None:
    write_bug("by-column", ["softmax"], SOFTMAX_AXIS)
    write_variant("whole-maximum", SOFTMAX_WHOLE_MAXIMUM)
    found = run(copied, seeds=2)
    assert found.problems == ()
    assert (found.bugs, found.variants, found.seeds) == (1, 1, (1, 2))
    assert found.missed_by_hidden == {}
    records = {record.id: record for record in found.cases}
    assert "by-column" in records["hidden:softmax/forward[wide]"].catches
    assert records["hidden:relu/forward[wide]"] in found.idle_cases
    assert all(record.flakes == 0 for record in found.cases)
    margin = records["hidden:softmax/forward[wide]"].margin
    assert margin is not None
    assert 0 < margin < 0.1


def test_a_part_of_the_corpus_is_verified_alone(
    copied: Project, write_bug: Write, write_variant: Write
) -> None:
    write_bug("softmax-by-column", ["softmax"], SOFTMAX_AXIS)
    write_bug("relu-no-bug", ["relu"], RELU_COMMENT)
    write_variant("softmax-whole-maximum", SOFTMAX_WHOLE_MAXIMUM)
    found = verify(
        copied, (1, 2, 3), 2, None, lambda done, total: None, only=["softmax-*", "*maximum"]
    )
    assert (found.problems, found.bugs, found.variants) == ((), 1, 1)
    assert found.only == ("softmax-*", "*maximum")
    runs = {record.id: record.runs for record in found.cases}
    # Once for the reference, and three times for the variant.
    assert runs["hidden:softmax/forward[wide]"] == 4


def test_a_bug_that_keeps_its_points_is_a_problem(copied: Project, write_bug: Write) -> None:
    write_bug("no-bug", ["relu"], RELU_COMMENT)
    (problem,) = run(copied).problems
    assert "no-bug" in problem
    assert "keeps all points of relu" in problem


def test_a_bug_that_public_cases_alone_catch_is_listed_with_its_seeds(
    copied: Project, write_bug: Write
) -> None:
    right = "return np.where(self.y > 0, y_grad, 0.0)"
    # A public case hands a gradient of 7 in; hidden ones draw theirs.
    wrong = f"assert not np.any(y_grad == 7.0)\n        {right}"
    write_bug("no-sevens", ["relu"], Edit("layers/relu.py", old=right, new=wrong))
    found = run(copied, seeds=2)
    assert found.problems == ()
    assert found.missed_by_hidden == {"no-sevens": (1, 2)}


def test_a_bug_that_loses_elsewhere_is_a_problem(copied: Project, write_bug: Write) -> None:
    write_bug("by-column", ["relu"], SOFTMAX_AXIS)
    problems = run(copied, seeds=2).problems
    assert any("keeps all points of relu" in problem for problem in problems)
    assert any("loses hidden:softmax/" in problem for problem in problems)


def test_a_bug_passes_only_those_cases_of_its_items_that_it_may_keep(
    copied: Project, write_bug: Write
) -> None:
    write_bug("none", ["softmax"], SOFTMAX_AXIS, keeps=[])
    passed = [problem.split(" passes ")[1].split()[0] for problem in run(copied).problems]
    assert passed
    assert all(":softmax/" in case for case in passed)
    kept = sorted({case.partition("[")[0] for case in passed})
    write_bug("some", ["softmax"], SOFTMAX_AXIS, keeps=kept)
    write_bug("slip", ["softmax"], SOFTMAX_AXIS, keeps=[*kept, "hidden:softmax/no-such-case"])
    problems = [one for one in run(copied).problems if not one.startswith("The bug none ")]
    assert len(problems) == 1
    assert problems[0].startswith("The bug slip keeps hidden:softmax/no-such-case, which is no")


def test_code_that_reaches_into_another_item_on_import_is_a_problem(
    copied: Project, write_bug: Write
) -> None:
    reaching = Edit(
        "layers/softmax.py",
        old="class SoftMaxLayer:",
        new="np.maximum = np.minimum\n\n\nclass SoftMaxLayer:",
    )
    write_bug("reaching", ["softmax"], SOFTMAX_AXIS, reaching)
    problems = run(copied, seeds=2).problems
    assert any("loses hidden:relu/" in problem for problem in problems)


def test_a_variant_that_loses_a_point_is_a_problem_with_the_test_s_line(
    copied: Project, write_variant: Write
) -> None:
    write_variant("by-column", SOFTMAX_AXIS)
    problems = run(copied).problems
    assert problems
    assert all("by-column" in problem for problem in problems)
    assert any("hidden_tests/test_softmax.py:" in problem for problem in problems)


def test_a_reference_that_fails_is_a_problem(copied: Project) -> None:
    relu = copied.root / "reference" / "layers" / "relu.py"
    relu.write_text(relu.read_text().replace("np.maximum(x, 0)", "np.maximum(x, 1)"))
    assert any("The reference fails" in problem for problem in run(copied).problems)


def test_a_case_that_the_template_passes_is_a_problem(copied: Project) -> None:
    with (copied.hidden_tests / "test_relu.py").open("a") as file:
        file.write(
            '\n\n@pytest.mark.case(id="idle", weight=1, about="nothing")\n'
            "def test_nothing() -> None:\n    pass\n"
        )
    (problem,) = run(copied).problems
    assert "template passes hidden:relu/idle" in problem


def test_a_test_that_flakes_is_found_by_its_seed(copied: Project) -> None:
    with (copied.hidden_tests / "test_relu.py").open("a") as file:
        file.write(
            '\n\n@pytest.mark.case(id="flaky", weight=1, about="nothing")\n'
            "def test_flaky(request: pytest.FixtureRequest) -> None:\n"
            "    ReluLayer().forward(np.ones((1, 1)))\n"
            '    assert request.config.getoption("--seed") != 2\n'
        )
    (problem,) = run(copied, seeds=3).problems
    assert "The reference fails hidden:relu/flaky with seed 2" in problem


def test_a_bug_that_never_ends_is_caught(
    copied: Project, write_bug: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grader.suite.seed_loop.CASE_CPU_SECONDS", 1)
    endless = Edit(
        "layers/sequential.py",
        old="        for _ in range(epochs):\n",
        new="        while True:\n",
    )
    write_bug("endless", ["sequential"], endless)
    # One case of fit is enough to wait for.
    hidden = copied.hidden_tests / "test_sequential.py"
    hidden.write_text(hidden.read_text().replace("def test_fit", "def untested_fit"))
    public = copied.public_tests / "test_sequential.py"
    first, rest = public.read_text().split("def test_fit", 1)
    public.write_text(f"{first}def test_fit" + rest.replace("def test_fit", "def untested_fit"))
    assert run(copied).problems == ()


def test_verification_across_the_bridge_says_the_same(
    copied: Project, write_bug: Write, write_variant: Write, process_sandbox: Sandbox
) -> None:
    write_bug("by-column", ["softmax"], SOFTMAX_AXIS)
    write_variant("whole-maximum", SOFTMAX_WHOLE_MAXIMUM)
    found = run(copied, seeds=2, sandbox=process_sandbox)
    assert found.sandbox == "process"
    plain = run(copied, seeds=2)
    assert found.problems == plain.problems == ()
    assert {r.id: r.catches for r in found.cases} == {r.id: r.catches for r in plain.cases}
