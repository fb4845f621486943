"""The batch's loop: what is killed takes nobody along, what fails is tried again, all is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from grader.batch import runner
from grader.batch.folder.batch_folder import BatchFolder, gradebook
from grader.batch.folder.manifest import Manifest
from grader.batch.results.cache import ResultCache
from grader.batch.runner import Settings, Watcher, grade_batch
from grader.batch.source.handed import Handed
from grader.batch.workers.perform import perform
from grader.batch.workers.tasks import KILLED, Failed, Short, Told, decode_task, encode
from grader.demo import EXAMPLES, example_files, zip_files
from grader.lab import Project
from grader.model import Entry
from grader.pipeline import Plan


class Workers:
    """Performs tasks in this process, but for those of some submissions.

    `deadly` kills whatever process performs it, `failing` fails so many times.
    """

    slots = 2

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.deadly: set[str] = set()
        self.failing: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()

    def submit(self, task: bytes) -> Future[bytes]:
        assert type(task) is bytes
        key = decode_task(task).key
        self.sent[key] += 1
        future: Future[bytes] = Future()
        if key in self.deadly:
            future.set_exception(BrokenProcessPool())
        elif self.failing[key] > 0:
            self.failing[key] -= 1
            future.set_result(encode(Failed("The disk was full.")))
        else:
            future.set_result(perform(task, self.plan, lambda told: None))
        return future

    def heard(self) -> Iterator[Told]:
        return iter(())

    def renew(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def plan(project: Project) -> Plan:
    return Plan(project, None, 1, ("structure",))


@pytest.fixture
def workers(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Workers:
    made = Workers(plan)
    monkeypatch.setattr(runner, "_workers", lambda settings, plan, watcher: made)
    return made


@pytest.fixture
def manifest(project: Project, tmp_path: Path) -> Manifest:
    handed = []
    for letter in "ABCD":
        path = tmp_path / f"A_{letter}_LAB3.zip"
        path.write_bytes(zip_files(example_files(project, EXAMPLES[0]), None))
        handed.append(Handed(letter, path, path.name))
    return Manifest(
        source=tmp_path, sandbox="auto", items=("structure",), seed=1, handed=tuple(handed)
    )


def grade(manifest: Manifest, plan: Plan, folder: Path, retries: int = 1) -> dict[str, Entry]:
    entries = grade_batch(
        manifest,
        plan,
        BatchFolder(folder / "out"),
        ResultCache(folder / "cache"),
        Settings(2, retries),
        Watcher(),
    )
    return {entry.key: entry for entry in entries}


def test_a_submission_that_kills_its_process_takes_no_other_along(
    manifest: Manifest, plan: Plan, workers: Workers, tmp_path: Path
) -> None:
    workers.deadly = {"B"}
    entries = grade(manifest, plan, tmp_path)
    assert [key for key, entry in entries.items() if entry.needs_regrade] == ["B"]
    assert entries["B"].problem == KILLED
    assert entries["B"].report is not None
    assert entries["B"].report.score is None


@pytest.mark.parametrize(
    ("retries", "failures", "graded"), [(1, 1, True), (0, 1, False), (2, 3, False), (3, 3, True)]
)
def test_what_the_grader_failed_on_is_tried_again_as_often_as_was_asked(
    manifest: Manifest,
    plan: Plan,
    workers: Workers,
    tmp_path: Path,
    retries: int,
    failures: int,
    graded: bool,
) -> None:
    workers.failing["C"] = failures
    entries = grade(manifest, plan, tmp_path, retries)
    assert entries["C"].needs_regrade is not graded
    assert workers.sent["C"] == min(failures, retries) + 1
    assert workers.sent["A"] == 1
    if not graded:
        assert entries["C"].problem == "The disk was full."


def test_an_archive_that_changes_or_goes_meanwhile_is_no_zero(
    manifest: Manifest,
    plan: Plan,
    workers: Workers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = Workers.submit

    def submit(self: Workers, task: bytes) -> Future[bytes]:
        for one in manifest.handed[2:]:
            one.path.unlink(missing_ok=True)
        return real(self, task)

    monkeypatch.setattr(Workers, "submit", submit)
    entries = grade(manifest, plan, tmp_path)
    assert {key for key, entry in entries.items() if entry.needs_regrade} >= {"D"}
    assert "could not be read" in entries["D"].problem


def test_an_item_that_is_still_to_be_judged_is_no_grade(
    manifest: Manifest, plan: Plan, workers: Workers, tmp_path: Path, project: Project
) -> None:
    folder = BatchFolder(tmp_path / "out")
    grade(manifest, plan, tmp_path)
    assert folder.read("A").provisional is False
    # The archive is another one now, and its items are not judged yet when the batch is killed.
    manifest.handed[0].path.write_bytes(zip_files(example_files(project, EXAMPLES[1]), None))

    def killed(self: Workers, task: bytes) -> Future[bytes]:
        assert isinstance(decode_task(task), Short)
        raise KeyboardInterrupt

    workers.__class__ = type("Killed", (Workers,), {"submit": killed})
    with pytest.raises(KeyboardInterrupt):
        grade(manifest, plan, tmp_path)
    report = folder.read("A")
    assert report.provisional
    assert report.items[0].pending
    assert "run it again if it was interrupted" in report.items[0].feedback[0]
    row = gradebook(folder.entries(), project.lab).decode().splitlines()[1]
    assert row.endswith("run the batch again for structure")
    assert row.split(",")[5] == ""
