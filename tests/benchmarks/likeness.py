"""How alike independent solutions and disguised copies are, and what comparing a class costs.

Run from the checkout: `python -m tests.benchmarks.likeness`. The shares are exact; of the times,
the ratio to reading the same archives is what can be trusted.
"""

from __future__ import annotations

import random
import time
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

from grader.batch.likeness.code import THRESHOLD, alike_pairs
from grader.batch.likeness.fingerprint import Hashes, Work, template_hashes
from grader.demo import zip_files
from grader.intake import Rejection, read_archive
from grader.lab import find_project
from grader.suite.implementations import right_solution
from tests.batch.likeness.conftest import SOLUTIONS, Files, template_of, work_of
from tests.batch.likeness.test_code import DISGUISES, share

CLASS = 300


def main() -> None:
    """Print all of it."""
    project = find_project()
    known = template_hashes(template_of(project))
    styles: dict[str, Files] = {
        folder.name: {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*.py"))
        }
        for folder in sorted(SOLUTIONS.iterdir())
    }
    whole = {**styles, "reference": right_solution(project)}
    works = [work_of(key, files, known) for key, files in whole.items()]
    honest = sorted(((share(a, b), a.key, b.key) for a, b in combinations(works, 2)), reverse=True)
    print(f"threshold {THRESHOLD:.2f}")
    print(f"independent solutions: {len(works)}; the most alike of {len(honest)} pairs:")
    for shared, one, other in honest[:3]:
        print(f"  {shared:.2f}  {one}, {other}")
    for disguise in DISGUISES:
        shares = [
            share(
                work_of("", files, known),
                work_of("", {p: disguise(d.decode()).encode() for p, d in files.items()}, known),
            )
            for files in styles.values()
        ]
        print(f"copies {disguise.__name__.replace('_', ' ')}: {min(shares):.2f} and more")
    with TemporaryDirectory() as folder:
        _time(Path(folder), styles, template_of(project), known)


def _time(folder: Path, styles: dict[str, Files], template: Files, known: Hashes) -> None:
    """Compare a class whose members take each file from another solution."""
    project = find_project()
    rng = random.Random(1)
    paths = sorted(styles["plain"])
    archives = []
    for number in range(CLASS):
        files = {path: styles[rng.choice(sorted(styles))][path] for path in paths}
        archives.append(folder / f"S{number}_LAB3.zip")
        archives[-1].write_bytes(zip_files({**template, **files}, None))
    given = set(template.values())
    started = time.process_time()
    read = [read_archive(path, project.lab) for path in archives]
    reading = time.process_time() - started
    started = time.process_time()
    works: list[Work] = []
    for one in read:
        assert not isinstance(one, Rejection)
        code = {p: d for p, d in one.files.items() if p.endswith(".py") and d not in given}
        works.append(work_of(one.archive, code, known))
    found = alike_pairs([work.short for work in works])
    comparing = time.process_time() - started
    print(
        f"{CLASS} submissions, {found.number} pairs listed: comparing takes "
        f"{comparing / reading:.1f} times the CPU of reading the archives "
        f"({1000 * comparing / CLASS:.0f} ms each here)"
    )


if __name__ == "__main__":
    main()
