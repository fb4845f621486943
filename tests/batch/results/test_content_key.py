"""Keys by content: each item's changes with what it depends on, and with nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.batch.results import content_key
from grader.batch.results.cache import ResultCache
from grader.batch.results.content_key import content_keys
from grader.batch.results.reading import reading_of
from grader.checks import layer_tests
from grader.checks.better_cifar.suspicion import large_files, training_files
from grader.checks.plots.check import _candidates
from grader.demo import EXAMPLES, example_files
from grader.lab import Lab, Project
from grader.model import Identity, ItemResult, Judged, Outcome, Submission
from grader.pipeline import Plan
from grader.sandbox.launch import Sandbox


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


def test_another_folder_changes_what_may_write_into_it(project: Project) -> None:
    before = keys(project, submission(project))
    other = msgspec.structs.replace(submission(project), folders=frozenset({"logs"}))
    assert changed(before, keys(project, other)) == {*project.lab.test_items, "better_cifar"}


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


PATHS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "layers/", "results/", "results/more/", "data/", "test/"]),
    st.sampled_from(["a", "better_cifar", "full", ".hidden"]),
    st.sampled_from([".py", ".PY", ".png", ".JPG", ".npz", ".npy", ".json", ".txt", ".ipynb", ""]),
)
SIZES = st.sampled_from([0, 3, (64 << 10) + 1, (128 << 10) + 1])


@given(st.dictionaries(PATHS, SIZES, max_size=4), st.dictionaries(PATHS, SIZES, max_size=4))
def test_submissions_that_a_check_can_tell_apart_have_other_keys(
    project: Project, one: dict[str, int], other: dict[str, int]
) -> None:
    """Each check is given what it looks at, or hands to student code, of both submissions."""
    first, second = (
        Submission(
            "A_B_LAB3.zip",
            "0" * 64,
            Identity("A", "B"),
            {path: bytes([len(path)]) * size for path, size in sizes.items()},
            frozenset(
                str(folder) for path in sizes for folder in [*PurePosixPath(path).parents][:-1]
            ),
        )
        for sizes in (one, other)
    )
    settings = project.lab.better_cifar
    seen: dict[str, Callable[[Submission], object]] = {
        "relu": layer_tests._code_of,
        "plots": lambda it: [(path, it.files[path]) for path in _candidates(it, project)[0]],
        "better_cifar": lambda it: (training_files(it, settings), large_files(it, settings)),
    }
    differ = changed(keys(project, first), keys(project, second))
    for item, look in seen.items():
        assert item in differ or look(first) == look(second)


TESTED = {"full", "relu", "softmax", "cross_entropy", "sequential"}
TRAINED = {"plots", "better_cifar"}
SETTINGS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "lab": ({"name": "LAB4"}, {"structure"}),
    "dataset": ({"classes": 5}, TRAINED),
    "baseline": ({"hidden": 7}, TRAINED),
    "better_cifar": ({"policy": "strict"}, {"better_cifar"}),
    "suite": ({"version": "9"}, TESTED),
    "tolerances": ({"rtol": 0.5}, TESTED),
    "limits": ({"case_seconds": 1.0}, TESTED | TRAINED),
    "training": ({"memory_mib": 9}, TRAINED),
    "intake": ({"entries": 9}, {"structure"}),
}
"""Sections of lab.toml, with a change to each and the items that it can change."""


@pytest.mark.parametrize("section", msgspec.structs.fields(Lab), ids=lambda field: field.name)
def test_a_setting_changes_the_items_that_depend_on_it(
    section: msgspec.structs.FieldInfo, project: Project
) -> None:
    lab, name = project.lab, section.name
    if name in SETTINGS:
        change, items = SETTINGS[name]
        value: Any = msgspec.structs.replace(getattr(lab, name), **change)
    elif name == "spellings":
        value, items = {**lab.spellings, "b": ("bias",)}, {"structure", "better_cifar", *TESTED}
    elif name == "modules":
        value, items = lab.modules[:-1], {"structure", "better_cifar", *TESTED}
    elif name == "rubric":
        line = msgspec.structs.replace(lab.rubric[1], points=1.0)
        value, items = (lab.rubric[0], line, *lab.rubric[2:]), {line.id}
    else:
        assert name == "scoring"  # Points are counted anew for each report.
        value, items = msgspec.structs.replace(lab.scoring, rule="all_or_nothing"), set()
    other = msgspec.structs.replace(project, lab=msgspec.structs.replace(lab, **{name: value}))
    one = submission(project)
    assert changed(keys(project, one), keys(other, one)) == items


def test_another_version_of_what_judges_changes_all_that_it_judges(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = submission(project)
    before = keys(project, one)
    monkeypatch.setattr(np, "__version__", "0.1")
    assert changed(before, keys(project, one)) == set(before) - {"structure"}


def test_another_profile_of_system_calls_changes_what_runs_under_it(
    project_copy: Project, process_sandbox: Sandbox
) -> None:
    one, items = submission(project_copy), ("structure", "relu", "plots", "better_cifar")
    plan = Plan(project_copy, process_sandbox, 1, items)
    before = content_keys(reading_of(one), plan, items)
    (project_copy.root / "docker").mkdir()
    (project_copy.root / "docker" / "seccomp.json").write_text("{}")
    after = content_keys(reading_of(one), plan, items)
    assert changed(before, after) == set(items) - {"structure"}


def test_another_picture_in_the_template_changes_the_plots_alone(project_copy: Project) -> None:
    before = keys(project_copy, submission(project_copy))
    (project_copy.template / "results" / "given.png").write_bytes(b"x")
    content_key._given_pictures.cache_clear()  # As in another process.
    assert changed(before, keys(project_copy, submission(project_copy))) == {"plots"}


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
    (tmp_path / "cd").mkdir()  # As earlier versions left them.
    assert cache.prune(days=-1) == 1
    assert cache.load("ab" * 32) is None
    assert not list(tmp_path.iterdir())


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
