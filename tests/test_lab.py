"""`lab.toml`: what it says arrives, and what cannot be is refused with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader import lab as lab_module
from grader.errors import ConfigurationError
from grader.lab import Lab, Project, find_project, read_lab


@pytest.fixture
def text(project: Project) -> str:
    return (project.root / "lab.toml").read_text()


def read(folder: Path, text: str) -> Lab:
    path = folder / "lab.toml"
    path.write_text(text)
    return read_lab(path)


def test_the_rubric_is_the_handouts_and_sums_to_100(project: Project) -> None:
    points = {line.id: line.points for line in project.lab.rubric}
    assert points == {
        "structure": 10,
        "full": 15,
        "relu": 10,
        "softmax": 15,
        "cross_entropy": 15,
        "sequential": 15,
        "plots": 10,
        "better_cifar": 10,
    }
    assert sum(points.values()) == 100


def test_the_tested_items_and_their_classes_are_found_from_the_modules(project: Project) -> None:
    assert project.lab.test_items == ("full", "relu", "softmax", "cross_entropy", "sequential")
    assert project.lab.classes == {
        "FullLayer": "layers.full",
        "ReluLayer": "layers.relu",
        "SoftMaxLayer": "layers.softmax",
        "CrossEntropyLayer": "layers.cross_entropy",
        "Sequential": "layers.sequential",
    }


def test_a_line_is_found_by_its_id(project: Project) -> None:
    assert project.lab.line("relu").points == 10
    with pytest.raises(KeyError):
        project.lab.line("tanh")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("points = 15", 'points = "15"', "rubric"),
        ("[suite]", "[suite]\ncolour = 1", "colour"),
        ("seed = 20260901", "", "seed"),
        ('rule = "proportional"', 'rule = "by_mood"', "by_mood"),
        ("[lab]", "[lab", "not a valid lab description"),
        ('id = "relu"', 'id = "full"', "names a rubric item twice"),
        ('item = "relu"', 'item = "tanh"', "belongs to tanh, which the rubric lacks"),
    ],
)
def test_what_cannot_be_is_refused_and_the_message_names_it(
    tmp_path: Path, text: str, old: str, new: str, says: str
) -> None:
    assert old in text
    with pytest.raises(ConfigurationError, match=says) as caught:
        read(tmp_path, text.replace(old, new, 1))
    assert "lab.toml" in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_missing_file_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml could not be read"):
        read_lab(tmp_path / "nowhere.toml")


def test_the_project_is_found_beside_the_package_with_all_its_folders() -> None:
    project = find_project()
    assert project.template.is_dir()
    assert project.public_tests == project.template / "test"
    assert project.hidden_tests.is_dir()


def test_an_installed_package_finds_the_lab_inside_it(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "grader"
    (package / "_lab").mkdir(parents=True)
    (package / "_lab" / "lab.toml").write_text(text)
    monkeypatch.setattr(lab_module, "__file__", str(package / "lab.py"))
    project = find_project()
    assert project.root == package / "_lab"
    assert not project.hidden_tests.exists()


def test_without_a_lab_anywhere_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab_module, "__file__", str(tmp_path / "grader" / "lab.py"))
    with pytest.raises(ConfigurationError, match="Run grader from a full checkout"):
        find_project()


def make_suites(root: Path, lab: Lab) -> Project:
    project = Project(root=root, lab=lab)
    for folder in (project.public_tests, project.hidden_tests):
        folder.mkdir(parents=True)
        (folder / "test_full.py").write_text("x = 1\n")
    return project


def test_the_suites_digest_changes_with_every_file_that_judges(
    tmp_path: Path, project: Project
) -> None:
    small = make_suites(tmp_path, project.lab)
    digests = [small.suite_digest()]
    (small.hidden_tests / "test_full.py").write_text("x = 2\n")
    digests.append(small.suite_digest())
    (small.public_tests / "test_full.py").write_text("x = 2\n")
    digests.append(small.suite_digest())
    (small.hidden_tests / "comparison.py").write_text("")
    digests.append(small.suite_digest())
    (small.hidden_tests / "comparison.py").rename(small.hidden_tests / "compare.py")
    digests.append(small.suite_digest())
    assert len(set(digests)) == 5
    assert all(len(digest) == 64 for digest in digests)


def test_the_suites_digest_does_not_depend_on_what_is_no_test(
    tmp_path: Path, project: Project
) -> None:
    small = make_suites(tmp_path, project.lab)
    before = small.suite_digest()
    (small.hidden_tests / "__pycache__").mkdir()
    (small.hidden_tests / "__pycache__" / "x.pyc").write_bytes(b"\0")
    (small.hidden_tests / "notes.md").write_text("")
    assert small.suite_digest() == before
