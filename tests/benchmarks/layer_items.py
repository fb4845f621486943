"""Compares one submission's layer tests in docker with the same cases run plainly in one process.

    python tests/benchmarks/layer_items.py [--rounds 15]

Both sides run the same pytest cases on the reference. The plain side is a fork of this process,
which has pytest and numpy loaded, and collects and runs them. The grader's side is what a batch
does: a collector forks, and the fork fills a fresh container that was started ahead of need; the
collector, its forks and the container are counted, from the container's start. The rounds
alternate, so that a slow moment of the machine meets both. It prints medians of CPU time, user and
system, and their ratio from pairs of neighbours; and the wall time of one small call across the
bridge.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from grader.bridge.session import Budget, Session
from grader.checks.case_run import Request
from grader.checks.collector import Collector, Subject
from grader.checks.pytest_session import session_arguments, test_folders
from grader.lab import Project, find_project
from grader.model import Outcome, Suite
from grader.sandbox.cell import Cell
from grader.sandbox.docker import find_docker
from grader.suite.implementations import right_solution

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.metered import MeteredDocker, cpu_of, in_fork

SUITES = (Suite.PUBLIC, Suite.HIDDEN)
SEED = 1
LONGEST_RUN = 600.0


def plainly(project: Project, root: Path) -> Callable[[Path], None]:
    """Return a run of all cases in one process, on the package `layers` in a folder."""

    def run(place: Path) -> None:
        sys.path.insert(0, str(root))
        items = project.lab.test_items
        arguments = session_arguments(place, project, items, tuple(test_folders(project, SUITES)))
        code = pytest.main([*arguments, "--tb=no", f"--seed={SEED}"])
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            raise RuntimeError(f"pytest ended with {code!r}")

    return run


def small_call(project: Project, cell: Cell, calls: int) -> list[float]:
    """Return the wall seconds of each of many calls with a 3 x 3 array."""
    lab = project.lab
    session = Session(cell, {"relu": ("ReluLayer", "layers.relu")}, {}, Budget(60, 60, 1))
    session.begin_case("relu", SEED)
    layer = session.channel().new("ReluLayer", lab.classes["ReluLayer"], (), {})
    x = np.ones((3, 3))
    seconds = []
    for _ in range(calls):
        started = time.perf_counter()
        layer.forward(x)  # type: ignore[attr-defined]
        seconds.append(time.perf_counter() - started)
    session.end_item()
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=3000)
    arguments = parser.parse_args()
    # Both sides find their test files compiled, whatever the shell says.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    project = find_project()
    docker = MeteredDocker(find_docker(project.root))
    solution = right_solution(project)
    subject = Subject(project, docker, project.lab.test_items, SUITES)
    request = Request(solution, project.lab.test_items, SEED)
    plain = plainly(project, project.root / "reference")
    collector = Collector(subject, LONGEST_RUN, ahead=True)
    plain_seconds, trusted_seconds, container_seconds = [], [], []
    try:
        for number in range(arguments.rounds + 1):
            plain_once = in_fork(plain)
            trusted, container = cpu_of(collector.process), docker.cpu_seconds()
            answer = collector.ask(request)
            if answer.error or {case.outcome for _, case in answer.cases} != {Outcome.PASSED}:
                raise RuntimeError(f"the reference fails a case: {answer.error}")
            if number > 0:  # The first round collects.
                plain_seconds.append(plain_once)
                trusted_seconds.append(cpu_of(collector.process) - trusted)
                container_seconds.append(docker.cpu_seconds() - container)
    finally:
        collector.close()
    with Cell(docker, project.lab, solution) as cell:
        calls = small_call(project, cell, arguments.calls)
    docker.remove_groups()
    ours = [a + b for a, b in zip(trusted_seconds, container_seconds, strict=True)]
    ratios = [mine / theirs for mine, theirs in zip(ours, plain_seconds, strict=True)]
    print(f"layer items of the reference, {len(answer.cases)} cases, {arguments.rounds} rounds")
    print(f"  plain pytest, one process   {statistics.median(plain_seconds):.3f} s of CPU")
    print(f"  grader                      {statistics.median(trusted_seconds):.3f} s")
    print(f"  container                   {statistics.median(container_seconds):.3f} s")
    print(
        f"  ratio                       {statistics.median(ratios):.2f} "
        f"(from {min(ratios):.2f} to {max(ratios):.2f})"
    )
    print(
        f"one call with a 3 x 3 array, {len(calls)} calls: median "
        f"{statistics.median(calls) * 1e3:.3f} ms, 95 % below "
        f"{statistics.quantiles(calls, n=20)[-1] * 1e3:.3f} ms"
    )


if __name__ == "__main__":
    main()
