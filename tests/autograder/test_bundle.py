"""autograder.zip: what Gradescope needs is in it, and nothing that depends on this machine."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from grader.autograder.bundle import bundle, needed_names, needed_of
from grader.autograder.settings import Settings
from grader.autograder.settled import write_settled
from grader.cli.main import main
from grader.lab import Project

SETTINGS = Settings(("structure", "relu"), 7)


@pytest.fixture(scope="module")
def zipped(project: Project) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(bundle(project, SETTINGS)))


def test_the_scripts_stand_at_the_top_and_can_be_run(zipped: zipfile.ZipFile) -> None:
    for name in ("setup.sh", "run_autograder"):
        assert zipped.getinfo(name).external_attr >> 16 & 0o111
        assert zipped.read(name).startswith(b"#!/usr/bin/env bash\n")
    assert json.loads(zipped.read("autograder.json")) == {"items": ["structure", "relu"], "seed": 7}


def test_what_grading_reads_is_in_it_and_the_solution_s_bugs_are_not(
    zipped: zipfile.ZipFile,
) -> None:
    names = set(zipped.namelist())
    assert {
        "lab.toml",
        "docker/requirements.lock",
        "docker/seccomp.json",
        "hidden_tests/test_relu.py",
        "reference/layers/relu.py",
        "student_template/test/test_relu.py",
        "grader/autograder/run.py",
        "grader/report/templates/student.html",
    } <= names
    assert not any("/bugs/" in name or "__pycache__" in name for name in names)


def test_the_lock_is_cut_to_what_runs(project: Project, zipped: zipfile.ZipFile) -> None:
    lock = zipped.read("requirements.lock").decode()
    for name in ("click", "msgspec", "numpy", "pytest", "pyyaml"):
        assert f"\n{name}==" in f"\n{lock}"
    assert "mypy==" not in lock
    assert "hypothesis==" not in lock
    whole = (project.root / "requirements.lock").read_text()
    assert all(line in whole.splitlines() for line in lock.splitlines())
    assert lock.count("--hash=sha256:") > len(needed_names()) / 2


def test_a_lock_s_stanza_is_kept_whole() -> None:
    lock = "# head\na-b==1 \\\n    --hash=x\n    # via c\nc==2 \\\n    --hash=y\n"
    assert needed_of(lock, frozenset({"a-b"})) == "a-b==1 \\\n    --hash=x\n    # via c\n"


def test_the_same_sources_give_the_same_bytes(project: Project) -> None:
    assert bundle(project, SETTINGS) == bundle(project, SETTINGS)


def test_results_that_are_settled_are_handed_out_by_number() -> None:
    buffer = io.BytesIO()
    write_settled(buffer, [("17", b"{}")])
    archive = zipfile.ZipFile(buffer)
    assert archive.namelist() == ["setup.sh", "run_autograder", "results/17.json"]


Run = Callable[..., Result]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--only", "nothing"), "which the rubric lacks"),
        (("--wheels", "."), "holds no wheels"),
        (("--roster", "none.csv"), "cannot be read"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "autograder.zip"
    words = ["export", "gradescope-autograder", "--out", str(out), *more]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not out.exists()
