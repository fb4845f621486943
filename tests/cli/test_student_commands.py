"""`grader check` and `grader pack`, what students run."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from grader.lab import Project
from grader.sandbox import process

Run = Callable[..., Result]


def test_a_right_folder_passes_its_check(run: Run, right_folder: Path) -> None:
    result = run("check", right_folder)
    assert result.exit_code == 0
    assert "All public checks pass." in result.stdout


def test_a_right_zip_passes_its_check(run: Run, examples: dict[str, Path]) -> None:
    assert run("check", examples["ADA_RIGHT_LAB3.zip"]).exit_code == 0


def test_a_wrong_softmax_is_told_with_what_was_expected_and_what_came(
    run: Run, examples: dict[str, Path]
) -> None:
    result = run("check", examples["SUE_SOFTMAX_LAB3.zip"])
    assert result.exit_code == 1
    assert "FAIL softmax" in result.stdout
    assert "ok   relu" in result.stdout
    for word in ("expected:", "came:", "shape", "hint:"):
        assert word in result.stdout


def test_an_exception_is_told_with_its_file_and_line(run: Run, right_folder: Path) -> None:
    relu = right_folder / "layers" / "relu.py"
    text = relu.read_text().replace("np.maximum(x, 0)", "np.maximun(x, 0)")
    relu.write_text(text)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "maximun" in row)
    result = run("check", right_folder)
    assert result.exit_code == 1
    assert "AttributeError" in result.stdout
    assert f"layers/relu.py, line {line}" in result.stdout


def test_structure_misses_are_told(run: Run, right_folder: Path) -> None:
    (right_folder / "better_cifar.py").unlink()
    result = run("check", right_folder)
    assert result.exit_code == 1
    assert "better_cifar.py" in result.stdout


def test_check_needs_neither_hidden_tests_nor_reference(
    run: Run, right_folder: Path, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "installed"
    installed.mkdir()
    (installed / "lab.toml").write_bytes((project.root / "lab.toml").read_bytes())
    (installed / "student_template").symlink_to(project.template)
    alone = Project(root=installed, lab=project.lab)
    monkeypatch.setattr("grader.cli.check.find_project", lambda: alone)
    assert run("check", right_folder).exit_code == 0


def test_a_missing_folder_is_a_usage_error(run: Run, tmp_path: Path) -> None:
    result = run("check", tmp_path / "gone")
    assert result.exit_code == 2
    assert "gone" in result.stderr


def test_a_broken_zip_is_refused_in_one_sentence(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "JANE_DOE_LAB3.zip"
    broken.write_bytes(b"not a zip")
    result = run("check", broken)
    assert result.exit_code == 1
    assert len(result.stdout.strip().splitlines()) == 1


def test_check_leaves_nothing_behind_in_the_folder(run: Run, right_folder: Path) -> None:
    before = sorted(right_folder.rglob("*"))
    run("check", right_folder)
    assert sorted(right_folder.rglob("*")) == before


def test_check_is_kept_to_the_student_s_machine_by_a_plain_process(
    run: Run, right_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched = []
    original = process.ProcessSandbox.launch

    def launch(self: process.ProcessSandbox, *arguments: object) -> object:
        launched.append(self.kind)
        return original(self, *arguments)  # type: ignore[arg-type]

    # The cases run in a fork, whose list is its own: what counts is that nothing else was asked.
    monkeypatch.setattr(process.ProcessSandbox, "launch", launch)
    monkeypatch.setattr("grader.sandbox.docker.find_docker", None)
    assert run("check", right_folder).exit_code == 0


def test_a_packed_folder_has_full_structure(run: Run, right_folder: Path, tmp_path: Path) -> None:
    packed = run("pack", right_folder, "--first", "Jane", "--last", "Doe", "--out", tmp_path)
    assert packed.exit_code == 0
    archive = tmp_path / "JANE_DOE_LAB3.zip"
    assert packed.stdout.strip() == str(archive)
    graded = run("grade", archive, "--only", "structure")
    assert json.loads(graded.stdout)["score"] == 10


def test_pack_refuses_what_would_lose_points_and_names_it(
    run: Run, right_folder: Path, tmp_path: Path
) -> None:
    (right_folder / "layers" / "softmax.py").unlink()
    result = run("pack", right_folder, "--first", "Jane", "--last", "Doe", "--out", tmp_path)
    assert result.exit_code == 1
    assert "softmax.py" in result.stderr
    assert not (tmp_path / "JANE_DOE_LAB3.zip").exists()


def test_pack_leaves_the_data_set_and_caches_out(
    run: Run, right_folder: Path, tmp_path: Path
) -> None:
    for name in ("cifar-100-python/train", "__pycache__/x.pyc", ".git/config", ".hidden"):
        path = right_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    run("pack", right_folder, "--first", "Jane", "--last", "Doe", "--out", tmp_path)
    with zipfile.ZipFile(tmp_path / "JANE_DOE_LAB3.zip") as archive:
        names = archive.namelist()
    assert all(name.startswith("JANE_DOE_LAB3/") for name in names)
    for part in ("cifar-100-python", "__pycache__", ".git", ".hidden"):
        assert not any(part in name for name in names)


def test_pack_replaces_an_archive_only_when_told(
    run: Run, right_folder: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "JANE_DOE_LAB3.zip"
    archive.write_bytes(b"precious")
    words = ("pack", right_folder, "--first", "Jane", "--last", "Doe", "--out", tmp_path)
    assert run(*words).exit_code == 2
    assert archive.read_bytes() == b"precious"
    assert run(*words, "--overwrite").exit_code == 0
    assert archive.read_bytes() != b"precious"
