"""A regrade: shown before it counts, applied whole or not at all, and kinder than its failures."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grader.batch.finish import finish_batch, refresh
from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.manifest import Manifest
from grader.batch.regrade.apply import apply
from grader.batch.regrade.changes import ChangeOutlines, by_case, compare
from grader.batch.regrade.difference import Difference
from grader.batch.regrade.prepare import discard, prepare
from grader.batch.results.cache import ResultCache
from grader.batch.review.decisions import NONE, decide
from grader.batch.runner import Settings, Watcher
from grader.errors import ConfigurationError
from grader.lab import Project
from grader.model import Entry, Graded, ItemResult, Outcome, Report, Suite
from grader.overrides import Override
from grader.pipeline import Plan
from tests.batch.batches import PICTURE, case, make_batch, plots, relu, report_of

P, F, ERROR = Outcome.PASSED, Outcome.FAILED, Outcome.GRADER_ERROR
Regrade = Callable[..., Difference]


def archive_of(key: str) -> bytes:
    return f"the zip of {key}".encode()


def sha_of(key: str) -> str:
    return sha256(archive_of(key)).hexdigest()


def report(key: str, *items: ItemResult) -> Report:
    return report_of(key, *(items or (relu(), plots())), sha256=sha_of(key))


@pytest.fixture
def batch(project: Project, tmp_path: Path) -> BatchFolder:
    """Make a batch of three, with their archives beside it."""
    keys = ("ADA", "BEN", "CHO")
    for key in keys:
        (tmp_path / f"{key}_LAB3.zip").write_bytes(archive_of(key))
    folder = make_batch(tmp_path / "graded", project, {key: report(key) for key in keys})
    refresh(folder, project)
    return folder


Found = Callable[[str], Report | None]


@pytest.fixture
def regrade(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Regrade:
    """Regrade a batch with what a function finds in place of a run; None where it fails."""

    def with_results(batch: BatchFolder, found: Found) -> Difference:
        def grade_batch(
            manifest: Manifest, plan: Plan, folder: BatchFolder, *_: object
        ) -> Sequence[Entry]:
            folder.begin(manifest)
            for one in manifest.handed:
                new = found(one.key)
                if new is None:
                    folder.write_problem(one.key, "The disk was full.")
                else:
                    pictures = {name: PICTURE for item in new.items for name in item.artefacts}
                    folder.write(one.key, Graded(new, pictures), folder.overrides())
            return finish_batch(folder, manifest, folder.outlines(), plan.project)

        monkeypatch.setattr("grader.batch.regrade.prepare.grade_batch", grade_batch)
        plan = Plan(project, None, 1, ())
        return prepare(batch, plan, ResultCache(tmp_path / "cache"), Settings(1), Watcher())

    return with_results


@pytest.fixture
def run(batch: BatchFolder, regrade: Regrade) -> Regrade:
    """Regrade the batch of three; who is not named comes to what they have."""

    def with_results(**results: Report | None) -> Difference:
        return regrade(batch, lambda key: results.get(key, report(key)))

    return with_results


def content(folder: Path) -> Mapping[str, bytes]:
    """Return all that people read of a batch."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.relative_to(folder).parts[0] not in ("history", "regrade", "thumbnails")
        and not path.relative_to(folder).parts[0].startswith(".")
    }


def test_a_regrade_shows_who_loses_what_by_which_case_and_changes_nothing(
    batch: BatchFolder, run: Regrade
) -> None:
    before = content(batch.folder)
    difference = run(BEN=report("BEN", relu(F), plots()))
    (change,) = difference.changes
    assert (change.key, change.score_before, change.score_after, change.gain) == (
        "BEN",
        10.0,
        0.0,
        -10.0,
    )
    (item,) = change.items
    assert (item.id, item.before, item.after) == ("relu", P, F)
    (one,) = item.cases
    assert (one.id, one.suite, one.before, one.after) == ("relu/forward", Suite.HIDDEN, P, F)
    assert content(batch.folder) == before
    document = (batch.folder / "regrade" / "diff.json").read_bytes()
    kept = msgspec.json.decode(document, type=Difference)
    (whole,) = kept.changes
    (one,) = whole.items[0].cases
    assert one.diagnostics_before == one.diagnostics_after == ("seen in relu/forward",)
    assert msgspec.structs.replace(kept, changes=(ChangeOutlines().outline(whole),)) == difference
    page = (batch.folder / "regrade" / "diff.html").read_text()
    assert "BEN_LAB3.zip</span>: 10 → 0 (-10)" in page
    assert "seen in relu/forward" in page


