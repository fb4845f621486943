"""Keys by content: each item's changes with what it depends on, and with nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from grader.batch.results.cache import ResultCache
from grader.batch.results.content_key import content_keys
from grader.batch.results.reading import reading_of
from grader.demo import EXAMPLES, example_files
from grader.lab import Project
from grader.model import Identity, ItemResult, Judged, Outcome, Submission
from grader.pipeline import Plan


@pytest.fixture
def project_copy(project: Project, tmp_path: Path) -> Project:
    """A checkout whose tests can be changed."""
    for name in ("hidden_tests", "student_template", "reference"):
        shutil.copytree(project.root / name, tmp_path / name)
    return msgspec.structs.replace(project, root=tmp_path)


def submission(project: Project, **changes: bytes) -> Submission:
    files = example_files(project, EXAMPLES[0])
    files.update({path.replace("__", "/"): data for path, data in changes.items()})
    return Submission("A_B_LAB3.zip", "0" * 64, Identity("A", "B"), files)


def keys(project: Project, one: Submission, seed: int = 1) -> dict[str, str]:
    items = [line.id for line in project.lab.rubric]
    plan = Plan(project, None, seed, items)
    return content_keys(reading_of(one), plan, items)


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {item for item in before if before[item] != after[item]}


def test_the_same_content_has_the_same_keys(project: Project) -> None:
    assert keys(project, submission(project)) == keys(project, submission(project))


def test_a_changed_softmax_test_changes_softmax_alone(project_copy: Project) -> None:
    before = keys(project_copy, submission(project_copy))
    with (project_copy.hidden_tests / "test_softmax.py").open("a") as file:
        file.write("# changed\n")
    assert changed(before, keys(project_copy, submission(project_copy))) == {"softmax"}


def test_a_changed_helper_of_the_tests_changes_all_items_with_tests(project_copy: Project) -> None:
    before = keys(project_copy, submission(project_copy))
    with (project_copy.hidden_tests / "comparison.py").open("a") as file:
        file.write("# changed\n")
    after = keys(project_copy, submission(project_copy))
    assert changed(before, after) == set(project_copy.lab.test_items)


def test_a_changed_plot_changes_the_plots_alone(project: Project) -> None:
    before = keys(project, submission(project))
    after = keys(project, submission(project, **{"results__loss.png": b"x"}))
    assert changed(before, after) == {"plots"}


def test_a_changed_layer_changes_what_runs_it(project: Project) -> None:
    before = keys(project, submission(project))
    after = keys(project, submission(project, **{"layers__relu.py": b"x"}))
    assert changed(before, after) == {*project.lab.test_items, "better_cifar"}


def test_another_seed_changes_all_but_the_structure(project: Project) -> None:
    one = submission(project)
    rubric = {line.id for line in project.lab.rubric}
    assert changed(keys(project, one), keys(project, one, seed=2)) == rubric - {"structure"}


def test_another_number_of_the_student_s_changes_what_uses_the_data(project: Project) -> None:
    one = submission(project)
    plan = Plan(project, None, 1, [line.id for line in project.lab.rubric])
    other = msgspec.structs.replace(plan, student_seed=7)
    after = content_keys(reading_of(one), other, plan.items)
    assert changed(keys(project, one), after) == {"plots", "better_cifar"}


# The cache


def judged(outcome: Outcome = Outcome.PASSED) -> Judged:
    result = ItemResult("plots", "", 10.0, outcome, artefacts=("plots/a.png",))
    return Judged(result, {"plots/a.png": b"picture"})


def test_a_result_comes_back_as_it_was(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path)
    cache.save("ab" * 32, judged())
    assert cache.load("ab" * 32) == judged()
    assert cache.load("cd" * 32) is None


@pytest.mark.parametrize("outcome", [Outcome.GRADER_ERROR, Outcome.NOT_RUN])
def test_what_says_nothing_about_the_submission_is_not_kept(
    tmp_path: Path, outcome: Outcome
) -> None:
    cache = ResultCache(tmp_path)
    cache.save("ab" * 32, judged(outcome))
    assert cache.load("ab" * 32) is None


def test_a_damaged_result_is_as_none(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path)
    cache.save("ab" * 32, judged())
    (damaged,) = (path for path in tmp_path.rglob("*") if path.is_file())
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert cache.load("ab" * 32) is None


def test_a_result_and_a_part_of_the_same_key_are_kept_apart(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path)
    cache.save_part("ab" * 32, b"part")
    assert cache.load("ab" * 32) is None
    cache.save("ab" * 32, judged())
    assert cache.load_part("ab" * 32) == b"part"


def test_stats_count_and_prune_removes_what_is_old(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path)
    cache.save("ab" * 32, judged())
    assert cache.stats().results == 1
    assert cache.prune(days=1) == 0
    assert cache.prune(days=-1) == 1
    assert cache.load("ab" * 32) is None


def test_a_file_that_another_removes_meanwhile_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = ResultCache(tmp_path)
    for key in ("a", "b"):
        cache.save_part(key * 64, b"training")
    listed = Path.rglob

    def then_one_goes(folder: Path, pattern: str) -> list[Path]:
        found = sorted(listed(folder, pattern))
        found[-1].unlink()
        return found

    monkeypatch.setattr(Path, "rglob", then_one_goes)
    assert cache.stats().bytes == len(b"training")
