"""Grades the layer items of many submissions, and measures other ways to run the same cases.

    make peers        # makes the other graders' environment, and runs this
    python tests/benchmarks/batch_layer_items.py [--submissions 100] [--peers 10]

The submissions are the corpus of `grader suite`: the reference, right but unusual variants, and
bugs, over and over. In one run, it measures

- `grader batch` at 2 jobs in docker: intake, sandboxes, cases, reports, gradebook;
- plain pytest: for each submission a fork of a process that has pytest and numpy loaded, 2 at once,
  without intake, sandbox or report, student code beside the tests; on one half of the submissions
  before the batch and on the other after it, since few machines keep their speed;
- `otter run` and gradescope-utils, a process a submission, one after the other, on the first
  submissions: the same cases, called with the same fixtures (`same_cases.py`), student code beside
  the tests, without any sandbox.

How CPU counts: user and system. The grader's is that of the batch's process and all its
descendants; the containers' is their control group's. A part of that one is the engine's own, which
sets a container up from within before the worker starts: it is measured with containers that do
nothing. The rest of the engine's is that of dockerd and containerd with the helpers that they have
waited for, of whatever else they do meanwhile; so it is not exact on a machine that others use.
Then the walls say little, too: the line about other processes tells.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np  # noqa: F401 - loaded before the forks
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.manifest import Manifest
from grader.batch.results.cache import ResultCache
from grader.batch.runner import Settings, Watcher, grade_batch
from grader.batch.source.handed import Handed
from grader.checks.pytest_session import session_arguments, test_folders
from grader.demo import zip_files
from grader.lab import Project, find_project
from grader.model import Suite
from grader.pipeline import Plan
from grader.sandbox.docker import find_docker
from grader.suite.corpus import apply_edits, read_corpus
from grader.suite.implementations import right_solution
from tests.benchmarks.metered import MeteredDocker, cpu_of
from tests.benchmarks.peers import Peers

JOBS = 2
SEED = 1
PR_SET_CHILD_SUBREAPER = 36


class Spent(NamedTuple):
    """Wall and CPU seconds."""

    wall: float
    cpu: float


def corpus_submissions(project: Project, count: int) -> list[Mapping[str, bytes]]:
    """Return so many implementations, from the corpus in turn: right ones and wrong ones."""
    corpus, reference = read_corpus(project), right_solution(project)
    variants = [one for one in corpus.variants if not one.bridge_only]
    turn: list[Mapping[str, bytes]] = [reference]
    for number in range(max(len(corpus.bugs), len(variants))):
        for entries in (corpus.bugs, variants):
            entry = entries[number % len(entries)]
            turn.append(apply_edits(reference, entry.edits, entry.id))
    return [turn[number % len(turn)] for number in range(count)]


def write_archives(submissions: list[Mapping[str, bytes]], folder: Path) -> tuple[Handed, ...]:
    """Write each submission as a student's zip; a comment makes each one's content its own."""
    handed = []
    for number, files in enumerate(submissions):
        name = f"STUDENT_N{number:04}_LAB3.zip"
        own = {**files, "layers/full.py": files["layers/full.py"] + b"\n# %d\n" % number}
        path = folder / name
        path.write_bytes(zip_files(own, None))
        handed.append(Handed(f"n{number:04}", path, name))
    return tuple(handed)


def grade(handed: tuple[Handed, ...], plan: Plan, place: Path) -> Spent:
    """Grade all in a fork, into a fresh folder with a fresh cache; count all its descendants."""
    manifest = Manifest(
        source=place, sandbox="docker", items=tuple(plan.items), seed=plan.seed, handed=handed
    )
    folder, cache = BatchFolder(place / "graded"), ResultCache(place / "cache")

    def run() -> None:
        # Processes whose parent is killed come back here, so that their time is counted.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        entries = grade_batch(manifest, plan, folder, cache, Settings(JOBS), Watcher())
        broken = [entry for entry in entries if entry.needs_regrade]
        while True:
            try:
                os.wait()
            except ChildProcessError:
                break
        if broken or len(entries) != len(handed):
            raise RuntimeError(f"{len(broken)} could not be graded: {broken[:1]}")

    return measured(run)


def measured(run: Callable[[], None]) -> Spent:
    """Run in a fork and return what it and its descendants spent."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            run()
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise SystemExit("a run ended early")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(time.monotonic() - started, cpu)


