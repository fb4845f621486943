"""Whole submissions, from the archive to the report, in every sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grader.demo import EXAMPLES, example_files, zip_files
from grader.errors import GraderError
from grader.lab import Limits, Project
from grader.model import Audience, ItemResult, Outcome, Report
from grader.pipeline import Plan, grade
from grader.report.json_report import to_json
from grader.sandbox.launch import Launched, Sandbox

SEED = 7
NAME = "ADA_RIGHT_LAB3"
RIGHT, TEMPLATE = EXAMPLES[0], EXAMPLES[1]

BROKEN_SOFTMAX = {
    "wrong mathematics": ("np.sum(exponentials, axis=1", "np.sum(exponentials, axis=0"),
    "a syntax error": ("class SoftMaxLayer:", "class SoftMaxLayer(:"),
    "an exception on import": ("class SoftMaxLayer:", "1 / 0\n\n\nclass SoftMaxLayer:"),
}


class BrokenSandbox:
    """A sandbox whose daemon is gone."""

    kind = "broken"
    isolated = True
    uid: int | None = None

    def __init__(self) -> None:
        self.mechanisms = {"memory_mib": "none"}

    def runtime_digest(self) -> str | None:
        return None

    def remove_leftovers(self) -> list[str]:
        raise GraderError("The daemon is gone.", "Start it.")

    def launch(self, bridge: Path, token: str, limits: Limits) -> Launched:
        raise GraderError("The daemon is gone.", "Start it.")


def write_archive(files: Mapping[str, bytes], folder: Path) -> Path:
    archive = folder / f"{NAME}.zip"
    archive.write_bytes(zip_files(files, NAME))
    return archive


def graded(
    files: Mapping[str, bytes], project: Project, sandbox: Sandbox, folder: Path, seed: int = SEED
) -> Report:
    """Grade an archive of these files, on everything."""
    items = [line.id for line in project.lab.rubric]
    return grade(write_archive(files, folder), Plan(project, sandbox, seed, items))


def points_of(report: Report) -> dict[str, float | None]:
    return {item.id: item.points for item in report.items}


def cases_of(report: Report) -> list[tuple[str, str, Outcome]]:
    return [(case.id, case.suite, case.outcome) for item in report.items for case in item.cases]


def item_of(report: Report, item: str) -> ItemResult:
    return next(result for result in report.items if result.id == item)


def judged(project: Project) -> dict[str, float]:
    """Return what structure and the items with tests are worth."""
    return {item: project.lab.line(item).points for item in ("structure", *project.lab.test_items)}


def without_times(report: Report) -> Any:
    """Return the report as JSON has it, without what tells only when and how fast it was made."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: strip(child)
                for key, child in value.items()
                if key not in ("seconds", "timings", "graded_at")
            }
        return [strip(child) for child in value] if isinstance(value, list) else value

    return strip(msgspec.json.decode(to_json(report, Audience.STAFF)))


