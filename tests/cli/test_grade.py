"""`grader grade` from its arguments to its report and exit code."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from grader.checks.better_cifar import Exam
from grader.dataset.store import demo_dataset
from grader.errors import NoSandboxError
from grader.lab import Project
from grader.model import ItemResult, Judged, Outcome
from grader.overrides import Override, write_overrides
from grader.sandbox import choice

Run = Callable[..., Result]
PROCESS = ("--sandbox", "process")
STEMS = ("ADA_RIGHT_LAB3", "TIM_TEMPLATE_LAB3")


def items_of(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["id"]: item for item in document["items"]}


def test_one_archive_gives_its_report_on_stdout_and_a_table_on_stderr(
    run: Run, examples: dict[str, Path]
) -> None:
    result = run("grade", examples["ADA_RIGHT_LAB3.zip"], *PROCESS, "--only", "structure,relu")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["schema"] == "grader-report/1"
    assert document["submission"]["first_name"] == "ADA"
    assert items_of(document)["relu"]["points"] == 10
    assert document["score"] == 20
    assert "relu" in result.stderr
    assert "does not isolate" in result.stderr


def test_items_may_be_asked_for_one_option_each(run: Run, examples: dict[str, Path]) -> None:
    only = ("--only", "structure", "--only", "relu, softmax")
    result = run("grade", examples["ADA_RIGHT_LAB3.zip"], *PROCESS, *only)
    assert json.loads(result.stdout)["score"] == 35


def test_out_takes_a_report_for_each_archive(
    run: Run, examples: dict[str, Path], tmp_path: Path
) -> None:
    archives = [examples[f"{stem}.zip"] for stem in STEMS]
    result = run("grade", *archives, "--out", tmp_path / "reports", *PROCESS, "--only", "structure")
    assert result.exit_code == 0
    assert result.stdout == ""
    found = sorted(path.name for path in (tmp_path / "reports").iterdir())
    assert found == [f"{name}{end}" for name in STEMS for end in (".html", ".json")]
    assert "Tim Template" in (tmp_path / "reports" / "TIM_TEMPLATE_LAB3.html").read_text()


def test_an_archive_whose_name_is_no_text_here_is_graded_under_what_windows_called_it(
    run: Run, examples: dict[str, Path], tmp_path: Path
) -> None:
    name = os.fsdecode("RIGHT_ADÉ_LAB3.zip".encode("cp437"))
    shutil.copy(examples["ADA_RIGHT_LAB3.zip"], tmp_path / name)
    result = run("grade", tmp_path / name, *PROCESS, "--only", "structure")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["submission"]["archive"] == "RIGHT_ADÉ_LAB3.zip"


def test_what_was_not_asked_for_is_not_run_and_the_score_says_so(
    run: Run, examples: dict[str, Path]
) -> None:
    result = run("grade", examples["ADA_RIGHT_LAB3.zip"], "--only", "structure")
    document = json.loads(result.stdout)
    item = items_of(document)["softmax"]
    assert (item["outcome"], item["points"]) == ("NOT_RUN", None)
    assert "softmax" in document["score_note"]


def test_a_machine_without_data_grades_the_rest_and_says_so(
    run: Run, examples: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIFAR100_DIR", str(tmp_path))
    result = run("grade", examples["ADA_RIGHT_LAB3.zip"], *PROCESS)
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert items_of(document)["better_cifar"]["outcome"] == "NOT_RUN"
    assert "better_cifar" in document["score_note"]
    assert "grader data fetch" in result.stderr
    assert document["score"] == 80


def test_training_and_plots_are_graded_where_there_are_data_and_a_person_completes_them(
    run: Run, examples: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIFAR100_DIR", str(demo_dataset().folder))
    only = ("--only", "plots,better_cifar", "--out", tmp_path)
    archive = examples["ADA_RIGHT_LAB3.zip"]
    assert run("grade", archive, *PROCESS, *only).exit_code == 0
    report = tmp_path / "ADA_RIGHT_LAB3.json"
    document = json.loads(report.read_bytes())
    assert (document["score"], document["provisional"]) == (10, True)
    pictures = sorted(path.name for path in (tmp_path / "ADA_RIGHT_LAB3.files").rglob("*.png"))
    assert pictures == ["reference.png", "student-1.png", "student-2.png"]

    sha = document["submission"]["sha256"]
    decision = Override(sha, "plots", 9.0, "Ada", "2026-11-24T10:00:00+01:00", "no labels")
    write_overrides(tmp_path / "overrides.json", [decision])
    assert run("grade", archive, *PROCESS, *only, "--overrides", tmp_path / "overrides.json")
    document = json.loads(report.read_bytes())
    assert (document["score"], document["provisional"]) == (19, False)
    assert items_of(document)["plots"]["decision"]["who"] == "Ada"


def test_the_student_audience_sees_no_diagnostics_and_no_output(
    run: Run, examples: dict[str, Path]
) -> None:
    archive = examples["SUE_SOFTMAX_LAB3.zip"]
    result = run("grade", archive, *PROCESS, "--only", "softmax", "--audience", "student")
    cases = items_of(json.loads(result.stdout))["softmax"]["cases"]
    assert any(case["outcome"] == "FAILED" for case in cases)
    assert all(case["diagnostics"] == [] for case in cases)
    staff = run("grade", archive, *PROCESS, "--only", "softmax")
    staff_cases = items_of(json.loads(staff.stdout))["softmax"]["cases"]
    assert any(case["diagnostics"] for case in staff_cases)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"this is no zip", "zip", id="not a zip"),
        pytest.param(b"", "empty", id="an empty file"),
    ],
)
def test_an_archive_that_cannot_be_read_waits_for_a_person(
    run: Run, tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "JANE_DOE_LAB3.zip"
    path.write_bytes(content)
    result = run("grade", path, *PROCESS)
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["score"] is None
    assert items_of(document)["structure"]["outcome"] == "NEEDS_REVIEW"
    assert said in items_of(document)["structure"]["feedback"][0]
    assert "Traceback" not in result.output


@pytest.mark.parametrize("name", ["../escaped.py", "/tmp/escaped.py", "link"])
def test_an_archive_that_reaches_outside_is_refused_and_the_others_are_graded(
    run: Run, examples: dict[str, Path], tmp_path: Path, name: str
) -> None:
    hostile = tmp_path / "EVE_EVIL_LAB3.zip"
    with zipfile.ZipFile(hostile, "w") as archive:
        entry = zipfile.ZipInfo(name)
        if name == "link":
            entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    out = tmp_path / "reports"
    before = set(tmp_path.rglob("*"))
    good = examples["ADA_RIGHT_LAB3.zip"]
    result = run("grade", hostile, good, "--out", out, "--only", "structure")
    assert result.exit_code == 1
    written = {path for path in set(tmp_path.rglob("*")) - before if path.is_file()}
    names = ("EVE_EVIL_LAB3", "ADA_RIGHT_LAB3")
    assert written == {out / f"{name}.{kind}" for name in names for kind in ("json", "html")}
    assert json.loads((out / "EVE_EVIL_LAB3.json").read_bytes())["score"] is None
    assert json.loads((out / "ADA_RIGHT_LAB3.json").read_bytes())["score"] == 10


def test_a_missing_archive_is_named_and_the_others_are_graded(
    run: Run, examples: dict[str, Path], tmp_path: Path
) -> None:
    good, out = examples["ADA_RIGHT_LAB3.zip"], tmp_path / "reports"
    result = run("grade", tmp_path / "gone.zip", good, "--out", out, "--only", "structure")
    assert result.exit_code == 1
    assert "gone.zip" in result.stderr
    assert (out / "ADA_RIGHT_LAB3.json").exists()
    assert not (out / "gone.json").exists()


def test_an_unreadable_archive_is_named(run: Run, tmp_path: Path) -> None:
    # Root may read whatever its mode is, but nobody can read below a file.
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "JANE_DOE_LAB3.zip"
    result = run("grade", path, "--only", "structure")
    assert result.exit_code == 1
    assert "JANE_DOE_LAB3.zip" in result.stderr
    assert "Traceback" not in result.output


def test_a_folder_in_place_of_an_archive_is_named(run: Run, tmp_path: Path) -> None:
    result = run("grade", tmp_path, "--only", "structure")
    assert result.exit_code == 1
    assert str(tmp_path) in result.stderr


def test_two_archives_without_out_are_a_usage_error(run: Run, examples: dict[str, Path]) -> None:
    result = run("grade", *list(examples.values())[:2])
    assert result.exit_code == 2
    assert "--out" in result.stderr


def test_two_archives_of_one_name_do_not_overwrite_each_others_report(
    run: Run, tmp_path: Path
) -> None:
    result = run("grade", "a/X_Y_LAB3.zip", "b/x_y_lab3.zip", "--out", tmp_path)
    assert result.exit_code == 2
    assert "Two archives" in result.stderr


def test_an_unknown_item_is_a_usage_error_that_names_the_known(
    run: Run, examples: dict[str, Path]
) -> None:
    result = run("grade", examples["ADA_RIGHT_LAB3.zip"], "--only", "sofmax")
    assert result.exit_code == 2
    assert "sofmax" in result.stderr
    assert "softmax" in result.stderr


def test_without_any_sandbox_grading_stops_with_exit_code_3_and_says_how_to_get_one(
    run: Run, examples: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise NoSandboxError("There is none.", "Install one.")

    monkeypatch.setattr(choice, "find_docker", none)
    monkeypatch.setattr(choice, "probe_bubblewrap", none)
    result = run("grade", examples["ADA_RIGHT_LAB3.zip"])
    assert result.exit_code == 3
    assert "Install one." in result.stderr
    assert result.stdout == ""


def test_an_out_folder_that_cannot_be_made_is_named(
    run: Run, examples: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "reports"
    result = run("grade", examples["ADA_RIGHT_LAB3.zip"], "--out", out, "--only", "structure")
    assert result.exit_code == 1
    assert str(out) in result.stderr


def test_the_class_list_says_which_number_a_script_is_held_to(
    run: Run, examples: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_to = []

    def judge(_: object, project: Project, __: object, exam: Exam, ___: object) -> Judged:
        held_to.append(exam.student_seed)
        line = project.lab.line("better_cifar")
        return Judged(ItemResult(line.id, line.description, line.points, Outcome.PASSED))

    monkeypatch.setattr("grader.checks.better_cifar.check_better_cifar", judge)
    monkeypatch.setenv("CIFAR100_DIR", str(demo_dataset().folder))
    roster = tmp_path / "students.csv"
    roster.write_text('name,student id\n"Right, Ada",4711\n')
    archives = [examples["ADA_RIGHT_LAB3.zip"], examples["TIM_TEMPLATE_LAB3.zip"]]
    more = ("--only", "better_cifar", "--out", tmp_path, "--roster", roster)
    result = run("grade", *archives, *PROCESS, *more)
    assert held_to == [4711, None], result.stderr
    assert '"TIM_TEMPLATE_LAB3.zip") has no number from the class list' in result.stderr


def test_a_mistake_in_the_class_list_is_named_before_anything_is_graded(
    run: Run, examples: dict[str, Path], tmp_path: Path
) -> None:
    roster = tmp_path / "students.csv"
    roster.write_text("name,student id\nAda Right,x\n")
    result = run("grade", examples["ADA_RIGHT_LAB3.zip"], *PROCESS, "--roster", roster)
    assert result.exit_code == 2
    assert "line 2" in result.stderr
    assert result.stdout == ""
