"""Makes a class of any size, of which every item was judged, without grading all of it.

A right example and the template are graded once, with short trainings, and what was found is put
into the cache under the keys of copies of them that differ in a comment.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
import numpy as np

from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.manifest import Manifest
from grader.batch.results.cache import ResultCache
from grader.batch.results.content_key import content_keys
from grader.batch.results.reading import reading_of
from grader.batch.runner import Settings, Watcher, grade_batch
from grader.batch.source.enrolment import enrol
from grader.batch.source.handed import read_source
from grader.dataset.store import demo_dataset
from grader.demo import EXAMPLES, example_files, zip_files
from grader.intake import read_archive
from grader.lab import Project
from grader.model import Judged, Outcome
from grader.picture import as_png
from grader.pipeline import Plan, grade
from grader.sandbox.process import ProcessSandbox

SEED = 1
LAB = "LAB3"

Known = list[dict[str, Judged]]
"""What was found of each example, by item."""


def quick_plan(project: Project) -> Plan:
    """Return a plan for all items, on small data, with short trainings of the reference."""
    settings = msgspec.structs.replace(project.lab.baseline, epochs=2, runs=2, hidden=20)
    lab = msgspec.structs.replace(project.lab, baseline=settings)
    items = tuple(line.id for line in lab.rubric)
    quick = msgspec.structs.replace(project, lab=lab)
    return Plan(quick, ProcessSandbox(), SEED, items, demo_dataset())


def write_class(place: Path, plan: Plan, size: int) -> Path:
    """Write a class of right and wrong examples in turn."""
    return write_archives(place, examples(plan.project), size)


def examples(project: Project) -> list[dict[str, bytes]]:
    """Return the files of a right example, with a plot for people to decide on, and a wrong one."""
    right, wrong = (example_files(project, example) for example in EXAMPLES[:2])
    stripes = np.zeros((300, 400, 3), np.uint8)
    stripes[::7] = 255
    return [{**right, "results/plots.png": as_png(stripes)}, wrong]


def keep(archives: Path, plan: Plan, cache: ResultCache, known: Known) -> None:
    """Put what was found of the examples into the cache, for each of their copies."""
    for number, path in enumerate(sorted(archives.iterdir())):
        reading = reading_of(read_archive(path, plan.project.lab))
        judged = known[number % len(known)]
        for item, key in content_keys(reading, plan, plan.items).items():
            cache.save(key, judged[item])


def judge_examples(plan: Plan) -> Known:
    """Grade the examples; return what was found of each by item."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        for files in examples(plan.project):
            path = Path(name) / f"STUDENT_EXAMPLE_{LAB}.zip"
            path.write_bytes(zip_files(files, None))
            graded = grade(path, plan)
            found.append(
                {
                    item.id: Judged(item, {name: graded.artefacts[name] for name in item.artefacts})
                    for item in graded.report.items
                    if item.id in plan.items
                }
            )
    return found


def write_archives(place: Path, kinds: list[dict[str, bytes]], size: int) -> Path:
    """Write so many archives, in turn of each kind, that differ in a comment."""
    folder = place / "archives"
    folder.mkdir()
    for number in range(size):
        files = kinds[number % len(kinds)]
        own = files["layers/relu.py"] + b"# %d\n" % number
        name = "".join(chr(ord("A") + int(digit)) for digit in f"{number:04}")
        data = zip_files({**files, "layers/relu.py": own}, None)
        (folder / f"STUDENT_{name}_{LAB}.zip").write_bytes(data)
    return folder


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
