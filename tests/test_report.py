"""The report: held to its schema, and without what only staff may see when students read it."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from grader.atomic_file import write_atomically, write_pieces
from grader.demo import write_examples
from grader.errors import GraderError
from grader.lab import Project
from grader.model import (
    Audience,
    CaseResult,
    Decision,
    Flag,
    ItemResult,
    Outcome,
    Report,
    SandboxStamp,
    SubmissionStamp,
    Suite,
    SuiteStamp,
)
from grader.owner import own_name
from grader.pipeline import Plan, grade
from grader.report.json_report import (
    NOT_YOUR_FAULT,
    SCHEMA_FILE,
    json_schema,
    to_json,
)
from grader.sandbox.process import ProcessSandbox

WRITE_ANEW = (
    "write it anew: python -c 'import json; from grader.report.json_report import *; "
    'SCHEMA_FILE.write_text(json.dumps(json_schema(), indent=2) + "\\n")\''
)

HIDDEN = CaseResult(
    "full/one",
    Suite.HIDDEN,
    Outcome.FAILED,
    2.0,
    seconds=0.125,
    about="one row",
    feedback=("one row: the result is not the expected one",),
    diagnostics=("expected 8675309.25",),
)
PUBLIC = msgspec.structs.replace(
    HIDDEN, id="full/public", suite=Suite.PUBLIC, seconds=0.5, feedback=("1 != 2",)
)
ITEM = ItemResult(
    "full",
    "full.py",
    15.0,
    Outcome.FAILED,
    points=0.0,
    cases=(PUBLIC, HIDDEN),
    output="printed 8675309.25",
)


def report_of(*items: ItemResult, **changes: Any) -> Report:
    whole = Report(
        submission=SubmissionStamp("ADA_LOVELACE_LAB3.zip", "0" * 64, "ADA", None, {"id": "7"}),
        score=0.1 + 0.2,
        max_score=100.0,
        provisional=False,
        score_note="out of 15 points",
        items=items,
        flags=(Flag("library-use", "uses torch"),),
        suite=SuiteStamp("1.0.0", "0" * 64, 7, published=True),
        sandbox=SandboxStamp(
            "docker", "sha256:0", True, {"case_seconds": 20.0}, {"memory_mib": "cgroup"}
        ),
        timings={"total": 1.5},
        graded_at="2026-11-24T03:05:00+00:00",
        grader_version="0.1.0",
    )
    return msgspec.structs.replace(whole, **changes)


def shown(report: Report, audience: Audience) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(to_json(report, audience))
    return document


# The schema


def test_the_schema_in_the_repository_is_that_of_the_reports_types() -> None:
    assert SCHEMA_FILE.read_text() == json.dumps(json_schema(), indent=2) + "\n", WRITE_ANEW


def test_the_schema_is_one_that_validators_accept() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


REPORTS = {
    "whole": report_of(ITEM),
    "empty": report_of(score=None, score_note=None, sandbox=None, flags=()),
    "not run": report_of(ItemResult("plots", "plots", 10.0, Outcome.NOT_RUN)),
    "error": report_of(msgspec.structs.replace(ITEM, outcome=Outcome.GRADER_ERROR, points=None)),
}


@pytest.mark.parametrize("audience", list(Audience))
@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS.keys())
def test_reports_of_every_shape_obey_the_schema(report: Report, audience: Audience) -> None:
    jsonschema.validate(shown(report, audience), json_schema())


@pytest.fixture(scope="module")
def graded(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Report, Report, Report]:
    """Grade three archives for real: a right one, one that ends its process, and no zip."""
    folder = tmp_path_factory.mktemp("archives")
    write_examples(project, folder)
    paths = [folder / f"{name}_LAB3.zip" for name in ("ADA_RIGHT", "EVE_EXIT", "NO_ZIP")]
    paths[-1].write_bytes(b"this is no zip")
    plan = Plan(project, ProcessSandbox(), 1, [line.id for line in project.lab.rubric])
    first, second, third = (grade(path, plan).report for path in paths)
    return first, second, third


@pytest.mark.parametrize("audience", list(Audience))
def test_real_reports_obey_the_schema(
    graded: tuple[Report, Report, Report], audience: Audience
) -> None:
    for report in graded:
        jsonschema.validate(shown(report, audience), json_schema())


def test_real_reports_are_read_back_as_they_were_written(
    graded: tuple[Report, Report, Report],
) -> None:
    for report in graded:
        assert msgspec.json.decode(to_json(report, Audience.STAFF), type=Report) == report


def test_real_scores_are_those_of_what_was_handed_in(
    graded: tuple[Report, Report, Report],
) -> None:
    right, crashing, refused = graded
    assert right.score == 80.0
    assert crashing.score == 70.0
    assert refused.score is None


CHANGES: dict[str, Any] = {
    "no score": lambda document: document.pop("score"),
    "extra": lambda document: document.update(colour="red"),
    "another version": lambda document: document.update(schema="grader-report/2"),
    "text for points": lambda document: document["items"][0].update(points="15"),
    "unknown outcome": lambda document: document["items"][0].update(outcome="GREAT"),
    "no feedback": lambda document: document["items"][0]["cases"][0].pop("feedback"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_the_schema_refuses_what_is_no_report(change: Any) -> None:
    document = copy.deepcopy(shown(report_of(ITEM), Audience.STAFF))
    change(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema())


# The document


def test_a_score_is_never_rounded() -> None:
    assert shown(report_of(), Audience.STAFF)["score"] == 0.1 + 0.2


def test_the_document_is_indented_and_ends_with_a_line_feed() -> None:
    text = to_json(report_of(ITEM), Audience.STAFF)
    assert text.startswith(b'{\n  "schema": "grader-report/1",\n')
    assert text.endswith(b"}\n")


def test_staff_see_diagnostics_output_and_times() -> None:
    (item,) = shown(report_of(ITEM), Audience.STAFF)["items"]
    assert item["output"] == "printed 8675309.25"
    assert item["cases"][1]["diagnostics"] == ["expected 8675309.25"]
    assert item["cases"][1]["seconds"] == 0.125


def test_students_see_no_diagnostics_no_output_and_no_times_of_hidden_cases() -> None:
    report = report_of(ITEM)
    (item,) = shown(report, Audience.STUDENT)["items"]
    assert "8675309" not in to_json(report, Audience.STUDENT).decode()
    assert item["output"] == ""
    assert [case["diagnostics"] for case in item["cases"]] == [[], []]
    assert [case["seconds"] for case in item["cases"]] == [0.5, 0.0]


def test_students_see_the_same_document_otherwise() -> None:
    staff = shown(report_of(ITEM), Audience.STAFF)
    student = shown(report_of(ITEM), Audience.STUDENT)
    for document in (staff, student):
        document["items"][0].pop("output")
        for case in document["items"][0]["cases"]:
            case.pop("diagnostics")
            case.pop("seconds")
    assert student == staff


def test_students_do_not_read_what_went_wrong_on_our_side() -> None:
    broken = msgspec.structs.replace(
        ITEM, outcome=Outcome.GRADER_ERROR, feedback=("log: expected 8675309.25",), points=None
    )
    assert "8675309" in to_json(report_of(broken), Audience.STAFF).decode()
    (item,) = shown(report_of(broken), Audience.STUDENT)["items"]
    assert item["feedback"] == [NOT_YOUR_FAULT]
    assert "8675309" not in to_json(report_of(broken), Audience.STUDENT).decode()


# Writing


def test_a_report_is_written_in_a_folder_that_is_made_for_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deeper" / "report.json"
    write_atomically(path, b"first")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_everybody_may_read_is_readable_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    before = os.umask(0o077)
    try:
        write_atomically(path, b"", mode=0o644)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_report_that_cannot_be_written_is_a_grader_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GraderError, match=r"report\.json could not be written"):
        write_atomically(tmp_path / "file" / "report.json", b"")


def test_a_write_that_fails_half_way_leaves_the_old_report_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.json"
    write_atomically(path, b"old")

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(GraderError, match="No space left on device"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_grader_left_of_a_file_goes_and_a_living_one_s_stays(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    dead, other = tmp_path / ".report.json.00000000.1.1.1.abc", tmp_path / ".else.00000000.1.1.1.a"
    living = tmp_path / f".report.json.{own_name()}.abc"
    for one in (dead, other, living):
        one.touch()
    write_atomically(path, b"new")
    assert {*tmp_path.iterdir()} == {path, other, living}


def test_a_page_that_breaks_off_half_way_leaves_the_old_one_and_nothing_else(
    tmp_path: Path,
) -> None:
    path = tmp_path / "report.html"
    write_pieces(path, (b"o", b"ld"))

    def pieces() -> Iterator[bytes]:
        yield b"new"
        raise ValueError("a template's mistake")

    with pytest.raises(ValueError, match="mistake"):
        write_pieces(path, pieces())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_students_read_why_a_person_decided_and_not_who() -> None:
    decision = Decision("Ada", "2026-11-24T10:00:00+01:00", "axes", 8.0, Outcome.NEEDS_REVIEW)
    item = ItemResult("plots", "", 10.0, Outcome.PARTIAL, points=8.0, decision=decision)
    shown_decision = shown(report_of(item), Audience.STUDENT)["items"][0]["decision"]
    assert (shown_decision["who"], shown_decision["why"]) == ("staff", "axes")
