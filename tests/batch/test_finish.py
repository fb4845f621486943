"""What is made of a batch as a whole, and made again when something changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from grader.batch.finish import PAGE, finish_batch
from grader.batch.folder import pictures
from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.folder.manifest import Manifest
from grader.batch.folder.outline import Outlines
from grader.batch.source.handed import Handed
from grader.lab import Project
from grader.model import Graded
from grader.overrides import Override, apply_overrides, write_overrides
from grader.picture import as_png
from grader.report.class_page import ClassFacts, class_page
from grader.report.thumbnail import Thumbnail
from tests.report.html_page import Page
from tests.report.samples import report_of

PLOT = as_png(np.full((400, 600, 3), 250, np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> BatchFolder:
    """A batch of two, one of whom has a plot."""
    place = BatchFolder(tmp_path / "out")
    handed = tuple(Handed(key, tmp_path / f"{key}.zip", f"{key}.zip") for key in ("ADA", "BOB"))
    place.begin(Manifest(source=tmp_path, sandbox="process", items=(), seed=7, handed=handed))
    place.write("ADA", Graded(report_of(), {"plots/student-1.png": PLOT}), ())
    place.write("BOB", Graded(report_of()), ())
    return place


def finish(folder: BatchFolder, project: Project) -> Page:
    finish_batch(folder, folder.manifest(), folder.entries(), project)
    return Page((folder.folder / PAGE).read_bytes())


def test_a_batch_ends_in_a_gradebook_a_summary_and_a_page(
    folder: BatchFolder, project: Project
) -> None:
    page = finish(folder, project)
    assert {"gradebook.csv", "summary.json", "report.html"} < {
        path.name for path in folder.folder.iterdir()
    }
    assert "2 submissions" in page.text
    assert len(page.all("img")) == 1
    assert folder.folder.joinpath(PAGE).stat().st_mode & 0o077 == 0


def test_a_page_that_is_made_again_shows_what_changed(
    folder: BatchFolder, project: Project
) -> None:
    assert "BOB: The disk was full." not in " ".join(finish(folder, project).text.split())
    folder.write_problem("BOB", "The disk was full.")
    assert "BOB: The disk was full." in " ".join(finish(folder, project).text.split())


def test_small_pictures_are_made_once_and_again_if_damaged(
    folder: BatchFolder, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def making(picture: bytes) -> Thumbnail:
        made.append(picture)
        return Thumbnail(1, 1, "png", b"small")

    monkeypatch.setattr(pictures, "make_thumbnail", making)
    for _ in range(2):
        assert finish(folder, project).all("img")[0]["src"] == "data:image/png;base64,c21hbGw="
        (folder.folder / PAGE).unlink()
    assert made == [PLOT]
    (kept,) = (folder.folder / pictures.FOLDER).iterdir()
    kept.write_bytes(b"torn")
    finish(folder, project)
    assert made == [PLOT, PLOT]
    assert msgspec.msgpack.decode(kept.read_bytes(), type=Thumbnail).width == 1


def test_a_page_is_made_again_only_if_something_in_it_changed(
    folder: BatchFolder, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def making(facts: ClassFacts) -> Iterator[bytes]:
        made.append(facts.made_from)
        return class_page(facts)

    monkeypatch.setattr("grader.batch.finish.class_page", making)
    for _ in range(2):
        finish(folder, project)
    assert len(made) == 1
    report = folder.read("BOB")
    later = msgspec.structs.replace(report, graded_at="2026-11-30T10:00:00+00:00")
    folder.rewrite("BOB", later)
    assert "graded 2026-11-30T10:00:00+00:00" in finish(folder, project).text
    (folder.artefacts_path("ADA") / "plots" / "student-1.png").write_bytes(PLOT[:-1])
    finish(folder, project)
    assert len(set(made)) == len(made) == 3
    (folder.folder / PAGE).write_bytes(b"<html>")
    assert "2 submissions" in finish(folder, project).text


def test_outlines_are_enough_for_a_page_and_a_decision_loses_nothing_of_the_report(
    folder: BatchFolder, project: Project
) -> None:
    whole = finish(folder, project).text
    (folder.folder / PAGE).unlink()
    outlines = Outlines()
    entries = [
        msgspec.structs.replace(entry, report=outlines.outline(entry.report))
        for entry in folder.entries()
        if entry.report is not None
    ]
    finish_batch(folder, folder.manifest(), entries, project)
    assert Page((folder.folder / PAGE).read_bytes()).text == whole
    before = folder.read("ADA")
    sha = before.submission.sha256
    decision = Override(sha, "plots", 8.0, "Bob", "2026-11-24T10:00:00+01:00", "no labels")
    write_overrides(folder.overrides_path, [decision])
    finish_batch(folder, folder.manifest(), entries, project)
    assert folder.read("ADA") == apply_overrides(before, [decision], "ADA") != before


def test_a_picture_that_is_gone_is_linked_and_loses_no_page(
    folder: BatchFolder, project: Project
) -> None:
    (folder.artefacts_path("ADA") / "plots" / "student-1.png").unlink()
    assert finish(folder, project).all("img") == []


def test_a_decision_reaches_the_page(folder: BatchFolder, project: Project) -> None:
    assert "decide on plots" in finish(folder, project).text
    sha = report_of().submission.sha256
    decision = Override(sha, "plots", 8.0, "Bob", "2026-11-24T10:00:00+01:00", "no labels")
    write_overrides(folder.overrides_path, [decision])
    page = " ".join(finish(folder, project).text.split())
    assert "decide on plots" not in page
    assert "Bob decided on 2026-11-24 10:00: 8 points. no labels" in page
