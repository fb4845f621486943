"""Compares layer tests in a warm docker sandbox with the same cases run plainly in one process.

    python tests/benchmarks/layer_items.py [--sandbox docker] [--rounds 15]

Both sides run the same pytest cases on the reference, in a fork of this process, which has pytest
and numpy loaded; the rounds alternate, so that a slow moment of the machine meets both. It prints
medians and, from pairs of neighbours, their ratio; and the time of one small call across the
bridge.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pytest_jsonreport.plugin  # noqa: F401 - loaded before the forks

from grader.bridge.session import Budget, Session
from grader.checks.layer_tests import run_cases
from grader.checks.pytest_session import session_arguments, test_folders
from grader.lab import Project, find_project
from grader.model import Suite
from grader.sandbox.cell import Cell
from grader.sandbox.choice import SandboxKind, choose_sandbox
from grader.suite.implementations import right_solution

SUITES = (Suite.PUBLIC, Suite.HIDDEN)
SEED = 1


def in_fork(run: Callable[[Path], None]) -> float:
    """Run in a fork, silently, and return its wall seconds as it measured them itself."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        with tempfile.TemporaryDirectory() as name:
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            started = time.perf_counter()
            run(Path(name))
            os.write(writable, repr(time.perf_counter() - started).encode())
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable, "rb") as answer:
        seconds = answer.read()
    os.waitpid(child, 0)
    if not seconds:
        raise RuntimeError("a run ended early")
    return float(seconds)


def plainly(project: Project) -> Callable[[Path], None]:
    """Return a run of all cases in one process, on the reference itself."""

    def run(place: Path) -> None:
        sys.path.insert(0, str(project.root / "reference"))
        items = project.lab.test_items
        arguments = session_arguments(place, project, items, tuple(test_folders(project, SUITES)))
        arguments += ["--tb=no", "-p", "pytest_jsonreport.plugin", f"--seed={SEED}"]
        arguments += ["--json-report", f"--json-report-file={place / 'report.json'}"]
        if pytest.main(arguments) != pytest.ExitCode.OK:
            raise RuntimeError("the reference fails a case")

    return run


def across(project: Project, cell: Cell) -> Callable[[Path], None]:
    """Return a run of all cases across the bridge, in a sandbox that is live already."""

    def run(place: Path) -> None:
        error = run_cases(place, cell, project, project.lab.test_items, SUITES, SEED)
        if error is not None:
            raise error

    return run


def small_call(project: Project, cell: Cell, calls: int) -> list[float]:
    """Return the seconds of each of many calls with a 3 x 3 array."""
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
    parser.add_argument("--sandbox", type=SandboxKind, default=SandboxKind.DOCKER)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=3000)
    arguments = parser.parse_args()
    project = find_project()
    sandbox = choose_sandbox(arguments.sandbox, project.root, log=print)
    ratios, plain_seconds, bridged_seconds = [], [], []
    with Cell(sandbox, project.lab, right_solution(project)) as cell:
        in_fork(plainly(project))
        in_fork(across(project, cell))
        for _ in range(arguments.rounds):
            plain_seconds.append(in_fork(plainly(project)))
            bridged_seconds.append(in_fork(across(project, cell)))
            ratios.append(bridged_seconds[-1] / plain_seconds[-1])
        calls = small_call(project, cell, arguments.calls)
    print(f"layer items of the reference, public and hidden cases, {arguments.rounds} rounds")
    print(f"  plain pytest, one process   {statistics.median(plain_seconds):.3f} s")
    print(f"  in {sandbox.kind}, warm          {statistics.median(bridged_seconds):.3f} s")
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
