"""The wheel that students may install: what is in it, and that it works without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from grader.demo import EXAMPLES, example_files
from grader.lab import Project


@pytest.fixture(scope="module")
def wheel(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, with what is installed and no network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=project.root,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a folder of its own; its dependencies are those of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"),
            *("--disable-pip-version-check", "--target", str(folder), str(wheel)),
        ],
        check=True,
        capture_output=True,
    )
    return folder


def grader(installed: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the installed console script, outside the checkout."""
    return in_folder(installed, installed / "bin" / "grader", *arguments)


def in_folder(installed: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        cwd=installed,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def right_folder(project: Project, tmp_path: Path) -> Path:
    for name, content in example_files(project, EXAMPLES[0]).items():
        target = tmp_path / "my-lab" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return tmp_path / "my-lab"


def test_the_wheel_holds_the_lab_and_its_public_tests(wheel: Path, project: Project) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "grader/_lab/lab.toml" in names
    for item in project.lab.test_items:
        assert f"grader/siblings/test_{item}.py" in names
        assert f"grader/_lab/student_template/test/test_{item}.py" in names
    assert "grader/siblings/conftest.py" in names
    assert "grader/service/templates/sheet.html" in names
    assert "grader/service/static/review.js" in names
    for file in ("base.html", "student.html", "class.html", "style.css", "page.js"):
        assert f"grader/report/templates/{file}" in names


def test_the_wheel_holds_neither_the_solution_nor_a_hidden_test(
    wheel: Path, project: Project
) -> None:
    archive = zipfile.ZipFile(wheel)
    assert not [
        name for name in archive.namelist() if {"hidden_tests", "reference"} & {*name.split("/")}
    ]
    contents = {archive.read(name) for name in archive.namelist()}
    secret = [*project.hidden_tests.rglob("*.*"), *(project.root / "reference").rglob("*.py")]
    assert len(secret) > 10
    # What the template has from the reference as it is, such as dataset.py, is no secret.
    public = {path.read_bytes() for path in project.template.rglob("*.py")}
    for path in secret:
        if "__pycache__" not in path.parts and path.read_bytes() not in public:
            assert path.read_bytes() not in contents, path


def test_what_is_tested_here_is_the_wheel_and_not_the_checkout(installed: Path) -> None:
    result = in_folder(installed, sys.executable, "-c", "import grader; print(grader.__file__)")
    assert Path(result.stdout.strip()).is_relative_to(installed)


def test_an_installed_wheel_checks_a_folder_without_the_checkout(
    installed: Path, right_folder: Path
) -> None:
    result = grader(installed, "check", right_folder)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "All public checks pass." in result.stdout


def test_an_installed_wheel_runs_siblings(installed: Path, right_folder: Path) -> None:
    words = ("check", "--case", "softmax/large-logits", "--seed", "7", right_folder)
    right = grader(installed, *words)
    assert right.returncode == 0, right.stdout + right.stderr
    softmax = right_folder / "layers" / "softmax.py"
    source = softmax.read_text()
    unstable = source.replace("x - np.max(x, axis=1, keepdims=True)", "x")
    assert unstable != source
    softmax.write_text(unstable)
    wrong = grader(installed, *words)
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr
    assert "Subtract the largest score" in wrong.stdout


def test_an_installed_wheel_cannot_grade_with_hidden_tests_it_does_not_have(
    installed: Path, right_folder: Path
) -> None:
    result = grader(installed, "grade", right_folder, "--sandbox", "process")
    assert result.returncode == 2
    assert "no hidden tests" in result.stderr
