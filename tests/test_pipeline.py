"""Whole submissions, from the archive to the report, in every sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grader.dataset.files import Dataset
from grader.dataset.store import demo_dataset
from grader.demo import EXAMPLES, example_files, write_examples, zip_files
from grader.errors import GraderError
from grader.lab import Limits, Project
from grader.model import Audience, Graded, ItemResult, Outcome, Report
from grader.overrides import Override, apply_overrides
from grader.pipeline import REFUSED, Plan, grade
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
    forkable = False
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
    """Grade an archive of these files, on structure and all items with tests."""
    items = ("structure", *project.lab.test_items)
    return grade(write_archive(files, folder), Plan(project, sandbox, seed, items)).report


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


def test_what_was_not_asked_for_has_no_points_and_the_note_says_so(in_process: Report) -> None:
    for item in ("plots", "better_cifar"):
        assert item_of(in_process, item).outcome is Outcome.NOT_RUN
        assert item_of(in_process, item).points is None
        assert item in (in_process.score_note or "")


def whole(project: Project, sandbox: Sandbox, archive: Path, dataset: Dataset | None) -> Graded:
    items = [line.id for line in project.lab.rubric]
    return grade(archive, Plan(project, sandbox, project.lab.suite.seed, items, dataset))


@pytest.fixture(scope="module")
def complete(
    project: Project, docker_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Graded:
    """The right submission, plots and training included."""
    right, *_ = write_examples(project, tmp_path_factory.mktemp("examples"))
    return whole(project, docker_sandbox, right, demo_dataset())


@pytest.mark.docker
def test_the_whole_rubric_is_judged_and_the_plots_wait_for_a_person(complete: Graded) -> None:
    report = complete.report
    assert (report.score, report.provisional) == (90.0, True)
    assert {item.outcome for item in report.items} == {Outcome.PASSED, Outcome.NEEDS_REVIEW}
    plots = item_of(report, "plots")
    assert plots.proposed == 10.0
    assert set(plots.artefacts) <= set(complete.artefacts)
    assert "plots/reference.png" in plots.artefacts


@pytest.mark.docker
def test_a_person_s_decision_about_the_plots_completes_the_score(complete: Graded) -> None:
    sha = complete.report.submission.sha256
    accepted = Override(sha, "plots", 10.0, "Ada", "2026-11-24T10:00:00+01:00", "both are there")
    report = apply_overrides(complete.report, [accepted])
    assert (report.score, report.provisional, report.score_note) == (100.0, False, None)


def test_without_data_everything_but_the_training_is_judged(
    project: Project, process_sandbox: Sandbox, tmp_path: Path
) -> None:
    right, *_ = write_examples(project, tmp_path)
    report = whole(project, process_sandbox, right, None).report
    better = item_of(report, "better_cifar")
    assert (better.outcome, better.points) == (Outcome.NOT_RUN, None)
    assert "CIFAR-100 data are not on this machine" in better.feedback[0]
    assert report.score == 80.0
    assert item_of(report, "plots").outcome is Outcome.NEEDS_REVIEW


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
    report = grade(archive, Plan(project, BrokenSandbox(), SEED, ("structure", "relu"))).report
    assert report.score is None
    assert item_of(report, "structure").outcome is Outcome.NEEDS_REVIEW
    assert {item.points for item in report.items} == {None}
    assert [flag.id for flag in report.flags] == [REFUSED]


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
