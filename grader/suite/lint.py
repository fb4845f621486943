"""Refuses test files that could grade people wrongly: by their sources, and by trying them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from grader.errors import GraderError
from grader.lab import Project
from grader.suite.implementations import right_solution
from grader.suite.observation import Job, Observation
from grader.suite.parallel import observe_all
from grader.suite.source_rules import Breach, check_sources
from grader.suite.wrapped_reference import guarded_reference, rounding_reference

# How near to its tolerance the reference's own rounding may come.
NEAREST = 0.1

GUARDED, ROUNDING = "the guarded reference", "the reference with other rounding"


def lint(project: Project, seeds: Sequence[int]) -> tuple[Breach, ...]:
    """Return everything that is wrong with the hidden tests, each with file, line and remedy.

    Sources first: errors, markers, random calls without a seed, tolerances. Where these are
    clean, the cases run on a reference that refuses what the handout does not allow, the error of
    each comparison is held against its tolerance, and the cases run once more on a reference that
    is off by a few roundings.
    """
    breaches = check_sources(project)
    if breaches:
        return breaches
    files, lab = right_solution(project), project.lab
    references = {
        GUARDED: guarded_reference(files, lab.classes),
        ROUNDING: rounding_reference(files, lab.classes),
    }
    tasks = [(name, Job(f, lab.test_items, tuple(seeds))) for name, f in references.items()]
    try:
        observed = dict(observe_all(tasks, project, None, len(tasks), lambda done, total: None))
    except GraderError as error:
        return (_unreadable(error.what, project),)
    tried = tuple(_tried(observed[GUARDED]))
    found = tried or tuple(_off_by_a_rounding(observed[ROUNDING]))
    return tuple(dict.fromkeys(found))


def _unreadable(said: str, project: Project) -> Breach:
    """Return the breach of a file that keeps the tests from being collected."""
    said = said.replace(f"{project.root}/", "")
    folder = project.hidden_tests.relative_to(project.root)
    # The last place named is the nearest to the error.
    places = re.findall(rf"{re.escape(str(folder))}/[^\s:]+\.py:\d+", said)
    return Breach(places[-1] if places else str(folder), said, "mend the file that is named")


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


def _off_by_a_rounding(observed: Sequence[Observation]) -> Iterator[Breach]:
    for one in observed:
        if not one.passed:
            yield Breach(
                one.place,
                f"{one.case} fails a right solution that rounds otherwise ({one.said}): it has a "
                "tolerance tighter than float rounding, or none",
                "compare by the fixture compare, whose tolerance is lab.toml's",
            )
