"""`grader batch`: nothing is lost, whatever ends it, nothing graded twice, no zero made up."""

from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grader.batch.folder.batch_folder import BatchFolder, gradebook
from grader.demo import EXAMPLES, example_files, zip_files
from grader.errors import ConfigurationError
from grader.lab import Project
from grader.model import Entry
from grader.overrides import Override, write_overrides
from tests.benchmarks.batch_killed import Comparison, compare

ONLY = "structure,relu,cross_entropy"
START = "from grader.cli.main import main; main()"


@pytest.fixture
def archives(project: Project, tmp_path: Path) -> Path:
    return write_archives(project, tmp_path / "handed in")


def write_archives(project: Project, folder: Path) -> Path:
    """Write six archives: right ones, a template, and one that is no zip at all."""
    folder.mkdir()
    for n, example in enumerate([*EXAMPLES[:4], EXAMPLES[5]]):
        name = f"STUDENT_NUMBER{'ABCDE'[n]}_LAB3"
        files = example_files(project, example)
        (folder / f"{name}.zip").write_bytes(zip_files(files, name))
    (folder / "NO_ZIP_LAB3.zip").write_bytes(b"this is no zip")
    return folder


@pytest.fixture(scope="module")
def filled_cache(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("graded before")
    source = write_archives(project, place / "handed in")
    done = run(source, place / "out", place / "cache")
    assert done.returncode == 0, done.stderr
    return place / "cache"


@pytest.fixture
def known(filled_cache: Path, tmp_path: Path) -> Path:
    """A cache that has the archives' results, for tests about what comes after grading."""
    return Path(shutil.copytree(filled_cache, tmp_path / "cache"))


def command(source: Path, out: Path, *more: str, only: str = ONLY, start: str = START) -> list[str]:
    words = ["batch", str(source), "--out", str(out), "--sandbox", "process", "--only", only]
    return [sys.executable, "-c", start, *words, "--jobs", "2", *more]


def environment(cache: Path) -> dict[str, str]:
    return {**os.environ, "XDG_CACHE_HOME": str(cache)}


def run(
    source: Path, out: Path, cache: Path, *more: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(source, out, *more, **settings),
        env=environment(cache),
        capture_output=True,
        text=True,
        check=False,
    )


def results(out: Path) -> dict[str, Any]:
    """Return all reports without what tells only when and how fast they were made."""
    found = {}
    for path in sorted((out / "submissions").glob("*/report.json")):
        report = json.loads(path.read_bytes())
        for name in ("timings", "graded_at"):
            del report[name]
        for item in report["items"]:
            for case in item["cases"]:
                del case["seconds"]
        found[path.parent.name] = report
    return found


def test_a_batch_leaves_a_report_each_a_gradebook_and_a_summary(
    archives: Path, tmp_path: Path
) -> None:
    done = run(archives, tmp_path / "out", tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    assert len(results(tmp_path / "out")) == 6
    with (tmp_path / "out" / "gradebook.csv").open() as file:
        rows = {row["key"]: row for row in csv.DictReader(file)}
    # Only some items were asked for: what they sum up to is nobody's score.
    left_out = "not run: full, softmax, sequential, plots, better_cifar"
    for key, points in (("STUDENT_NUMBERA", "10 10 15"), ("STUDENT_NUMBERB", "10 0 0")):
        row = rows[key]
        assert [row[item] for item in ONLY.split(",")] == points.split()
        assert (row["score"], row["full"], row["to_do"]) == ("", "", left_out)
    # A person decides on what could not be opened; until then nobody has a zero.
    assert rows["NO_ZIP"]["score"] == ""
    assert rows["NO_ZIP"]["to_do"] == "decide on structure"
    summary = json.loads((tmp_path / "out" / "summary.json").read_bytes())
    counts = [summary[name] for name in ("submissions", "graded", "graded_in_part")]
    assert counts == [6, 0, 5]
    assert summary["provisional"] == ["NO_ZIP"]


def test_a_second_run_judges_nothing_again(archives: Path, tmp_path: Path) -> None:
    run(archives, tmp_path / "out", tmp_path / "cache")
    place = Path("submissions/STUDENT_NUMBERA/report.json")
    before = (tmp_path / "out" / place).read_bytes()
    for out in ("out", "other out"):
        done = run(archives, tmp_path / out, tmp_path / "cache")
        assert done.returncode == 0
        # And it says where to look, and what is left to do, so that it can be typed.
        assert f"the class: {tmp_path / out / 'report.html'}\n" in done.stderr
        assert f"grader review {shlex.quote(str(tmp_path / out))}\n" in done.stderr
    # What says the same is not written again, its times among it.
    assert (tmp_path / "out" / place).read_bytes() == before
    assert results(tmp_path / "other out") == results(tmp_path / "out")
    assert "layer_tests" in json.loads(before)["timings"]
    assert "layer_tests" not in json.loads((tmp_path / "other out" / place).read_bytes())["timings"]


def test_a_batch_killed_at_random_moments_goes_on_and_comes_to_the_same(
    project: Project, tmp_path: Path
) -> None:
    place = tmp_path / "soak"
    place.mkdir()
    found = compare(project, place, 8, ("relu", "sequential"), "process", kills=3, jobs=2, seed=1)
    assert found == Comparison(8, different=0, lost=0, left=0)
    deadline = time.monotonic() + 60
    while left := _processes_with(str(place)):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def _processes_with(word: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if word in line and str(os.getpid()) != path.parent.name:
            found.append(line)
    return found


def test_an_interrupted_batch_says_how_to_go_on(archives: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command(archives, tmp_path / "out"),
        env=environment(tmp_path / "cache"),
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has it ignored, and it would be inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    while not process.stderr.readline().startswith("1/6"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "run the same command again to go on" in said
    assert "Traceback" not in said


def test_people_s_decisions_are_applied_on_every_run(
    archives: Path, known: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(archives, out, known)
    sha = results(out)["NO_ZIP"]["submission"]["sha256"]
    decision = Override(sha, "structure", 0.0, "Ada", "2026-11-24T10:00:00+01:00", "sent a photo")
    write_overrides(out / "overrides.json", [decision])
    for _ in range(2):
        again = run(archives, out, known)
        assert again.returncode == 0
        assert "grader review" not in again.stderr
        report = results(out)["NO_ZIP"]
        assert (report["score"], report["provisional"]) == (0.0, False)
        assert report["items"][0]["decision"]["why"] == "sent a photo"


def test_the_class_list_shows_who_is_missing_and_who_is_unknown(
    archives: Path, tmp_path: Path
) -> None:
    roster = tmp_path / "students.csv"
    lines = [f"Number{letter} Student,{n}" for n, letter in enumerate("ABCDE", 10)]
    roster.write_text("\n".join(["name,seed", *lines, "Mia Missing,99", ""]))
    out = tmp_path / "out"
    more = ("--roster", str(roster))
    done = run(archives, out, tmp_path / "cache", *more, only="structure")
    assert done.returncode == 0, done.stderr
    summary = json.loads((out / "summary.json").read_bytes())
    assert summary["without_submission"] == ["Mia Missing (line 7, number 99) has no submission."]
    (unknown,) = summary["not_in_roster"]
    assert unknown.startswith('NO_ZIP ("NO_ZIP_LAB3.zip") has no number from the class list')
    assert unknown in done.stderr
    assert summary["without_submission"][0] in done.stderr
    manifest = BatchFolder(out).manifest()
    assert manifest.roster == roster
    assert {one.key: one.seed for one in manifest.handed}["STUDENT_NUMBERB"] == 11


def test_resume_without_a_batch_is_refused(archives: Path, tmp_path: Path) -> None:
    done = run(archives, tmp_path / "out", tmp_path / "cache", "--resume")
    assert done.returncode == 2
    assert "holds no batch to go on with" in done.stderr


def test_a_name_that_a_spreadsheet_would_compute_is_kept_as_text(project: Project) -> None:
    entry = Entry("=key", '=HYPERLINK("http://x")', None, "gone")
    table = gradebook([entry], project.lab).decode()
    assert "'=key,\"'=HYPERLINK" in table
    assert "needs regrade" in table


def test_the_folder_tells_what_is_known_of_each_submission(
    archives: Path, known: Path, tmp_path: Path
) -> None:
    run(archives, tmp_path / "out", known)
    folder = BatchFolder(tmp_path / "out")
    assert folder.manifest().items == tuple(ONLY.split(","))
    assert [entry.key for entry in folder.entries()] == sorted(results(tmp_path / "out"))
    assert not any(entry.needs_regrade for entry in folder.entries())
    folder.write_problem("NO_ZIP", "The disk was full.")
    broken = {entry.key: entry for entry in folder.entries()}["NO_ZIP"]
    # An older report would be taken for a grade.
    assert (broken.report, broken.problem) == (None, "The disk was full.")
    assert run(archives, tmp_path / "out", known).returncode == 0
    assert not any(entry.needs_regrade for entry in folder.entries())


def test_a_report_about_an_earlier_archive_counts_no_more_once_another_was_handed_in(
    archives: Path, known: Path, tmp_path: Path
) -> None:
    run(archives, tmp_path / "out", known)
    folder = BatchFolder(tmp_path / "out")
    shutil.copy(archives / "STUDENT_NUMBERA_LAB3.zip", archives / "STUDENT_NUMBERB_LAB3.zip")
    # A batch that is ended before it takes the archive in.
    folder.begin(folder.manifest())
    entries = {entry.key: entry for entry in folder.entries()}
    assert [key for key, entry in entries.items() if entry.needs_regrade] == ["STUDENT_NUMBERB"]
    assert "handed in since" in entries["STUDENT_NUMBERB"].problem
    assert run(archives, tmp_path / "out", known).returncode == 0
    assert not any(entry.needs_regrade for entry in folder.entries())


def test_a_folder_without_a_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no batch"):
        BatchFolder(tmp_path).entries()
    (tmp_path / "batch.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="does not say what the batch is"):
        BatchFolder(tmp_path).entries()


def test_a_report_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"report\.json cannot be read"):
        BatchFolder(tmp_path).read("nobody")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of its own, with room for little."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k,mode=755", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_batch_on_a_full_disk_says_so_and_a_second_run_completes(
    archives: Path, known: Path, small_disk: Path, tmp_path: Path
) -> None:
    undisturbed = tmp_path / "undisturbed"
    assert run(archives, undisturbed, known).returncode == 0
    out = small_disk / "out"
    done = run(archives, out, tmp_path / "other cache")
    assert done.returncode == 1
    assert "could not be written (No space left on device)" in done.stderr
    assert "Traceback" not in done.stderr
    remount = ["mount", "-o", "remount,size=64m", str(small_disk)]
    subprocess.run(remount, check=True)
    assert run(archives, out, tmp_path / "other cache").returncode == 0
    assert results(out) == results(undisturbed)
