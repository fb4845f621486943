"""Refuses test files that could grade people wrongly: by their sources, and by trying them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grader.errors import GraderError
from grader.lab import Project
from grader.suite.implementations import right_solution
from grader.suite.observation import Job, Observation
from grader.suite.parallel import in_process
from grader.suite.shapes import guarded_reference
from grader.suite.source_rules import Breach, check_sources

# How near to its tolerance the reference's own rounding may come.
NEAREST = 0.1


def lint(project: Project, seeds: Sequence[int]) -> tuple[Breach, ...]:
    """Return everything that is wrong with the hidden tests, each with file, line and remedy.

    Sources first: errors, markers, random calls without a seed, tolerances. Where these are
    clean, the cases run on a reference that refuses what the handout does not allow, and the
    error of each comparison is held against its tolerance.
    """
    breaches = check_sources(project)
    if breaches:
        return breaches
    reference = guarded_reference(right_solution(project), project.lab.classes)
    try:
        observed = in_process(Job(reference, project.lab.test_items, tuple(seeds)), project)
    except GraderError as error:
        return (Breach(str(project.hidden_tests), error.what, "mend the file that is named"),)
    return tuple(dict.fromkeys(_tried(observed)))


def _tried(observed: Sequence[Observation]) -> Iterator[Breach]:
    for one in observed:
        if not one.passed:
            do = (
                "keep to inputs that the handout allows"
                if "NotInTheHandout" in one.said
                else "mend the test: the reference is right"
            )
            yield Breach(one.place, f"{one.case} fails on the reference ({one.said})", do)
        elif one.margin is not None and one.margin > NEAREST:
            yield Breach(
                one.place,
                f"{one.case} has a tolerance that rounding almost reaches ({one.margin:.2g} of it)",
                "compare with a wider tolerance, or with smaller arrays",
            )
