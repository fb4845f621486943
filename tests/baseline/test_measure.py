"""The baseline: trained by the reference on what the script gets, and kept."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from grader.baseline import measure
from grader.baseline.measure import Job, Run, measure_baseline, measure_curves
from grader.dataset.split import Split, make_split
from grader.dataset.store import demo_dataset
from grader.errors import GraderError
from grader.lab import Project


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(measure, "cache_folder", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def quick(project: Project) -> Project:
    settings = msgspec.structs.replace(project.lab.baseline, epochs=2, runs=2, hidden=20)
    lab = msgspec.structs.replace(project.lab, baseline=settings)
    return msgspec.structs.replace(project, lab=lab)


def split(project: Project, seed: int = 1) -> Split:
    return make_split(project.lab, demo_dataset(), seed, 7)


def test_each_run_has_other_first_weights(cache: Path, quick: Project) -> None:
    found = measure_baseline(quick, split(quick), lambda done, of: None)
    assert len({run.losses for run in found.runs}) == 2
    assert all(len(run.losses) == 2 for run in found.runs)
    assert found.mean == pytest.approx(sum(run.accuracy for run in found.runs) / 2)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Every training that is really run."""
    real, jobs = measure._trained, []

    def counting(project: Project, split: Split, job: Job) -> Run:
        jobs.append(job)
        return real(project, split, job)

    monkeypatch.setattr(measure, "_trained", counting)
    return jobs


def test_what_was_measured_is_not_measured_again(
    cache: Path, quick: Project, trained: list[Job]
) -> None:
    seen: list[int] = []
    first = measure_baseline(quick, split(quick), lambda done, of: seen.append(done))
    assert measure_baseline(quick, split(quick), lambda done, of: None) == first
    assert seen == [0, 1, 2]
    assert len(trained) == 2


def test_two_graders_at_the_same_moment_train_once(
    cache: Path, quick: Project, trained: list[Job]
) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(measure_baseline, quick, split(quick), lambda done, of: None)
            for _ in range(2)
        ]
    assert both[0].result() == both[1].result()
    assert len(trained) == 2


def test_a_kept_run_that_is_damaged_is_measured_again(cache: Path, quick: Project) -> None:
    first = measure_baseline(quick, split(quick), lambda done, of: None)
    for path in cache.rglob("*.json"):
        path.write_bytes(path.read_bytes()[:20])
    assert measure_baseline(quick, split(quick), lambda done, of: None) == first


def test_other_data_are_measured_for_themselves(cache: Path, quick: Project) -> None:
    one, other = (measure_baseline(quick, split(quick, s), lambda done, of: None) for s in (1, 2))
    assert one != other


def test_a_learning_rate_of_ten_diverges_and_is_kept_as_it_is(cache: Path, quick: Project) -> None:
    settings = msgspec.structs.replace(quick.lab.baseline, epochs=15)
    lab = msgspec.structs.replace(quick.lab, baseline=settings)
    project = msgspec.structs.replace(quick, lab=lab)
    for _ in range(2):
        runs = measure_curves(project, split(project), lambda done, of: None)
        assert [run.job.lr for run in runs] == [0.1, 0.01, 10.0]
        assert runs[0].losses[-1] < runs[0].losses[0]
        assert math.isfinite(runs[2].losses[-1]) is False or runs[2].losses[-1] > 1


def test_a_reference_that_cannot_be_trained_is_an_error_of_ours(
    cache: Path, quick: Project, tmp_path: Path
) -> None:
    elsewhere = msgspec.structs.replace(quick, root=tmp_path / "checkout")
    (tmp_path / "checkout" / "reference").mkdir(parents=True)
    (tmp_path / "checkout" / "reference" / "train_given.py").write_text("raise SystemExit('no')")
    with pytest.raises(GraderError, match="could not be trained with the reference: no"):
        measure_baseline(elsewhere, split(quick), lambda done, of: None)


def test_the_demo_s_data_are_as_hard_for_the_given_network_as_real_ones(
    cache: Path, project: Project
) -> None:
    means = [
        measure_baseline(project, split(project, seed), lambda done, of: None).mean
        for seed in range(1, 7)
    ]
    assert 0.5 < sum(means) / len(means) < 0.75, means
