"""Trainings in a batch: apart from short items, and with the reference trained once for all."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.manifest import Manifest
from grader.batch.results.cache import ResultCache
from grader.batch.runner import Settings, Watcher, grade_batch
from grader.batch.source.handed import Handed
from grader.dataset.store import demo_dataset
from grader.demo import EXAMPLES, example_files, zip_files
from grader.lab import Project
from grader.model import ItemResult, Outcome, Report
from grader.picture import as_png
from grader.pipeline import Plan, grade
from grader.sandbox.launch import Sandbox

SCRIPT = b"""
import numpy as np
from layers import CrossEntropyLayer, FullLayer, ReluLayer, Sequential, SoftMaxLayer
from layers.dataset import cifar100

np.random.seed(3)
(x, y), (x_test, y_test) = cifar100(1)
layers = [FullLayer(3072, 30), ReluLayer(), FullLayer(30, y.shape[1]), SoftMaxLayer()]
network = Sequential(layers, CrossEntropyLayer())
network.fit(x, y, epochs=3, lr=0.05)
"""


@pytest.fixture
def quick(project: Project, process_sandbox: Sandbox) -> Plan:
    """Return a plan for the two items that need the reference, with short runs of it."""
    settings = msgspec.structs.replace(project.lab.baseline, epochs=2, runs=2, hidden=20)
    lab = msgspec.structs.replace(project.lab, baseline=settings)
    changed = msgspec.structs.replace(project, lab=lab)
    return Plan(changed, process_sandbox, 5, ("plots", "better_cifar"), demo_dataset())


def timeless(report: Report) -> list[tuple[ItemResult, list[str]]]:
    """Return the items, and what staff is told of them but for the seconds."""
    told = [line for item in report.items for case in item.cases for line in case.diagnostics]
    items = [msgspec.structs.replace(item, cases=()) for item in report.items]
    return [(item, [line for line in told if not line.startswith("script: ")]) for item in items]


def test_students_with_one_number_share_the_reference_and_get_what_grade_gives(
    quick: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = quick.dataset
    assert data is not None
    assert data.digest
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "runs"))
    handed = []
    for n, key in enumerate("AB"):
        picture = np.random.default_rng(n).integers(0, 255, (60, 80, 3), np.uint8)
        files = {
            **example_files(quick.project, EXAMPLES[0]),
            "better_cifar.py": SCRIPT + f"# {key}\n".encode(),
            "results/loss.png": as_png(picture),
        }
        path = tmp_path / f"JANE_{key}_LAB3.zip"
        path.write_bytes(zip_files(files, None))
        handed.append(Handed(key, path, path.name))
    manifest = Manifest(
        source=tmp_path, sandbox="process", items=tuple(quick.items), seed=5, handed=tuple(handed)
    )
    folder, cache = BatchFolder(tmp_path / "out"), ResultCache(tmp_path / "cache")
    entries = grade_batch(manifest, quick, folder, cache, Settings(2), Watcher())
    assert [entry.key for entry in entries] == ["A", "B"]
    # The baseline's two runs and the curves' three have one in common.
    assert len(list((tmp_path / "runs").rglob("baseline/*.json"))) == 4
    for entry, one in zip(entries, handed, strict=True):
        assert entry.report is not None
        whole = folder.read(entry.key)
        alone = grade(one.path, quick, one.name).report
        assert timeless(whole) == timeless(alone)
        assert (entry.report.score, entry.report.provisional) == (alone.score, alone.provisional)
        items = {item.id: item for item in whole.items}
        assert items["plots"].outcome is Outcome.NEEDS_REVIEW
        assert "baseline: " in " ".join(items["better_cifar"].cases[0].diagnostics)
        assert not any(item.pending for item in entry.report.items)
        assert (folder.artefacts_path(entry.key) / "plots" / "reference.png").stat().st_size > 1000
    kept = json.loads(folder.report_path("A").read_bytes())
    assert "plots/reference.png" in kept["items"][6]["artefacts"]
