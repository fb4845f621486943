"""Grades batches of different sizes, again, and anew: is memory flat, an unchanged class cheap?

    python tests/benchmarks/batch_scale.py [--sizes 10,100,1000] [--jobs 2] [--only PART]

Each size is a batch of its own, in a fork of this process, into a fresh folder with a fresh cache.

First, submissions that differ in a comment are graded, of which structure and the relu item are
judged, in plain processes (the memory is the grader's, and a sandbox's start would only make it
take longer); then the same batch is run again.

Then classes of which every item was judged are run again with nothing changed. To have a large one
without hours of training, a right example and the template are graded once, with short trainings,
and what was found is put into the cache under the keys of copies of them that differ in a comment.

Such classes are regraded: once with nothing changed, then with other results in the cache, in
which every case of every submission ends otherwise, and that is applied. Nothing is run, so that
the memory is what is held of the class's reports, old and new.

Last, such classes are handed over: a person looks at all that waits and decides on some of it, the
statistics are printed, and the grades go into Canvas's gradebook, shown first and then written.

Memory is looked at ten times a second: the resident set of the batch's own process at its largest,
and the sum over it and all its descendants of what each has to itself and its share of what they
share (PSS, Linux). A run again is wall and CPU time of the whole batch by submission, from listing
the archives to the class's page; what is left out is the start of Python and its modules.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import tempfile
import urllib.parse
import urllib.request
from functools import partial
from pathlib import Path
from threading import Thread

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import contextlib

import msgspec

from grader.batch.finish import refresh
from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.regrade.apply import apply
from grader.batch.regrade.prepare import prepare
from grader.batch.results.cache import ResultCache
from grader.batch.runner import Settings, Watcher
from grader.cli.main import main as grader
from grader.lab import Project, find_project
from grader.model import Outcome
from grader.overrides import Override, write_overrides
from grader.pipeline import Plan
from grader.sandbox.process import ProcessSandbox
from grader.service.server import serve_review
from grader.suite.implementations import right_solution
from tests.benchmarks.made_class import (
    SEED,
    Known,
    judge_examples,
    keep,
    otherwise,
    quick_plan,
    run_batch,
    write_archives,
    write_class,
)
from tests.benchmarks.watched import Took, watched

ITEMS = ("structure", "relu")
DECISIONS = 5


def first_time(plan: Plan, size: int, jobs: int) -> tuple[Took, Took]:
    """Grade a class of right solutions, then again."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        archives = write_archives(place, [right_solution(plan.project)], size)
        cache = ResultCache(place / "cache")
        batch = partial(run_batch, archives, place / "out", plan, cache, jobs)
        return watched(batch), watched(batch)


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


def handed_over(plan: Plan, size: int, jobs: int, known: Known) -> tuple[Took, Took, Took, Took]:
    """Review a class, then print its statistics, then export it: shown, and written."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        cache = ResultCache(place / "cache")
        archives = write_class(place, plan, size)
        keep(archives, plan, cache, known)
        watched(partial(run_batch, archives, place / "out", plan, cache, jobs))
        reviewed = watched(partial(review, place / "out", plan.project))
        decide_on_plots(BatchFolder(place / "out"), plan.project)
        sheet = write_gradebook(place, archives)
        words = ("export", "canvas", place / "out", "--sheet", sheet, "--out", place / "handover")
        return (
            reviewed,
            watched(partial(command, "stats", place / "out")),
            watched(partial(command, *words)),
            watched(partial(command, *words, "--apply")),
        )


def command(*words: str | Path) -> None:
    """Do what `grader` does once its modules are loaded, and say nothing."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    grader([str(word) for word in words], standalone_mode=False)


def review(folder: Path, project: Project) -> None:
    """Look at all that waits, and accept the first proposals, as a browser would."""

    def person(address: str) -> None:
        try:
            opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            here = address.partition("/?")[0]
            page = opener.open(address).read().decode()
            path = re.search(r'href="([^"]*)" data-key="Enter"', page)[1]  # type: ignore[index]
            for _ in range(DECISIONS):
                page = opener.open(here + path).read().decode()
                form = dict(re.findall(r'name="(sha256|seen)" value="([^"]*)"', page))
                form |= {"show": "waiting", "act": "accept", "who": "somebody"}
                action = re.search(r'action="([^"]*)"', page)[1]  # type: ignore[index]
                data = urllib.parse.urlencode(form).encode()
                answer = opener.open(urllib.request.Request(here + action, data, {"Origin": here}))
                path = urllib.parse.urlsplit(answer.url).path
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    with contextlib.suppress(KeyboardInterrupt):
        serve_review(
            folder, project, "somebody", 0, lambda at: Thread(target=person, args=[at]).start()
        )
    kept = len(BatchFolder(folder).overrides())
    if kept != DECISIONS:
        raise RuntimeError(f"{kept} decisions were kept, not {DECISIONS}")


def decide_on_plots(folder: BatchFolder, project: Project) -> None:
    """Have a person decide on all plots that wait."""
    when = "2026-11-20T10:00:00+00:00"
    waiting = [
        Override(
            entry.report.submission.sha256, item.id, item.max_points, "x", when, "x", entry.key
        )
        for entry in folder.outlines()
        if entry.report is not None
        for item in entry.report.items
        if item.outcome is Outcome.NEEDS_REVIEW
    ]
    write_overrides(folder.overrides_path, (*folder.overrides(), *waiting))
    refresh(folder, project)


def write_gradebook(place: Path, archives: Path) -> Path:
    """Write what Canvas would export of the class."""
    lines = ["Student,ID,SIS User ID,SIS Login ID,Section,LAB3 (4711)"]
    for number, path in enumerate(sorted(archives.iterdir())):
        first, last, _ = path.stem.split("_")
        lines.append(f'"{last.title()}, {first.title()}",{number},,,A,')
    sheet = place / "gradebook.csv"
    sheet.write_text("\n".join(lines) + "\n")
    return sheet


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


def show_handed_over(quick: Plan, known: Known, sizes: list[int], jobs: int) -> None:
    """Measure and print memory while a class is reviewed, summed up and exported."""
    print("the same class handed over, all items; own RSS, and CPU for each submission")
    print(
        f"submissions   review, {DECISIONS} decided       stats                   "
        "export, shown           export, written"
    )
    for size in sizes:
        columns = (
            f"{took.own / 2**20:4.0f} MB {took.cpu / size * 1e3:6.1f} ms CPU"
            for took in handed_over(quick, size, jobs, known)
        )
        print(f"{size:11}   {'   '.join(columns)}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--sizes", default="10,100,1000")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", choices=("first", "unchanged", "regrade", "handover"))
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    project, jobs = find_project(), arguments.jobs
    if arguments.only in (None, "first"):
        show_first_time(project, sizes, jobs)
    if arguments.only == "first":
        return
    quick = quick_plan(project)
    known = judge_examples(quick)
    if arguments.only in (None, "unchanged"):
        show_unchanged(quick, known, sizes, jobs)
    if arguments.only in (None, "regrade"):
        show_regraded(quick, known, sizes, jobs)
    if arguments.only in (None, "handover"):
        show_handed_over(quick, known, sizes, jobs)


if __name__ == "__main__":
    main()
