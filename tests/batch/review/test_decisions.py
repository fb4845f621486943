"""People's decisions: kept, applied at once, taken back, and never lost to another's."""

from __future__ import annotations

import csv
import json
import multiprocessing
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import msgspec
import pytest

from grader.batch.finish import refresh
from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.review import decisions
from grader.batch.review.decisions import NONE, DecidedMeanwhile, decide, take_back, version_of
from grader.errors import ConfigurationError, GraderError
from grader.lab import Project
from grader.model import Graded, Outcome
from grader.overrides import Override, write_overrides
from tests.batch.batches import make_batch, plots, relu, report_of, sha_of

WHEN = "2026-11-24T10:00:00+01:00"


def about(key: str, points: float = 8.0, who: str = "Ada") -> Override:
    return Override(sha_of(key), "plots", points, who, WHEN, "axes not labelled", key)


@pytest.fixture
def batch(project: Project, tmp_path: Path) -> BatchFolder:
    reports = {key: report_of(key, relu(), plots()) for key in ("ADA", "BEN")}
    return make_batch(tmp_path / "graded", project, reports)


def rows(batch: BatchFolder) -> Mapping[str, dict[str, str]]:
    with (batch.folder / "gradebook.csv").open() as file:
        return {row["key"]: row for row in csv.DictReader(file)}


def test_a_decision_is_in_the_report_at_once_and_in_the_gradebook_when_refreshed(
    project: Project, batch: BatchFolder
) -> None:
    decided = decide(batch, about("ADA"), NONE)
    assert decided == batch.read("ADA")
    assert (decided.score, decided.provisional) == (18.0, False)
    refresh(batch, project)
    assert (rows(batch)["ADA"]["score"], rows(batch)["BEN"]["score"]) == ("18", "")
    summary = json.loads((batch.folder / "summary.json").read_bytes())
    assert (summary["graded"], summary["provisional"]) == (1, ["BEN"])


def test_a_decision_that_is_taken_back_leaves_everything_as_it_was(
    project: Project, batch: BatchFolder
) -> None:
    before = batch.read("ADA")
    decide(batch, about("ADA"), NONE)
    seen = version_of(batch.overrides(), sha_of("ADA"), "plots")
    assert take_back(batch, "ADA", sha_of("ADA"), "plots", seen) == before
    assert batch.overrides() == ()
    refresh(batch, project)
    assert rows(batch)["ADA"]["to_do"] == "decide on plots"


def test_who_did_not_see_another_s_decision_is_told_and_changes_nothing(batch: BatchFolder) -> None:
    decide(batch, about("ADA", who="Bob", points=3.0), NONE)
    with pytest.raises(DecidedMeanwhile, match=r"Somebody decided otherwise \(Bob: 3 points\)"):
        decide(batch, about("ADA"), NONE)
    assert [one.who for one in batch.overrides()] == ["Bob"]
    bobs = version_of(batch.overrides(), sha_of("ADA"), "plots")
    decide(batch, about("ADA"), bobs)
    with pytest.raises(DecidedMeanwhile, match="Yours was not kept"):
        take_back(batch, "ADA", sha_of("ADA"), "plots", bobs)
    adas = version_of(batch.overrides(), sha_of("ADA"), "plots")
    take_back(batch, "ADA", sha_of("ADA"), "plots", adas)
    with pytest.raises(DecidedMeanwhile, match="took the decision back"):
        decide(batch, about("ADA"), adas)


def test_decisions_about_other_students_are_no_conflict(batch: BatchFolder) -> None:
    decide(batch, about("ADA"), NONE)
    decide(batch, about("BEN"), NONE)
    assert len(batch.overrides()) == 2


def test_a_decision_about_an_archive_that_was_replaced_meanwhile_is_refused(
    batch: BatchFolder,
) -> None:
    again = report_of("ADA", relu(), plots(), sha256="f" * 64)
    batch.write("ADA", Graded(again), ())
    with pytest.raises(DecidedMeanwhile, match="Another archive of ADA was graded meanwhile"):
        decide(batch, about("ADA"), NONE)
    assert batch.overrides() == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"why": " "}, "does not say why"),
        ({"who": ""}, "does not say who"),
        ({"points": 11.0}, "which has 10"),
        ({"points": float("nan")}, "gives nan points"),
        ({"item": "essay"}, "which the rubric lacks"),
    ],
)
def test_a_decision_that_does_not_fit_is_refused_and_not_kept(
    batch: BatchFolder, change: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        decide(batch, msgspec.structs.replace(about("ADA"), **change), NONE)
    assert batch.overrides() == ()
    assert batch.read("ADA").provisional


def test_a_decision_about_an_earlier_archive_is_flagged_and_not_applied(
    project: Project, batch: BatchFolder
) -> None:
    decide(batch, about("ADA"), NONE)
    again = report_of("ADA", relu(), plots(), sha256="f" * 64)
    batch.write("ADA", Graded(again), batch.overrides())
    refresh(batch, project)
    report = batch.read("ADA")
    assert report.items[1].outcome is Outcome.NEEDS_REVIEW
    assert [flag.id for flag in report.flags] == ["earlier-decision"]


def test_decisions_made_while_a_batch_runs_count_at_its_end(
    project: Project, batch: BatchFolder
) -> None:
    entries = batch.entries()
    decide(batch, about("ADA"), NONE)
    # The batch wrote the report once more, with the decisions that there were at its beginning.
    batch.write("ADA", Graded(report_of("ADA", relu(), plots())), ())
    refresh(batch, project)
    assert batch.read("ADA").score == 18.0
    assert entries[0].report is not None
    assert entries[0].report.provisional


def test_what_a_batch_finds_while_somebody_decides_is_not_undone(
    batch: BatchFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decision is written into the report that was read before, and that one stood then."""
    read, go_on = threading.Event(), threading.Event()

    def write_slowly(path: Path, overrides: Sequence[Override]) -> None:
        read.set()
        assert go_on.wait(60)
        write_overrides(path, overrides)

    monkeypatch.setattr(decisions, "write_overrides", write_slowly)
    found = Graded(report_of("ADA", relu(Outcome.FAILED), plots()))
    with ThreadPoolExecutor(2) as both:
        deciding = both.submit(decide, batch, about("ADA"), NONE)
        assert read.wait(60)
        writing = both.submit(batch.write, "ADA", found, ())
        # It has to wait; were it done by now, it would be undone.
        wait([writing], timeout=0.2)
        go_on.set()
        deciding.result()
        writing.result()
    assert batch.read("ADA").items[0].outcome is Outcome.FAILED


def _decide_on_many(place: Path, keys: list[str]) -> None:
    for key in keys:
        decide(BatchFolder(place), about(key), NONE)


def test_two_who_decide_at_the_same_time_lose_nothing(project: Project, tmp_path: Path) -> None:
    keys = [f"S{n:02}" for n in range(24)]
    reports = {key: report_of(key, relu(), plots()) for key in keys}
    batch = make_batch(tmp_path / "graded", project, reports)
    context = multiprocessing.get_context("spawn")
    both = [
        context.Process(target=_decide_on_many, args=(batch.folder, keys[start::2]))
        for start in (0, 1)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert sorted(one.key for one in batch.overrides()) == keys


def test_a_folder_that_cannot_be_locked_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(GraderError, match="could not be locked"),
        BatchFolder(tmp_path / "nowhere").changing(),
    ):
        pass
