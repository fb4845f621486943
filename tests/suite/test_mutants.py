"""Mutants are small, apart, and held to their justifications."""

from __future__ import annotations

import ast

import msgspec
import pytest

from grader.errors import ConfigurationError
from grader.lab import Project
from grader.suite.implementations import right_solution
from grader.suite.mutants import mutants_of
from grader.suite.mutation import EQUIVALENTS, run_mutants

FILE = {
    "layers/full.py": b'''
class FullLayer:
    """Docs."""

    def forward(self, x, keep=True):
        """Docs."""
        y: "int" = x @ self.W.T + 1
        for row in y:
            row[0:2] = max(row, 0)
        if y is None:
            return -y
        return y
'''
}


def test_each_kind_of_change_is_made() -> None:
    found = {mutant.id.split(":")[2] for mutant in mutants_of(FILE, "layers/full.py")}
    assert {
        "swap Add for Sub",
        "swap MatMult for Mult",
        "drop T",
        "1 + 1",
        "False for True",
        "leave out the last",
        "drop the slice's end",
        "arguments 0 and 1 swapped",
        "never",
        "drop USub",
        "return zeros",
        "drop the statement",
    } <= found


def test_mutants_differ_from_the_original_and_from_each_other() -> None:
    original = ast.unparse(ast.parse(FILE["layers/full.py"]))
    mutants = list(mutants_of(FILE, "layers/full.py"))
    assert all(mutant.source != original for mutant in mutants)
    assert len({mutant.id for mutant in mutants}) == len(mutants)


def test_ids_do_not_change_when_lines_move() -> None:
    moved = {"layers/full.py": b"# a line more\n" + FILE["layers/full.py"]}
    before = [mutant.id for mutant in mutants_of(FILE, "layers/full.py")]
    assert [mutant.id for mutant in mutants_of(moved, "layers/full.py")] == before


def test_types_and_docstrings_are_left_alone() -> None:
    for mutant in mutants_of(FILE, "layers/full.py"):
        assert mutant.source.count("Docs.") == 2


def test_every_mutant_of_the_reference_is_python(project: Project) -> None:
    reference = right_solution(project)
    count = 0
    for module in project.lab.modules:
        if module.item:
            for mutant in mutants_of(reference, f"layers/{module.file}"):
                ast.parse(mutant.source)
                count += 1
    assert count >= 250


def _relu_alone(project: Project) -> Project:
    """Leave only the smallest module's mutants, so that a test is quick."""
    modules = tuple(m for m in project.lab.modules if m.item in (None, "relu"))
    return Project(project.root, msgspec.structs.replace(project.lab, modules=modules))


def test_wrong_mutants_lose_points_and_right_ones_survive_unless_justified(copied: Project) -> None:
    relu = _relu_alone(copied)
    result = run_mutants(relu, (1,), 2, lambda done, total: None)
    survivors = [mutant.id for mutant in result.survivors]
    assert survivors == ["relu.py:ReluLayer.forward:arguments 0 and 1 swapped:1"]
    assert result.killed == result.total - 1
    assert result.score < 1
    (relu.hidden_tests / EQUIVALENTS).write_text(
        f'[[equivalent]]\nid = "{survivors[0]}"\nwhy = "a maximum has no order"\n'
    )
    justified = run_mutants(relu, (1,), 2, lambda done, total: None)
    assert (justified.survivors, justified.equivalents, justified.score) == ((), 1, 1.0)
    assert justified.problems == ()


def test_a_justification_that_no_longer_holds_is_a_problem(copied: Project) -> None:
    relu = _relu_alone(copied)
    killed = "relu.py:ReluLayer.forward:minimum for maximum:1"
    (relu.hidden_tests / EQUIVALENTS).write_text(
        f'[[equivalent]]\nid = "{killed}"\nwhy = "wrong"\n[[equivalent]]\nid = "gone"\nwhy = "x"\n'
    )
    problems = run_mutants(relu, (1,), 2, lambda done, total: None).problems
    assert any(killed in problem and "a case fails it" in problem for problem in problems)
    assert any("gone" in problem and "no such mutant" in problem for problem in problems)


def test_a_file_of_justifications_that_is_not_valid_is_named(copied: Project) -> None:
    (copied.hidden_tests / EQUIVALENTS).write_text("[[equivalent]]\nid = 3\n")
    with pytest.raises(ConfigurationError, match=EQUIVALENTS):
        run_mutants(_relu_alone(copied), (1,), 2, lambda done, total: None)
