"""Observes many implementations at once, in as many processes as there are jobs."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from grader.errors import GraderError
from grader.lab import Project
from grader.sandbox.launch import Sandbox
from grader.suite.observation import Job, Observation, in_process, in_sandbox

Progress = Callable[[int, int], None]
"""Told how many of how many implementations are done."""


def observe_all(
    tasks: Sequence[tuple[str, Job]],
    project: Project,
    sandbox: Sandbox | None,
    jobs: int,
    progress: Progress,
) -> Iterator[tuple[str, tuple[Observation, ...]]]:
    """Observe implementations and yield each owner with what was seen, as they finish.

    Parameters
    ----------
    tasks : sequence of (str, Job)
        Each with its owner's name, for messages.
    project : Project
        Where the tests are.
    sandbox : Sandbox or None
        Where the implementations run; None for in-process.
    jobs : int
        How many processes to use.
    progress : callable
        Told after each.

    Raises
    ------
    GraderError
        If one could not be run; it names the owner.
    """
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        owners = {pool.submit(_observe, job, project, sandbox): owner for owner, job in tasks}
        for done, future in enumerate(as_completed(owners), 1):
            failed = future.exception()
            if isinstance(failed, GraderError):
                pool.shutdown(cancel_futures=True)
                raise GraderError(f"{owners[future]}: {failed.what}", failed.do) from failed
            yield owners[future], future.result()
            progress(done, len(tasks))


def _observe(job: Job, project: Project, sandbox: Sandbox | None) -> tuple[Observation, ...]:
    return in_process(job, project) if sandbox is None else in_sandbox(job, project, sandbox)
