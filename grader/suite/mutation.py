"""Runs the systematic mutants of the reference, and holds each survivor to its justification."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from grader.errors import ConfigurationError
from grader.lab import Project
from grader.suite.implementations import right_solution
from grader.suite.mutants import Mutant, mutants_of
from grader.suite.observation import Job, Stops
from grader.suite.parallel import Progress, observe_all

EQUIVALENTS = "equivalent_mutants.toml"


class Equivalent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mutant that is right, so that no test may fail it.

    Attributes
    ----------
    id : str
        The mutant's.
    why : str
        Why a student who wrote it would have done nothing wrong.
    """

    id: str
    why: str


class _EquivalentsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    equivalent: tuple[Equivalent, ...] = ()


class MutationResult(msgspec.Struct, frozen=True):
    """What became of the mutants.

    Attributes
    ----------
    total, killed : int
        How many there are, and how many lost points in their own item.
    survivors : tuple of Mutant
        Those that kept all points and are not justified.
    equivalents : int
        How many of those that kept all points are justified.
    problems : tuple of str
        Justifications that no longer hold, a sentence each.
    """

    total: int
    killed: int
    survivors: tuple[Mutant, ...]
    equivalents: int
    problems: tuple[str, ...]

    @property
    def score(self) -> float:
        """The share of the mutants that are wrong which lost points, from 0 to 1."""
        return self.killed / (self.killed + len(self.survivors))


def run_mutants(
    project: Project, seeds: Sequence[int], jobs: int, progress: Progress
) -> MutationResult:
    """Run every mutant of the five layer modules on its own item's cases.

    Parameters
    ----------
    project : Project
        A full checkout.
    seeds : sequence of int
        Grading seeds; a mutant that loses points under the first is not run under the others.
    jobs : int
        How many processes to use.
    progress : callable
        Told after each mutant.

    Raises
    ------
    ConfigurationError
        If the file of justifications is not valid.
    GraderError
        If the cases could not be run.
    """
    justified = {entry.id for entry in _read_equivalents(project.hidden_tests / EQUIVALENTS)}
    reference = right_solution(project)
    items = {f"layers/{m.file}": m.item for m in project.lab.modules if m.item}
    mutants = {m.id: m for file in items for m in mutants_of(reference, file)}
    tasks = [
        (
            mutant.id,
            Job(
                {**reference, mutant.file: mutant.source.encode()},
                (items[mutant.file],),
                tuple(seeds),
                stops=Stops.AT_FAILURE,
            ),
        )
        for mutant in mutants.values()
    ]
    survived = {
        owner
        for owner, observed in observe_all(tasks, project, None, jobs, progress)
        if all(one.passed for one in observed)
    }
    return MutationResult(
        total=len(mutants),
        killed=len(mutants) - len(survived),
        survivors=tuple(m for m in mutants.values() if m.id in survived - justified),
        equivalents=len(survived & justified),
        problems=(
            *(
                f"{one} is justified but there is no such mutant."
                for one in sorted(justified - mutants.keys())
            ),
            *(
                f"{one} is justified as equivalent, but a case fails it: one of the two is wrong."
                for one in sorted((justified & mutants.keys()) - survived)
            ),
        ),
    )


def _read_equivalents(path: Path) -> tuple[Equivalent, ...]:
    try:
        return msgspec.toml.decode(path.read_bytes(), type=_EquivalentsFile).equivalent
    except FileNotFoundError:
        return ()
    except (msgspec.DecodeError, OSError) as error:
        raise ConfigurationError(f"{path} is not valid: {error}.", "Mend it.") from error
