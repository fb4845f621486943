"""Grades batches of different sizes, again, and anew: is memory flat, an unchanged class cheap?

    python tests/benchmarks/batch_scale.py [--sizes 10,100,1000] [--jobs 2] [--only PART]

Each size is a batch of its own, in a fork of this process, into a fresh folder with a fresh cache.

First, submissions that differ in a comment are graded, of which structure and the relu item are
judged, in plain processes (the memory is the grader's, and a sandbox's start would only make it
take longer); then the same batch is run again.

Then classes of which every item was judged are run again with nothing changed. To have a large one
without hours of training, a right example and the template are graded once, with short trainings,
and what was found is put into the cache under the keys of copies of them that differ in a comment.

Last, such classes are regraded: once with nothing changed, then with other results in the cache, in
which every case of every submission ends otherwise, and that is applied. Nothing is run, so that
the memory is what is held of the class's reports, old and new.

Memory is looked at ten times a second: the resident set of the batch's own process at its largest,
and the sum over it and all its descendants of what each has to itself and its share of what they
share (PSS, Linux). A run again is wall and CPU time of the whole batch by submission, from listing
the archives to the class's page; what is left out is the start of Python and its modules.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import msgspec

from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.manifest import Manifest
from grader.batch.regrade.apply import apply
from grader.batch.regrade.prepare import prepare
from grader.batch.results.cache import ResultCache
from grader.batch.results.content_key import content_keys
from grader.batch.results.reading import reading_of
from grader.batch.runner import Settings, Watcher, grade_batch
from grader.batch.source.enrolment import enrol
from grader.batch.source.handed import read_source
from grader.dataset.store import demo_dataset
from grader.demo import EXAMPLES, example_files, zip_files
from grader.intake import read_archive
from grader.lab import Project, find_project
from grader.model import Judged, Outcome
from grader.pipeline import Plan, grade
from grader.sandbox.process import ProcessSandbox
from grader.suite.implementations import right_solution

ITEMS = ("structure", "relu")
SEED = 1
PAUSE = 0.1
LAB = "LAB3"


class Took(NamedTuple):
    """What a batch took: seconds, and bytes at its largest."""

    wall: float
    cpu: float
    own: int
    together: int


def watched(run: Callable[[], object]) -> Took:
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


def first_time(plan: Plan, size: int, jobs: int) -> tuple[Took, Took]:
    """Grade a class of right solutions, then again."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        archives = write_archives(place, [right_solution(plan.project)], size)
        cache = ResultCache(place / "cache")
        batch = partial(run_batch, archives, place / "out", plan, cache, jobs)
        return watched(batch), watched(batch)


Known = list[dict[str, Judged]]
"""What was found of each example, by item."""


def from_kept(plan: Plan, size: int, jobs: int, known: Known) -> Took:
    """Run a class again whose results are those of examples."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        cache = ResultCache(place / "cache")
        archives = write_class(place, plan, size)
        keep(archives, plan, cache, known)
        batch = partial(run_batch, archives, place / "out", plan, cache, jobs)
        watched(batch)
        return watched(batch)


def regraded(plan: Plan, size: int, jobs: int, known: Known) -> tuple[Took, Took, Took]:
    """Regrade a class with nothing changed, then with everything changed, and apply that."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        cache = ResultCache(place / "cache")
        archives = write_class(place, plan, size)
        keep(archives, plan, cache, known)
        watched(partial(run_batch, archives, place / "out", plan, cache, jobs))
        folder = BatchFolder(place / "out")

        def regrade(changes: int) -> None:
            difference = prepare(folder, plan, cache, Settings(jobs), Watcher())
            if len(difference.verdicts) != changes:
                raise RuntimeError(f"{len(difference.verdicts)} of {size} changed, not {changes}")

        same = watched(partial(regrade, 0))
        keep(archives, plan, cache, [otherwise(judged) for judged in known])
        return same, watched(partial(regrade, size)), watched(partial(apply, folder, plan.project))


def otherwise(known: dict[str, Judged]) -> dict[str, Judged]:
    """Turn every case's outcome around."""
    other = {Outcome.PASSED: Outcome.FAILED, Outcome.FAILED: Outcome.PASSED}
    found = {}
    for id_, judged in known.items():
        cases = tuple(
            msgspec.structs.replace(case, outcome=other.get(case.outcome, case.outcome))
            for case in judged.result.cases
        )
        result = msgspec.structs.replace(judged.result, cases=cases)
        found[id_] = msgspec.structs.replace(judged, result=result)
    return found


def write_class(place: Path, plan: Plan, size: int) -> Path:
    """Write a class of right and wrong examples in turn."""
    examples = [example_files(plan.project, example) for example in EXAMPLES[:2]]
    return write_archives(place, examples, size)


def keep(archives: Path, plan: Plan, cache: ResultCache, known: Known) -> None:
    """Put what was found of the examples into the cache, for each of their copies."""
    for number, path in enumerate(sorted(archives.iterdir())):
        reading = reading_of(read_archive(path, plan.project.lab))
        judged = known[number % len(known)]
        for item, key in content_keys(reading, plan, plan.items).items():
            cache.save(key, judged[item])


