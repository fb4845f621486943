"""Kills a batch again and again, and holds what it comes to beside an undisturbed run's.

    python tests/benchmarks/batch_killed.py [--submissions 1000] [--sandbox docker] [--kills 5]

The submissions are the reference, the template and every bug and variant of the suite's corpus, in
turn, each with a comment of its own, so that no two have the same content. `grader batch` grades
their layer items twice, from the command line, each time with an empty cache of its own: once
undisturbed, and once killed by SIGKILL at random moments and started again with `--resume`. It
prints what was there after each kill; then whether every report is the same, but for times; whether
a submission was lost; and how many sandboxes are left. The exit code is 1 if anything is amiss.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from grader.demo import zip_files
from grader.lab import Project, find_project
from grader.owner import is_dead
from grader.sandbox.docker import CONTAINER_LABEL
from grader.suite.corpus import Bug, Variant, apply_edits, read_corpus
from grader.suite.implementations import right_solution, template_files

OWN_FOLDER = re.compile(r"/[^ \"]*/nn-lab-process-[^/]+/")
"""Where a plain process runs; warnings that it prints name the file."""
START = [sys.executable, "-c", "from grader.cli.main import main; main()"]


class Comparison(msgspec.Struct, frozen=True):
    """What a whole comparison came to.

    Attributes
    ----------
    submissions, different, lost, left : int
        How many there were; whose reports differ; that have none; sandboxes that stayed.
    """

    submissions: int
    different: int
    lost: int
    left: int

    @property
    def well(self) -> bool:
        """Whether nothing is amiss."""
        return self.different == self.lost == self.left == 0


def solutions(project: Project) -> Iterator[dict[str, bytes]]:
    """Yield right and wrong solutions, over and over, no two with the same content."""
    template, right = template_files(project), right_solution(project)
    corpus = read_corpus(project)
    bases: list[Mapping[str, bytes]] = [{**template, **right}, template]
    entries: tuple[Bug | Variant, ...] = (*corpus.bugs, *corpus.variants)
    bases += (apply_edits({**template, **right}, one.edits, one.id) for one in entries)
    number = 0
    while True:
        for base in bases:
            number += 1
            mark = f"# Number {number}\n".encode()
            yield {
                path: data + mark if path.startswith("layers/") and path.endswith(".py") else data
                for path, data in base.items()
            }


def write_archives(project: Project, folder: Path, count: int) -> None:
    """Write so many zips, each by a student of another name."""
    folder.mkdir(parents=True)
    for number, files in zip(range(count), solutions(project), strict=False):
        letters = "".join(chr(ord("A") + int(digit)) for digit in f"{number:04}")
        name = f"STUDENT_{letters}_LAB3"
        (folder / f"{name}.zip").write_bytes(zip_files(files, name))


def compare(
    project: Project,
    place: Path,
    count: int,
    items: tuple[str, ...],
    sandbox: str,
    kills: int,
    jobs: int,
    seed: int,
) -> Comparison:
    """Run both batches and print how it went.

    Parameters
    ----------
    project : Project
        The lab.
    place : Path
        An empty folder, for everything.
    count : int
        Submissions.
    items : tuple of str
        What of them is graded.
    sandbox : str
        As `--sandbox` takes it.
    kills : int
        How often the second batch is killed.
    jobs : int
        As `--jobs` takes it.
    seed : int
        Decides on the moments of the kills.
    """
    source = place / "archives"
    write_archives(project, source, count)
    options = [
        "--sandbox",
        sandbox,
        "--only",
        ",".join(items),
        "--jobs",
        f"{jobs}",
    ]
    whole, killed = place / "undisturbed", place / "killed"

    began = time.monotonic()
    with started(source, whole, place / "cache 1", options) as process:
        code = process.wait()
    seconds = time.monotonic() - began
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    _row("run", "seconds", "exit", "reports")
    _row("undisturbed", f"{seconds:.0f}", f"{code}", f"{len(reports(whole))}")

    moments = random.Random(seed)
    for number in range(1, kills + 1):
        life = seconds * moments.uniform(0.3, 1.2) / (kills + 1) + 1
        resume = ["--resume"] if (killed / "submissions").is_dir() else []
        with started(source, killed, place / "cache 2", [*options, *resume]) as process:
            try:
                code = process.wait(timeout=life)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
        _row(f"killed {number}", f"{life:.0f}", f"{code}", f"{len(reports(killed))}")
    began = time.monotonic()
    resume = ["--resume"] if (killed / "submissions").is_dir() else []
    with started(source, killed, place / "cache 2", [*options, *resume]) as process:
        code = process.wait()
    _row("to the end", f"{time.monotonic() - began:.0f}", f"{code}", f"{len(reports(killed))}")

    first, second = reports(whole), reports(killed)
    different = [key for key in first if key in second and first[key] != second[key]]
    for key in different[:5]:
        print(f"differs: {key}: {_where(first[key], second[key])}")
    books = [(folder / "gradebook.csv").read_bytes() for folder in (whole, killed)]
    outcome = Comparison(count, len(different), 2 * count - len(first) - len(second), left(sandbox))
    print(f"reports that differ, but for times: {outcome.different} of {count}")
    print(f"submissions without a report: {outcome.lost}")
    print(f"gradebooks: {'the same' if books[0] == books[1] else 'different'}")
    print(f"sandboxes left: {outcome.left}")
    print(f"largest process of the undisturbed run: {own.ru_maxrss / 1024:.0f} MiB")
    return outcome


def started(source: Path, out: Path, cache: Path, options: list[str]) -> subprocess.Popen[bytes]:
    """Start `grader batch` with a cache of its own."""
    with (out.parent / f"{out.name}.log").open("ab") as log:
        return subprocess.Popen(
            [*START, "batch", str(source), "--out", str(out), *options],
            env={**os.environ, "XDG_CACHE_HOME": str(cache)},
            stdout=log,
            stderr=log,
        )


def reports(out: Path) -> dict[str, Any]:
    """Return all reports that are there, without what tells only when, how fast and where."""
    found = {}
    for path in sorted(out.glob("submissions/*/report.json")):
        report = json.loads(OWN_FOLDER.sub("", path.read_text()))
        for name in ("timings", "graded_at"):
            del report[name]
        for item in report["items"]:
            for case in item["cases"]:
                del case["seconds"]
        found[path.parent.name] = report
    return found


def left(sandbox: str) -> int:
    """Count containers whose grader is dead."""
    if sandbox != "docker":
        return 0
    listed = subprocess.run(
        ["docker", "ps", "--all", "--format", f'{{{{.Label "{CONTAINER_LABEL}"}}}}'],
        capture_output=True,
        text=True,
        check=True,
    )
    return sum(is_dead(name) for name in listed.stdout.split())


def _where(first: Any, second: Any, path: str = "") -> str:
    """Name the first place in which two documents differ."""
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        pairs = [(key, first[key], second[key]) for key in first]
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        pairs = [(str(n), *pair) for n, pair in enumerate(zip(first, second, strict=True))]
    else:
        return f"{path}: {str(first)[:200]!r} and {str(second)[:200]!r}"
    for key, one, other in pairs:
        if one != other:
            return _where(one, other, f"{path}/{key}")
    return path


def _row(*cells: str) -> None:
    print("".join(cell.ljust(width) for cell, width in zip(cells, (14, 10, 8, 10), strict=True)))
    sys.stdout.flush()


def main() -> None:
    """Read the arguments, compare, and say whether all is well."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=1000)
    parser.add_argument("--sandbox", default="docker")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="batch-killed-") as name:
        project = find_project()
        outcome = compare(
            project,
            Path(name),
            chosen.submissions,
            project.lab.test_items,
            chosen.sandbox,
            chosen.kills,
            chosen.jobs,
            chosen.seed,
        )
    sys.exit(0 if outcome.well else 1)


if __name__ == "__main__":
    main()