@pytest.fixture(scope="module")
def in_process(
    project: Project, process_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Report:
    """The right submission's report from the plain process, to compare other sandboxes with."""
    files = example_files(project, RIGHT)
    return graded(files, project, process_sandbox, tmp_path_factory.mktemp("right"))


def test_the_right_submission_gets_full_marks_case_for_case_in_every_sandbox(
    project: Project, sandbox: Sandbox, in_process: Report, tmp_path: Path
) -> None:
    report = graded(example_files(project, RIGHT), project, sandbox, tmp_path)
    points = points_of(report)
    assert {item: points[item] for item in judged(project)} == judged(project)
    assert report.score == sum(judged(project).values())
    assert {outcome for _, _, outcome in cases_of(report)} == {Outcome.PASSED}
    assert cases_of(report) == cases_of(in_process)
    assert all(item_of(report, item).cases for item in judged(project))


def test_what_is_not_judged_yet_has_no_points_and_the_note_says_so(in_process: Report) -> None:
    for item in ("plots", "better_cifar"):
        assert item_of(in_process, item).outcome is Outcome.NOT_RUN
        assert item_of(in_process, item).points is None
        assert item in (in_process.score_note or "")


def test_the_untouched_template_gets_the_structure_and_nothing_else(
    project: Project, sandbox: Sandbox, tmp_path: Path
) -> None:
    report = graded(example_files(project, TEMPLATE), project, sandbox, tmp_path)
    points = points_of(report)
    assert points["structure"] == project.lab.line("structure").points
    assert {points[item] for item in project.lab.test_items} == {0.0}


@pytest.mark.parametrize("way", BROKEN_SOFTMAX)
def test_a_broken_softmax_costs_points_in_softmax_alone(
    way: str, project: Project, sandbox: Sandbox, tmp_path: Path
) -> None:
    files = example_files(project, RIGHT)
    old, new = BROKEN_SOFTMAX[way]
    source = files["layers/softmax.py"].decode()
    assert source.count(old) == 1
    files["layers/softmax.py"] = source.replace(old, new).encode()
    points = points_of(graded(files, project, sandbox, tmp_path))
    others = {item: worth for item, worth in judged(project).items() if item != "softmax"}
    # A file that cannot be parsed has no class that the structure check could find.
    if way == "a syntax error":
        del others["structure"]
    assert {item: points[item] for item in others} == others
    softmax = points["softmax"]
    assert softmax is not None
    assert softmax < judged(project)["softmax"]
    assert (softmax == 0) == (way != "wrong mathematics")


def test_the_same_seed_gives_the_same_report_but_for_times(
    project: Project, sandbox: Sandbox, tmp_path: Path
) -> None:
    files = example_files(project, EXAMPLES[2])
    first, second = (graded(files, project, sandbox, tmp_path) for _ in range(2))
    assert item_of(first, "softmax").outcome is Outcome.PARTIAL
    assert without_times(first) == without_times(second)


def test_another_seed_gives_other_hidden_inputs(
    project: Project, process_sandbox: Sandbox, tmp_path: Path
) -> None:
    files = example_files(project, EXAMPLES[2])
    reports = [graded(files, project, process_sandbox, tmp_path, seed) for seed in (7, 8)]
    first, second = (
        {
            case.id: [line.replace(f"seed {report.suite.seed}", "") for line in case.diagnostics]
            for case in item_of(report, "softmax").cases
            if case.id.startswith(("softmax/forward[", "softmax/backward["))
            and case.outcome is Outcome.FAILED
        }
        for report in reports
    )
    both = first.keys() & second.keys()
    assert len(both) > 3
    assert [case for case in both if first[case] == second[case]] == []


def test_the_students_report_holds_the_same_points_and_nothing_for_staff(
    project: Project, process_sandbox: Sandbox, tmp_path: Path
) -> None:
    report = graded(example_files(project, EXAMPLES[2]), project, process_sandbox, tmp_path)
    staff, student = (
        msgspec.json.decode(to_json(report, audience), type=Report)
        for audience in (Audience.STAFF, Audience.STUDENT)
    )
    assert points_of(staff) == points_of(student)
    assert any(case.diagnostics for item in staff.items for case in item.cases)
    assert not any(case.diagnostics for item in student.items for case in item.cases)


def test_an_archive_that_cannot_be_read_waits_for_a_person_and_has_no_score(
    project: Project, tmp_path: Path
) -> None:
    archive = tmp_path / f"{NAME}.zip"
    archive.write_bytes(b"this is no zip")
    # No sandbox is needed, and none is started.
    report = grade(archive, Plan(project, BrokenSandbox(), SEED, ("structure", "relu")))
    assert report.score is None
    assert item_of(report, "structure").outcome is Outcome.NEEDS_REVIEW
    assert {item.points for item in report.items} == {None}
    assert [flag.id for flag in report.flags] == ["archive-refused"]


def test_a_sandbox_that_does_not_start_gives_no_score_and_never_a_zero(
    project: Project, tmp_path: Path
) -> None:
    report = graded(example_files(project, RIGHT), project, BrokenSandbox(), tmp_path)
    for item in project.lab.test_items:
        assert item_of(report, item).outcome is Outcome.GRADER_ERROR
        assert item_of(report, item).points is None
        assert item_of(report, item).feedback == ("The daemon is gone. Start it.",)
    assert points_of(report)["structure"] == project.lab.line("structure").points
    assert report.score is None
    assert "regrade" in (report.score_note or "")
