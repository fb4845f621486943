"""Observes many implementations, several at once, and names the owner of one that cannot be run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from grader.errors import GraderError
from grader.lab import Project
from grader.model import Suite
from grader.sandbox.launch import Sandbox
from grader.suite.collected import run_jobs
from grader.suite.observation import SUITES, Job, Observation

Progress = Callable[[int, int], None]
"""Told how many of how many implementations are done."""


def observe_all(
    tasks: Sequence[tuple[str, Job]],
    project: Project,
    sandbox: Sandbox | None,
    jobs: int,
    progress: Progress,
    suites: Sequence[Suite] = SUITES,
) -> Iterator[tuple[str, tuple[Observation, ...]]]:
    """Observe implementations and yield each owner with what was seen, as they finish.

    Parameters
    ----------
    tasks : sequence of (str, Job)
        Each with its owner's name, for messages.
    project : Project
        Where the tests are.
    sandbox : Sandbox or None
        Where the implementations run; None for in-process, for the project's own code alone.
    jobs : int
        How many processes to use.
    progress : callable
        Told after each.
    suites : sequence of Suite
        Public and hidden ones, or siblings, whose options would clash with those of hidden ones.

    Raises
    ------
    GraderError
        If one could not be run; it names the owner.
    """
    answered = 0
    with closing(run_jobs([job for _, job in tasks], project, sandbox, jobs, suites)) as answers:
        for number, answer in answers:
            owner, job = tasks[number]
            if isinstance(answer, str):
                raise GraderError(
                    f"{owner}: the cases of {', '.join(job.items)} could not be run: {answer}.",
                    "Mend the test files or the implementation.",
                )
            answered += 1
            yield owner, answer
            progress(answered, len(tasks))
    if answered < len(tasks):
        raise GraderError(
            f"Only {answered} of {len(tasks)} implementations were run: the process that runs "
            "them ended early.",
            "Run the command again; free memory first, if there is little.",
        )


def in_process(
    job: Job, project: Project, suites: Sequence[Suite] = SUITES
) -> tuple[Observation, ...]:
    """Observe one implementation of the project's own, in a fork of this process.

    Raises
    ------
    GraderError
        If the cases could not be run.
    """
    tasks = [("the implementation", job)]
    ((_, observed),) = observe_all(tasks, project, None, 1, lambda done, total: None, suites)
    return observed