def test_what_is_compared_is_read_once_before_and_once_after_it_is_graded_again(
    batch: BatchFolder, run: Regrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    original = BatchFolder.read

    def noted(folder: BatchFolder, key: str) -> Report:
        if folder.folder == batch.folder:
            read.append(key)
        return original(folder, key)

    monkeypatch.setattr(BatchFolder, "read", noted)
    assert len(run(BEN=report("BEN", relu(F), plots())).changes) == 1
    assert read == ["ADA", "BEN", "CHO"] * 2


def test_applied_the_new_results_are_the_batch_s_and_the_old_stay_readable(
    project: Project, batch: BatchFolder, run: Regrade
) -> None:
    before = content(batch.folder)
    run(BEN=report("BEN", relu(F), plots()))
    history = apply(batch, project)
    assert batch.read("BEN").score == 0.0
    assert (batch.folder / "gradebook.csv").read_bytes() != before["gradebook.csv"]
    assert not (batch.folder / "regrade").exists()
    assert content(history) == before
    # It is a batch's folder like any other.
    assert BatchFolder(history).read("BEN").score == 10.0
    assert [entry.key for entry in BatchFolder(history).entries()] == ["ADA", "BEN", "CHO"]


def test_discarded_a_regrade_leaves_no_trace(batch: BatchFolder, run: Regrade) -> None:
    before = content(batch.folder)
    run(BEN=report("BEN", relu(F), plots()))
    assert discard(batch)
    assert not discard(batch)
    assert content(batch.folder) == before
    assert not (batch.folder / "regrade").exists()


def test_where_nothing_differs_but_times_there_is_nothing_to_regrade(
    project: Project, batch: BatchFolder, run: Regrade
) -> None:
    slow = relu()
    slow = msgspec.structs.replace(
        slow, cases=(msgspec.structs.replace(slow.cases[0], seconds=9.0),)
    )
    again = msgspec.structs.replace(report("ADA", slow, plots()), graded_at="later")
    assert run(ADA=again).changes == ()
    with pytest.raises(ConfigurationError, match="holds no finished regrade"):
        apply(batch, project)


def test_decisions_are_kept_also_those_made_after_the_regrade(
    project: Project, batch: BatchFolder, run: Regrade
) -> None:
    when = "2026-11-24T10:00:00+01:00"
    decide(batch, Override(sha_of("ADA"), "relu", 9.0, "Ada", when, "by hand", "ADA"), NONE)
    difference = run(ADA=report("ADA", relu(F), plots()), BEN=report("BEN", relu(F), plots()))
    decided = {change.key: change.items[0] for change in difference.changes}["ADA"]
    assert (decided.decided, decided.points_before, decided.points_after) == (True, 9.0, 9.0)
    assert (decided.before, decided.after) == (P, F)
    decide(batch, Override(sha_of("BEN"), "plots", 7.0, "Ada", when, "later", "BEN"), NONE)
    apply(batch, project)
    assert [batch.read(key).score for key in ("ADA", "BEN")] == [9.0, 7.0]
    assert len(batch.overrides()) == 2
    # Taken back, the new verdict holds.
    assert batch.decided("ADA", ()).items[0].points == 0.0


def test_what_people_decide_while_it_runs_is_no_change_of_the_regrade_s(
    project: Project, batch: BatchFolder, regrade: Regrade
) -> None:
    when = "2026-11-24T10:00:00+01:00"

    def found(key: str) -> Report:
        if key == "ADA":
            decide(batch, Override(sha_of(key), "plots", 7.0, "Ada", when, "fine", key), NONE)
        return report(key, relu(F), plots()) if key == "CHO" else report(key)

    assert [change.key for change in regrade(batch, found).changes] == ["CHO"]
    apply(batch, project)
    assert [batch.read(key).score for key in ("ADA", "CHO")] == [17.0, 0.0]


def test_however_large_the_class_whole_reports_are_in_memory_one_after_the_other(
    project: Project, tmp_path: Path, regrade: Regrade
) -> None:
    said = 400_000

    def verbose(key: str, outcome: Outcome) -> Report:
        item = relu(outcome)
        text = f"{outcome} of {key}".ljust(said, ".")
        cases = (msgspec.structs.replace(item.cases[0], diagnostics=(text,)),)
        return report(key, msgspec.structs.replace(item, cases=cases))

    def peaks(size: int) -> tuple[int, int]:
        """Return the most bytes that a regrade and its application take; all reports change."""
        keys = [f"S{number:02}" for number in range(size)]
        for key in keys:
            (tmp_path / f"{key}_LAB3.zip").write_bytes(archive_of(key))
        place = tmp_path / f"graded-{size}"
        batch = make_batch(place, project, {key: verbose(key, P) for key in keys})
        refresh(batch, project)
        tracemalloc.start()
        try:
            assert len(regrade(batch, lambda key: verbose(key, F)).changes) == size
            prepared = tracemalloc.get_traced_memory()[1]
            tracemalloc.reset_peak()
            apply(batch, project)
            return prepared, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peaks(2), peaks(10)
    assert max(many[0] - few[0], many[1] - few[1]) < 3 * said


@pytest.mark.parametrize("way", ["item", "submission", "not run"])
def test_a_failure_of_ours_never_replaces_a_result(
    project: Project, batch: BatchFolder, run: Regrade, way: str
) -> None:
    broken = ItemResult("plots", "Plot of the loss", 10.0, ERROR, feedback=("It broke.",))
    if way == "not run":
        broken = msgspec.structs.replace(broken, outcome=Outcome.NOT_RUN)
    new = None if way == "submission" else report("BEN", relu(F), broken)
    before = batch.read("BEN")
    difference = run(BEN=new, CHO=report("CHO", relu(F), plots()))
    (kept,) = difference.kept
    assert (kept.key, kept.failed) == ("BEN", True)
    apply(batch, project)
    after = batch.read("BEN")
    if way == "submission":
        assert after == before
    else:
        assert (after.items[0].outcome, after.items[1]) == (F, before.items[1])
        assert (after.score, after.provisional) == (0.0, True)
        assert (batch.artefacts_path("BEN") / "plots" / "student-1.png").read_bytes() == PICTURE
    assert not any(entry.needs_regrade for entry in batch.entries())
    assert batch.read("CHO").score == 0.0


def test_what_could_not_be_graded_before_is_graded_now(
    project: Project, batch: BatchFolder, run: Regrade
) -> None:
    batch.write_problem("ADA", "The disk was full.")
    (change,) = run().changes
    assert (change.score_before, change.score_after) == (None, 10.0)
    apply(batch, project)
    assert not any(entry.needs_regrade for entry in batch.entries())


def test_archives_that_are_gone_or_others_now_are_said_and_keep_their_results(
    project: Project, batch: BatchFolder, run: Regrade
) -> None:
    (batch.folder.parent / "ADA_LAB3.zip").unlink()
    (batch.folder.parent / "BEN_LAB3.zip").write_bytes(b"resubmitted")
    lost = {key: report(key, relu(F), plots()) for key in ("ADA", "BEN", "CHO")}
    difference = run(**lost)
    assert [change.key for change in difference.changes] == ["CHO"]
    gone, other = difference.kept
    assert "is gone" in gone.why
    assert "is another archive now" in other.why
    assert not gone.failed
    apply(batch, project)
    assert [batch.read(key).score for key in ("ADA", "BEN", "CHO")] == [10.0, 10.0, 0.0]


def test_a_batch_that_was_graded_again_since_is_not_overwritten(
    project: Project, batch: BatchFolder, run: Regrade
) -> None:
    run(BEN=report("BEN", relu(F), plots()))
    batch.write("CHO", Graded(report("CHO", relu(F), plots())), ())
    with pytest.raises(ConfigurationError, match="was graded again since the regrade"):
        apply(batch, project)
    assert batch.read("BEN").score == 10.0


def test_two_regrades_at_the_same_second_both_stay_in_history(
    project: Project, batch: BatchFolder, run: Regrade
) -> None:
    places = set()
    for outcome in (F, P):
        run(BEN=report("BEN", relu(outcome), plots()))
        places.add(apply(batch, project))
    assert len(places) == 2
    assert all((place / "gradebook.csv").is_file() for place in places)


WRITING = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir"})


def _killed_at(step: int, batch: BatchFolder, project: Project) -> bool:
    """Apply in a process that dies at its n-th change on disk; return whether it did."""
    child = os.fork()
    if child == 0:
        count = 0

        def die(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal count
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & 3
            if event in WRITING or writes:
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(die)
        try:
            apply(batch, project)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_killed_at_any_moment_the_batch_is_the_old_one_or_the_new_one(
    project: Project, batch: BatchFolder, run: Regrade, tmp_path: Path
) -> None:
    old = content(batch.folder)
    run(**{key: report(key, relu(F), plots()) for key in ("ADA", "BEN", "CHO")})
    prepared = tmp_path / "prepared"
    batch.folder.rename(prepared)
    shutil.copytree(prepared, batch.folder)
    apply(batch, project)
    new = content(batch.folder)
    step, seen = 0, []
    while True:
        shutil.rmtree(batch.folder)
        shutil.copytree(prepared, batch.folder)
        step += 1
        killed = _killed_at(step, batch, project)
        # Whoever reads the batch next finds it whole.
        scores = {entry.report.score for entry in batch.entries() if entry.report}
        found = content(batch.folder)
        assert (scores, found) in (({10.0}, old), ({0.0}, new)), step
        seen.append(found == new)
        if found == old:
            apply(batch, project)
            assert content(batch.folder) == new
        (history,) = [p for p in (batch.folder / "history").iterdir() if p.name[0] != "."]
        assert content(history) == old
        if not killed:
            break
    # Old first and new from some moment on, with steps on both sides.
    assert seen == sorted(seen)
    assert seen.count(False) > 5
    assert seen.count(True) > 5


def test_cases_that_came_or_went_are_told_apart_by_suite() -> None:
    def with_cases(*cases: Any) -> Entry:
        item = ItemResult("relu", "", 10.0, P, 10.0, cases=cases)
        return Entry("ADA", "ADA.zip", report("ADA", item))

    public = case("relu/x", P, Suite.PUBLIC)
    change = compare(with_cases(public, case("relu/x", F)), with_cases(public, case("relu/y", P)))
    assert change is not None
    counts = {(one.id, one.suite, one.before, one.after) for one in by_case([change])}
    assert counts == {
        ("relu/x", Suite.HIDDEN, F, None),
        ("relu/y", Suite.HIDDEN, None, P),
    }
