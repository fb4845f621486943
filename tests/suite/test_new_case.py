"""A new case works as it comes, for every item."""

from __future__ import annotations

import pytest

from grader.errors import ConfigurationError
from grader.lab import Project
from grader.suite.implementations import right_solution, template_files
from grader.suite.lint import lint
from grader.suite.new_case import add_case
from grader.suite.observation import Job
from grader.suite.parallel import in_process


@pytest.mark.parametrize("item", ["full", "relu", "softmax", "cross_entropy", "sequential"])
def test_a_new_case_passes_on_the_reference_and_fails_on_the_template(
    copied: Project, item: str
) -> None:
    place = add_case(copied, item, "brand-new", 'it says "new"', 2)
    file, line = place.split(":")
    assert (copied.root / file).read_text().splitlines()[int(line) - 1].startswith("def test_brand")
    assert lint(copied, (1,)) == ()
    for files, passes in ((right_solution(copied), True), (template_files(copied), False)):
        observed = in_process(Job(files, (item,), (1, 2)), copied)
        new = [one for one in observed if one.case == f"hidden:{item}/brand-new"]
        assert len(new) == 2
        assert all(one.passed is passes for one in new)


@pytest.mark.parametrize(
    ("item", "case", "weight", "said"),
    [
        ("sofmax", "a", 1, "sofmax"),
        ("softmax", "Not An Id", 1, "hyphens"),
        ("softmax", "a", 0, "not above 0"),
        ("softmax", "large-logits", 1, "already"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    copied: Project, item: str, case: str, weight: float, said: str
) -> None:
    before = {path: path.read_bytes() for path in copied.hidden_tests.glob("*.py")}
    with pytest.raises(ConfigurationError, match=said):
        add_case(copied, item, case, "about", weight)
    assert {path: path.read_bytes() for path in copied.hidden_tests.glob("*.py")} == before
