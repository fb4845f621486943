"""Likeness in a batch: found once, for staff alone, and never a reason to fail."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import msgspec
import pytest

from grader.batch.finish import finish_batch
from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.manifest import Manifest
from grader.batch.likeness import FILE, find, find_likeness
from grader.batch.likeness.fingerprint import (
    LARGEST_FILE,
    NOTHING,
    Fingerprint,
    Hashes,
    fingerprint,
)
from grader.batch.source.handed import Handed
from grader.demo import zip_files
from grader.lab import Project
from grader.model import Audience, Entry, Graded, SubmissionStamp
from grader.report.json_report import to_json
from grader.report.likeness_report import Likeness
from grader.report.student_page import student_page
from tests.batch.likeness.conftest import Files, template_of
from tests.report.samples import PLOTS, report_of


class Batch:
    """A batch of archives on disk, as if it had been graded."""

    def __init__(self, root: Path, project: Project) -> None:
        self.root = root
        self.project = project
        self.folder = BatchFolder(root / "out")
        self.handed: list[Handed] = []

    def add(self, key: str, data: bytes) -> Path:
        path = self.root / f"{key}_LAB3.zip"
        path.write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        report = report_of(PLOTS, submission=SubmissionStamp(path.name, sha256, key, key))
        self.handed.append(Handed(key, path, path.name))
        self.folder.begin(
            Manifest(
                source=self.root, sandbox="process", items=(), seed=1, handed=tuple(self.handed)
            )
        )
        self.folder.write(key, Graded(report), ())
        return path

    def add_files(self, key: str, files: Files) -> Path:
        whole = {**template_of(self.project), **files}
        return self.add(key, zip_files(whole, f"{key}_LAB3"))

    def entries(self) -> tuple[Entry, ...]:
        return self.folder.entries()

    def find(self) -> Likeness:
        return find_likeness(self.folder, self.folder.manifest(), self.entries(), self.project)


@pytest.fixture
def batch(tmp_path: Path, project: Project) -> Batch:
    return Batch(tmp_path, project)


@pytest.fixture
def class_of_three(batch: Batch, solutions: dict[str, Files]) -> Batch:
    """Ada and Bob hand in the same code under other names; Carl's is his own."""
    batch.add_files("ADA", solutions["plain"])
    copied = {path: data.replace(b"grad", b"g") for path, data in solutions["plain"].items()}
    batch.add_files("BOB", copied)
    batch.add_files("CARL", solutions["loops"])
    return batch


def test_a_copy_is_found_and_an_honest_work_is_not(class_of_three: Batch) -> None:
    found = class_of_three.find()
    (pair,) = found.code
    assert (pair.one, pair.other, found.compared, found.left_out) == ("ADA", "BOB", 3, ())
    assert pair.shared > 0.95
    # The plots of the sample report are everybody's.
    assert {one.key for one in found.pictures[0].pictures} == {"ADA", "BOB", "CARL"}