def plainly(submissions: list[Mapping[str, bytes]], project: Project, place: Path) -> Spent:
    """Run plain pytest on each submission in a fork of this process, JOBS at once."""
    roots = Path(tempfile.mkdtemp(prefix="plain-", dir=place))

    def one(number: int) -> None:
        root = roots / f"{number}"
        for path, data in submissions[number].items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        os.chdir(root)
        sys.path.insert(0, str(root))
        suites = (Suite.PUBLIC, Suite.HIDDEN)
        items = project.lab.test_items
        arguments = session_arguments(root, project, items, tuple(test_folders(project, suites)))
        code = pytest.main([*arguments, "--tb=no", f"--seed={SEED}"])
        os._exit(code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED))

    def run() -> None:
        running, waiting, failed = set[int](), list(range(len(submissions))), 0
        while waiting or running:
            while waiting and len(running) < JOBS:
                child = os.fork()
                if child == 0:
                    try:
                        one(waiting[-1])
                    finally:
                        os._exit(1)
                waiting.pop()
                running.add(child)
            child, status = os.wait()
            running.discard(child)
            failed += status != 0
        if failed:
            raise RuntimeError(f"plain pytest failed {failed} times")

    return measured(run)


def engine_seconds() -> float:
    """Return the CPU seconds of the Docker engine's processes so far."""
    total = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text().strip() in ("dockerd", "containerd"):
                total += cpu_of(int(folder.name))
        except OSError:
            continue
    return total


def busy_seconds() -> float:
    """Return the CPU seconds that the machine has worked so far, whatever for."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:8]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--submissions", type=int, default=100)
    parser.add_argument("--peers", type=int, default=10, help="submissions for the peers; or 0")
    arguments = parser.parse_args()
    # All sides find their files compiled, whatever the shell says, and use one thread each.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    project, count = find_project(), arguments.submissions
    docker = MeteredDocker(find_docker(project.root))
    submissions = corpus_submissions(project, count)
    plan = Plan(project, docker, SEED, project.lab.test_items)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        handed = write_archives(submissions, place)
        plainly(submissions[:JOBS], project, place)  # So that the test files are compiled.
        half = count // 2
        first = plainly(submissions[:half], project, place)
        engine, busy = engine_seconds(), busy_seconds()
        ours = grade(handed, plan, place)
        engine, busy = engine_seconds() - engine, busy_seconds() - busy
        containers = docker.cpu_seconds()
        starting = docker.starting_seconds(project.lab.limits) * count
        second = plainly(submissions[half:], project, place)
        plain = Spent(first.wall + second.wall, first.cpu + second.cpu)
        show(count, ours, containers, starting, engine, busy, plain)
        if arguments.peers:
            show_peers(Peers(project, place, SEED), submissions[: arguments.peers], ours, count)
    docker.remove_groups()


def show(
    count: int,
    ours: Spent,
    containers: float,
    starting: float,
    engine: float,
    busy: float,
    plain: Spent,
) -> None:
    """Print what the grader took beside plain pytest."""
    cores = len(os.sched_getaffinity(0))
    own = ours.cpu + containers
    print(f"layer items of {count} submissions, {JOBS} jobs, {cores} cores; seconds a submission")
    print(f"  grader                      {ours.cpu / count:.3f} CPU")
    print(
        f"  containers                  {containers / count:.3f} CPU, {starting / count:.3f} of it "
        "the engine's, before the worker starts"
    )
    print(f"  Docker engine beside them   {engine / count:.3f} CPU")
    print(f"  grader batch                {ours.wall / count:.3f} wall")
    print(
        f"  plain pytest, warm          {plain.cpu / count:.3f} CPU, {plain.wall / count:.3f} wall"
    )
    print(f"  grader and workers to plain pytest, CPU      {(own - starting) / plain.cpu:.2f}")
    print(f"  grader and containers to plain pytest, CPU   {own / plain.cpu:.2f}")
    print(
        f"  wall to CPU by cores, the engine's counted   {_hidden(ours, own + engine, cores):.2f}"
    )
    others = busy - own - engine
    print(
        f"  other processes, engine's helpers and kernel took {others / busy:.0%} of all CPU time"
    )


def _hidden(ours: Spent, cpu: float, cores: int) -> float:
    return ours.wall / (cpu / cores)


def show_peers(
    peers: Peers, submissions: list[Mapping[str, bytes]], ours: Spent, count: int
) -> None:
    """Print what other graders took."""
    each = ours.wall / count
    for name, run in (("otter run", peers.otter), ("gradescope-utils", peers.gradescope)):
        peer = run(submissions)
        print(
            f"{name}, {len(submissions)} submissions one by one, no sandbox, {peer.cases} cases: "
            f"{peer.wall_seconds:.3f} wall, {peer.cpu_seconds:.3f} CPU a submission; "
            f"{peer.wall_seconds / each:.1f} times grader batch"
        )


if __name__ == "__main__":
    main()
