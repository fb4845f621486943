"""Which submissions share code: honest ones do not, copies do, however they are disguised."""

from __future__ import annotations

import ast
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from grader.batch.likeness.code import LEAST_CODE, THRESHOLD, alike_pairs
from grader.batch.likeness.fingerprint import Hashes, Work
from grader.lab import Project
from grader.suite.implementations import right_solution
from tests.batch.likeness.conftest import Files, work_of

HONEST = 0.3
"""No two independent solutions share more; the threshold keeps well clear of it."""


def pairs_of(works: list[Work]) -> list[tuple[float, int, int]]:
    return alike_pairs([work.short for work in works]).pairs


def share(one: Work, other: Work) -> float:
    common = np.intersect1d(one.own, other.own)
    return len(common) / min(len(one.own), len(other.own))


def test_independent_solutions_are_not_taken_for_copies(
    solutions: dict[str, Files], known: Hashes, project: Project
) -> None:
    whole = {**solutions, "reference": right_solution(project)}
    works = [work_of(key, files, known) for key, files in whole.items()]
    assert len(works) == 8
    shares = {(a.key, b.key): share(a, b) for a, b in combinations(works, 2)}
    assert max(shares.values()) < HONEST < THRESHOLD - 0.15, shares
    assert pairs_of(works) == []


def renamed(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in ("self", "np", "range", "len", "print"):
            node.id = f"renamed_{node.id}"
    return ast.unparse(tree)


def without_annotations(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for argument in node.args.args:
                argument.annotation = None
    return ast.unparse(tree)


def in_another_order(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            node.body.reverse()
    return ast.unparse(tree)


def with_statements_between(source: str) -> str:
    """Put a useless statement before every third one of a function or loop."""
    tree = ast.parse(source)
    count = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.For):
            body: list[ast.stmt] = []
            for statement in node.body:
                count += 1
                if count % 3 == 0:
                    body += ast.parse(f"unused = {count} * 2").body
                body.append(statement)
            node.body = body
    return ast.unparse(tree)


DISGUISES = [renamed, without_annotations, in_another_order, with_statements_between]


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize(
    "style", ["base_class", "einsum", "functional", "loops", "plain", "terse", "verbose"]
)
def test_a_disguised_copy_is_found(
    solutions: dict[str, Files],
    known: Hashes,
    style: str,
    disguise: Callable[[str], str],
) -> None:
    original = solutions[style]
    copy = {path: disguise(data.decode()).encode() for path, data in original.items()}
    others = [work_of(key, files, known) for key, files in solutions.items() if key != style]
    works = [*others, work_of("original", original, known), work_of("copy", copy, known)]
    (found,) = pairs_of(works)
    assert found[1:] == (len(works) - 2, len(works) - 1)
    assert found[0] >= THRESHOLD


def test_code_that_moved_to_another_file_is_found(
    solutions: dict[str, Files], known: Hashes
) -> None:
    plain = solutions["plain"]
    moved = {"everything.py": b"\n\n".join(plain.values())}
    works = [work_of("a", plain, known), work_of("b", moved, known)]
    ((shared, *_),) = pairs_of(works)
    assert shared > 0.9


def test_a_part_of_a_larger_work_counts_by_the_smaller_one(
    solutions: dict[str, Files], known: Hashes
) -> None:
    both = {f"{n}.py": data for n, data in enumerate(solutions["plain"].values())}
    both |= {f"more {n}.py": data for n, data in enumerate(solutions["loops"].values())}
    works = [work_of("a", solutions["plain"], known), work_of("b", both, known)]
    ((shared, *_),) = pairs_of(works)
    assert shared == 1


def test_so_little_code_that_all_write_the_same_makes_no_pair(
    solutions: dict[str, Files], known: Hashes
) -> None:
    relu = {"layers/relu.py": solutions["plain"]["layers/relu.py"]}
    works = [work_of(key, relu, known) for key in "ab"]
    assert 0 < len(works[0].own) < LEAST_CODE
    assert pairs_of(works) == []


def test_nobody_and_one_alone_are_like_nobody(solutions: dict[str, Files]) -> None:
    assert pairs_of([]) == []
    assert pairs_of([work_of("a", solutions["plain"])]) == []
    assert pairs_of([work_of("a", {}), work_of("b", {})]) == []


def test_a_class_is_compared_part_by_part_as_it_would_be_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = np.random.default_rng(1)
    pool = np.unique(draw.integers(0, 2**32, 4000, np.uint32))
    owns = [np.sort(draw.choice(pool, size, replace=False)) for size in range(1000, 3000, 100)]
    whole = alike_pairs(owns, 1000)
    wanted = {
        (i, j): len(np.intersect1d(owns[i], owns[j])) / min(len(owns[i]), len(owns[j]))
        for i, j in combinations(range(len(owns)), 2)
    }
    found = {(i, j): shared for shared, i, j in whole.pairs}
    assert found == {pair: share for pair, share in wanted.items() if share >= THRESHOLD}
    assert 0 < len(found) == whole.number < len(wanted)
    monkeypatch.setattr("grader.batch.likeness.code._PART", 700)
    monkeypatch.setattr("grader.batch.likeness.code._BLOCK", 64)
    assert alike_pairs(owns, 1000) == whole
    assert alike_pairs(owns, 3) == (whole.pairs[:3], whole.number)