def test_a_content_that_several_hand_in_is_cut_into_tokens_once_and_keeps_each_ones_name(
    batch: Batch, solutions: dict[str, Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = solutions["plain"]["layers/sequential.py"] + b"# the same\n"
    both = {"layers/relu.py": solutions["loops"]["layers/relu.py"]}
    batch.add_files("ADA", {"layers/sequential.py": code, **both})
    batch.add_files("BOB", {"layers/taken.py": code, **both})
    contents = []

    def counting(path: str, data: bytes, known: Hashes = NOTHING) -> Fingerprint:
        contents.append(data)
        return fingerprint(path, data, known)

    monkeypatch.setattr(find, "fingerprint", counting)
    (pair,) = batch.find().code
    assert ("layers/sequential.py", "layers/taken.py") in {
        (one.one, one.other) for one in pair.files
    }
    assert contents.count(code) == 1


def test_what_was_found_is_kept_until_something_changes(
    class_of_three: Batch, solutions: dict[str, Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = class_of_three.find()
    path = class_of_three.folder.folder / FILE
    assert json.loads(path.read_bytes())["schema"] == "grader-likeness/1"
    compare_all = find._compare_all
    calls = []

    def counting(*args: object) -> Likeness:
        calls.append(args)
        return compare_all(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(find, "_compare_all", counting)
    assert class_of_three.find() == first
    assert calls == []
    class_of_three.add_files("DORA", solutions["loops"])
    assert len(class_of_three.find().code) == 2
    path.write_bytes(path.read_bytes()[:-20])
    assert len(class_of_three.find().code) == 2
    assert len(calls) == 2


def test_the_same_archive_of_two_students_is_named(
    batch: Batch, solutions: dict[str, Files]
) -> None:
    data = zip_files(solutions["plain"], "lab")
    for key in ("ADA", "BOB"):
        batch.add(key, data)
    batch.add_files("CARL", solutions["loops"])
    assert batch.find().archives == (("ADA", "BOB"),)


def test_what_cannot_be_compared_is_said_and_stops_nothing(
    batch: Batch, solutions: dict[str, Files]
) -> None:
    batch.add_files("ADA", solutions["plain"])
    batch.add("BROKEN", b"no zip")
    changed = batch.add_files("CHANGED", solutions["plain"])
    batch.add_files("EMPTY", {})
    batch.add_files("GONE", solutions["plain"]).unlink()
    huge = b"x = 1\n" * (LARGEST_FILE // 6 + 1)
    batch.add_files("HUGE", {**solutions["loops"], "data.py": huge, "nul.py": b"\0" * 999})
    batch.add_files("UNGRADED", solutions["plain"])
    batch.folder.write_problem("UNGRADED", "The disk was full.")
    changed.write_bytes(zip_files(solutions["loops"], None))
    found = batch.find()
    said = {(one.key, one.path): one.why for one in found.left_out}
    assert said[("BROKEN", "")] == "the archive was refused"
    assert said[("CHANGED", "")] == "the archive is not the one that was graded"
    assert said[("EMPTY", "")] == "it holds too little code that is not the template's"
    assert "could not be read" in said[("GONE", "")]
    assert "64 KiB" in said[("HUGE", "data.py")]
    assert said[("UNGRADED", "")] == "it has not been graded"
    assert len(said) == 6
    assert (found.compared, found.code) == (2, ())


def test_a_file_that_the_lexer_fails_on_is_named_and_costs_nobody_anything(
    class_of_three: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(path: str, data: bytes, known: Hashes = NOTHING) -> Fingerprint:
        if b"class ReluLayer" in data:
            raise RecursionError
        return fingerprint(path, data, known)

    monkeypatch.setattr(find, "fingerprint", failing)
    found = class_of_three.find()
    assert [(one.key, one.path) for one in found.left_out] == [
        (key, "layers/relu.py") for key in ("ADA", "BOB", "CARL")
    ]
    assert "RecursionError" in found.left_out[0].why
    assert len(found.code) == 1


def test_staff_are_told_and_students_never(class_of_three: Batch) -> None:
    folder = class_of_three.folder
    entries = finish_batch(folder, folder.manifest(), folder.entries(), class_of_three.project)
    page = (folder.folder / "report.html").read_text()
    assert "Nearly the same code" in page
    summary = json.loads((folder.folder / "summary.json").read_bytes())
    assert summary["likeness"] == {
        "students": ["ADA", "BOB", "CARL"],
        "code_pairs": 1,
        "plot_groups": 1,
        "same_archives": 0,
        "not_compared": 0,
    }
    for entry in entries:
        assert entry.report is not None
        others = {"ADA", "BOB", "CARL"} - {entry.key}
        for document in (
            to_json(entry.report, Audience.STUDENT).decode(),
            student_page(entry.report, "LAB3").decode(),
            to_json(entry.report, Audience.STAFF).decode(),
        ):
            assert not [other for other in others if other.lower() in document.lower()]


def test_likeness_costs_no_points(class_of_three: Batch) -> None:
    before = [entry.report for entry in class_of_three.entries()]
    folder = class_of_three.folder
    finish_batch(folder, folder.manifest(), folder.entries(), class_of_three.project)
    assert [entry.report for entry in class_of_three.entries()] == before
    assert msgspec.json.encode(before)