def judge_examples(plan: Plan, count: int) -> Known:
    """Grade examples, a right one and a wrong one; return what was found by item."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        for example in EXAMPLES[:count]:
            path = Path(name) / example.archive
            path.write_bytes(zip_files(example_files(plan.project, example), None))
            graded = grade(path, plan)
            found.append(
                {
                    item.id: Judged(item, {name: graded.artefacts[name] for name in item.artefacts})
                    for item in graded.report.items
                    if item.id in plan.items
                }
            )
    return found


def write_archives(place: Path, examples: list[dict[str, bytes]], size: int) -> Path:
    """Write so many archives, in turn of each example, that differ in a comment."""
    folder = place / "archives"
    folder.mkdir()
    for number in range(size):
        files = examples[number % len(examples)]
        own = files["layers/relu.py"] + b"# %d\n" % number
        name = "".join(chr(ord("A") + int(digit)) for digit in f"{number:04}")
        data = zip_files({**files, "layers/relu.py": own}, None)
        (folder / f"STUDENT_{name}_{LAB}.zip").write_bytes(data)
    return folder


def run_batch(archives: Path, out: Path, plan: Plan, cache: ResultCache, jobs: int) -> None:
    """Do what `grader batch` does once its modules are loaded."""
    found = read_source(archives, plan.project.lab, out / "archives")
    handed = enrol(found.handed, None, plan.project.lab.lab.name).handed
    manifest = Manifest(
        source=archives, sandbox="process", items=tuple(plan.items), seed=SEED, handed=handed
    )
    entries = grade_batch(manifest, plan, BatchFolder(out), cache, Settings(jobs), Watcher())
    if any(entry.needs_regrade for entry in entries):
        raise RuntimeError("something could not be graded")


def quick_plan(project: Project) -> Plan:
    """Return a plan for all items, on small data, with short trainings of the reference."""
    settings = msgspec.structs.replace(project.lab.baseline, epochs=2, runs=2, hidden=20)
    lab = msgspec.structs.replace(project.lab, baseline=settings)
    items = tuple(line.id for line in lab.rubric)
    quick = msgspec.structs.replace(project, lab=lab)
    return Plan(quick, ProcessSandbox(), SEED, items, demo_dataset())


def show_first_time(project: Project, sizes: list[int], jobs: int) -> None:
    """Measure and print memory while a class is graded."""
    print(f"structure and relu of right solutions, {jobs} jobs, in plain processes")
    print("submissions   own RSS   all PSS   first time, each   again, each")
    for size in sizes:
        took, again = first_time(Plan(project, ProcessSandbox(), SEED, ITEMS), size, jobs)
        print(
            f"{size:11}   {took.own / 2**20:4.0f} MB   {took.together / 2**20:4.0f} MB   "
            f"{took.cpu / size * 1e3:8.1f} ms CPU   {again.cpu / size * 1e3:5.1f} ms CPU",
            flush=True,
        )


def show_unchanged(quick: Plan, known: Known, sizes: list[int], jobs: int) -> None:
    """Measure and print what it takes to run a class again."""
    tests = ("structure", *quick.project.lab.test_items)
    print("a class in which nothing changed: every second one is right, every other the template")
    print("submissions   items                           own RSS   again, each")
    for items in (tests, tuple(quick.items)):
        plan = msgspec.structs.replace(quick, items=items)
        what = "all, trained and plotted" if items == quick.items else "structure and all layers"
        for size in sizes:
            took = from_kept(plan, size, jobs, known)
            print(
                f"{size:11}   {what:29}   {took.own / 2**20:4.0f} MB   "
                f"{took.cpu / size * 1e3:5.1f} ms CPU, {took.wall / size * 1e3:.1f} ms wall",
                flush=True,
            )


def show_regraded(quick: Plan, known: Known, sizes: list[int], jobs: int) -> None:
    """Measure and print memory while a class is regraded."""
    print("the same class regraded, all items; own RSS, and CPU for each submission")
    print("submissions   nothing changed         every case changed      that applied")
    for size in sizes:
        columns = (
            f"{took.own / 2**20:4.0f} MB {took.cpu / size * 1e3:6.1f} ms CPU"
            for took in regraded(quick, size, jobs, known)
        )
        print(f"{size:11}   {'   '.join(columns)}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--sizes", default="10,100,1000")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", choices=("first", "unchanged", "regrade"))
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    project, jobs = find_project(), arguments.jobs
    if arguments.only in (None, "first"):
        show_first_time(project, sizes, jobs)
    if arguments.only == "first":
        return
    quick = quick_plan(project)
    known = judge_examples(quick, 2)
    if arguments.only in (None, "unchanged"):
        show_unchanged(quick, known, sizes, jobs)
    if arguments.only in (None, "regrade"):
        show_regraded(quick, known, sizes, jobs)


if __name__ == "__main__":
    main()
