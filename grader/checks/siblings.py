"""The siblings of hidden cases: public tests of the same class of failure, with other values.

`grader/siblings/test_<item>.py` holds for each hidden case `<item>/<id>` one function whose name
is the id: `test_large_logits` for `softmax/large-logits`. Students may see and run them.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Sequence
from functools import cache

import msgspec

from grader.lab import Project
from grader.model import CaseResult, Outcome, Suite

SEEDS = 1000


def sibling_ids(project: Project) -> tuple[str, ...]:
    """Return the case ids that have a sibling, such as `softmax/large-logits`, item by item."""
    return tuple(
        f"{item}/{name}"
        for item in project.lab.test_items
        for name in _cases_in((project.siblings / f"test_{item}.py").read_bytes())
    )


@cache
def _cases_in(source: bytes) -> tuple[str, ...]:
    """Return what a test file's functions are called in case ids; read once for a whole class."""
    return tuple(
        case_name(node.name)
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def case_name(function: str) -> str:
    """Return what a test function is called in a case id: `test_one_row` is `one-row`."""
    return function.removeprefix("test_").replace("_", "-")


def sibling_node(project: Project, sibling: str) -> str:
    """Return what pytest calls a sibling: its file and function."""
    item, _, name = sibling.partition("/")
    return f"{project.siblings / f'test_{item}.py'}::test_{name.replace('-', '_')}"


def without_parameters(case: str) -> str:
    """Return a case's id without pytest's parameters: `full/forward` for `full/forward[square]`."""
    return case.partition("[")[0]


def suggested_seed(case: str, project: Project) -> int:
    """Return the seed to reproduce a case with: it depends on the case's id alone.

    So it tells nothing of the seed that hidden values come from; and it is never lab.toml's.
    """
    seed = int.from_bytes(hashlib.sha256(case.encode()).digest()) % SEEDS
    return seed + (seed == project.lab.suite.seed)


def with_reproduction(
    cases: Sequence[CaseResult], known: Collection[str], project: Project
) -> tuple[CaseResult, ...]:
    """Tell students of each hidden case that they lost how to see its like on their own machine.

    Parameters
    ----------
    cases : sequence of CaseResult
        Of all suites.
    known : collection of str
        The ids that have a sibling; a case without one stays as it is.
    project : Project
        For the seed to name.
    """
    return tuple(
        msgspec.structs.replace(case, feedback=(*case.feedback, _command(case.id, project)))
        if case.suite is Suite.HIDDEN
        and case.outcome not in (Outcome.PASSED, Outcome.GRADER_ERROR)
        and without_parameters(case.id) in known
        else case
        for case in cases
    )


def _command(case: str, project: Project) -> str:
    sibling = without_parameters(case)
    seed = suggested_seed(sibling, project)
    return f"Try it yourself: grader check --case {sibling} --seed {seed}"
