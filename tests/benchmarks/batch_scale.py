"""Grades batches of different sizes, and again: is memory flat, and is an unchanged class cheap?

    python tests/benchmarks/batch_scale.py [--sizes 10,100,1000] [--jobs 2]

Each size is a batch of its own, in a fork of this process, into a fresh folder with a fresh cache:
submissions that differ in a comment, of which structure and the relu item are graded, in plain
processes (the memory is the grader's, and a sandbox's start would only make it take longer). Then
the same batch is run again, with nothing changed.

Memory is looked at ten times a second: the resident set of the batch's own process at its largest,
and the sum over it and all its descendants of what each has to itself and its share of what they
share (PSS, Linux). A run again is wall and CPU time of the whole batch, its start and its end
included, by submission.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from grader.batch.cache import ResultCache
from grader.batch.folder import BatchFolder
from grader.batch.manifest import Manifest
from grader.batch.runner import Settings, Watcher, grade_batch
from grader.batch.source import Handed
from grader.demo import zip_files
from grader.lab import find_project
from grader.pipeline import Plan
from grader.sandbox.process import ProcessSandbox
from grader.suite.implementations import right_solution

ITEMS = ("structure", "relu")
SEED = 1
PAUSE = 0.1


class Took(NamedTuple):
    """What a batch took: seconds, and bytes at its largest."""

    wall: float
    cpu: float
    own: int
    together: int


def watched(run: Callable[[], None]) -> Took:
    """Run in a fork and look at its memory, and its descendants', meanwhile."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            run()
            os._exit(0)
        finally:
            os._exit(1)
    own = together = 0
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        own = max(own, _kib(Path(f"/proc/{child}/status"), "VmHWM"))
        family = _family(child)
        together = max(together, sum(_kib(Path(f"/proc/{p}/smaps_rollup"), "Pss") for p in family))
        time.sleep(PAUSE)
    wall = time.monotonic() - started
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise SystemExit("a batch ended early")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(wall, cpu, own << 10, together << 10)


def _kib(path: Path, name: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:  # It has ended.
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def _family(process: int) -> list[int]:
    family = [process]
    for member in family:
        for task in Path(f"/proc/{member}/task").glob("*/children"):
            try:
                family += map(int, task.read_text().split())
            except OSError:
                continue
    return family


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--sizes", default="10,100,1000")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    project = find_project()
    solution = right_solution(project)
    plan = Plan(project, ProcessSandbox(), SEED, ITEMS)
    print(f"structure and relu of right solutions, {arguments.jobs} jobs, in plain processes")
    print("submissions   own RSS   all PSS   first time, each   again, each")
    for size in map(int, arguments.sizes.split(",")):
        with tempfile.TemporaryDirectory() as name:
            place = Path(name)
            handed = []
            for number in range(size):
                own = solution["layers/relu.py"] + b"# %d\n" % number
                files = {**solution, "layers/relu.py": own}
                path = place / f"STUDENT_N{number:04}_LAB3.zip"
                path.write_bytes(zip_files(files, None))
                handed.append(Handed(f"n{number:04}", path, path.name))
            manifest = Manifest(
                source=place, sandbox="process", items=ITEMS, seed=SEED, handed=tuple(handed)
            )
            folder, cache = BatchFolder(place / "graded"), ResultCache(place / "cache")

            def run(
                manifest: Manifest = manifest,
                folder: BatchFolder = folder,
                cache: ResultCache = cache,
            ) -> None:
                settings = Settings(arguments.jobs)
                entries = grade_batch(manifest, plan, folder, cache, settings, Watcher())
                if any(entry.needs_regrade for entry in entries):
                    raise RuntimeError("something could not be graded")

            first, again = watched(run), watched(run)
        print(
            f"{size:11}   {first.own / 2**20:4.0f} MB   {first.together / 2**20:4.0f} MB   "
            f"{first.cpu / size * 1e3:7.1f} ms CPU     {again.cpu / size * 1e3:6.1f} ms CPU, "
            f"{again.wall / size * 1e3:.1f} ms wall"
        )


if __name__ == "__main__":
    main()
