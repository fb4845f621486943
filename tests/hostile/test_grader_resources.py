"""Student code cannot use up the grader's own memory, time or good name."""

from __future__ import annotations

import multiprocessing
import random
import resource
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from grader.demo import EXAMPLES, example_files
from grader.lab import Project
from grader.model import Outcome, Report
from grader.pipeline import Plan, grade
from grader.sandbox import cell
from tests.hostile.attack import Attack, write_archive, write_zip
from tests.hostile.conftest import WatchedSandbox
from tests.hostile.test_attacks import graded, item_of, outcomes_of

MEMORY_MIB = 1400
"""Far above what a run of the layer tests takes, far below what the attacks ask for."""


def measured(grade_it: Callable[[], Report]) -> tuple[Report, int]:
    """Return the report, and the most memory in MiB that a process of the grader's had for it."""
    context = multiprocessing.get_context("fork")
    results: multiprocessing.SimpleQueue[tuple[Report, int]] = context.SimpleQueue()

    def run() -> None:
        report = grade_it()
        kilobytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        results.put((report, kilobytes // 1024))

    process = context.Process(target=run)
    process.start()
    result = results.get()
    process.join()
    return result


def test_host_objects_cannot_be_made_to_fill_the_graders_memory(
    watched: WatchedSandbox, project: Project, tmp_path: Path
) -> None:
    """Two small arrays that a layer multiplies into one large: here 1 GB, and it could be 1 TB."""
    attack = Attack(
        name="outer-product",
        tries="A spy layer is given weights whose product with its input is huge.",
        item="sequential",
        code="""
import os
import numpy as np

right_init = Sequential.__init__

def init(self, layers, loss):
    right_init(self, layers, loss)
    for layer in layers:
        if not hasattr(layer, "W"):
            continue
        print("CANARY: multiplies", flush=True)
        layer.W, layer.b = np.ones((10_000, 1)), np.ones((1, 1))
        try:
            layer.forward(np.ones((13_000, 1)))
        finally:
            os._exit(0)

Sequential.__init__ = init
""",
        limits={"lost_processes": 1},
    )
    archive = write_archive(attack, project, tmp_path)
    report, mebibytes = measured(lambda: graded(attack, archive, project, watched))
    item = item_of(report, "sequential")
    assert Outcome.GRADER_ERROR not in outcomes_of(item)
    assert item.points is not None
    assert item.points < item.max_points
    assert "CANARY" in item.output
    assert mebibytes < MEMORY_MIB


def test_refused_questions_are_not_kept_in_the_graders_memory(
    watched: WatchedSandbox, project: Project, tmp_path: Path
) -> None:
    """The grader remembers why it refused, and not the 8 MB that it was asked with."""
    attack = Attack(
        name="long-names",
        tries="A spy layer is asked for attributes whose names are long, again and again.",
        item="sequential",
        code="""
import os

def init(self, layers, loss):
    for _ in range(100):
        try:
            getattr(loss, "A" * (8 << 20))
        except AttributeError:
            print("CANARY: refused", flush=True)
    os._exit(0)

Sequential.__init__ = init
""",
        limits={"lost_processes": 1},
    )
    archive = write_archive(attack, project, tmp_path)
    report, mebibytes = measured(lambda: graded(attack, archive, project, watched))
    item = item_of(report, "sequential")
    assert Outcome.GRADER_ERROR not in outcomes_of(item)
    assert item.points == 0
    assert item.output.count("CANARY") == 100
    assert mebibytes < MEMORY_MIB / 2


def test_questions_are_not_kept_in_the_graders_memory_for_later_submissions(
    watched_process: WatchedSandbox, project: Project, tmp_path: Path
) -> None:
    """A case that passes, with 300 MB asked in it, leaves nothing for others to be told ahead."""
    attack = Attack(
        name="large-questions",
        tries="A spy layer is given large arrays, again and again, by otherwise right code.",
        item="sequential",
        code="""
import numpy as np

right_init = Sequential.__init__

def init(self, layers, loss):
    right_init(self, layers, loss)
    for _ in range(20):
        loss.x = np.ones(15 << 17)
    print("CANARY: asked", flush=True)
    Sequential.__init__ = right_init

Sequential.__init__ = init
""",
    )
    archive = write_archive(attack, project, tmp_path)
    report, mebibytes = measured(lambda: graded(attack, archive, project, watched_process))
    item = item_of(report, "sequential")
    assert {*outcomes_of(item)} == {Outcome.PASSED}, (outcomes_of(item), item.feedback)
    assert "CANARY" in item.output
    assert mebibytes < MEMORY_MIB / 4


def test_the_last_byte_of_memory_stays_with_those_who_judge(
    watched_process: WatchedSandbox, project: Project, tmp_path: Path
) -> None:
    attack = Attack(
        name="ever-smaller-copies",
        tries="A spy is copied until there is no room for another, with ever smaller arrays on it.",
        item="sequential",
        code="""
import copy
import numpy as np

right_init = Sequential.__init__

def init(self, layers, loss):
    right_init(self, layers, loss)
    print("CANARY: copies", flush=True)
    kept = []
    for size in (15 << 17, 1 << 17, 1 << 13, 1 << 9, 1 << 6, 1):
        try:
            loss.x = np.ones(size)
            while True:
                kept.append(copy.deepcopy(loss))
        except Exception:
            continue

Sequential.__init__ = init
""",
        on="right",
        outcome=Outcome.CRASHED,
    )
    archive = write_archive(attack, project, tmp_path)
    report = graded(attack, archive, project, watched_process)
    item = item_of(report, "sequential")
    assert {*outcomes_of(item)} == {Outcome.CRASHED}, (outcomes_of(item), item.feedback)
    assert "CANARY" in item.output
    assert {*outcomes_of(item_of(report, attack.neighbour))} == {Outcome.PASSED}


def test_killing_every_worker_is_the_students_loss_and_no_error_of_the_graders(
    watched_process: WatchedSandbox,
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More workers are lost than a submission may have launched; only a plain process can be."""
    monkeypatch.setattr(cell, "MOST_LAUNCHES", 4)
    files = example_files(project, EXAMPLES[0])
    items = project.lab.test_items[:2]
    for item in items:
        files[f"layers/{item}.py"] += b"\nimport os\nos.kill(os.getppid(), 9)\nos._exit(0)\n"
    report = grade(write_zip(files, tmp_path), Plan(project, watched_process, 7, items)).report
    assert {case.outcome for item in report.items for case in item.cases} == {Outcome.CRASHED}
    assert report.score == 0
    assert len(watched_process.launches()) == 4


@pytest.mark.parametrize(
    "room", [{"scratch_mib": 8}, {"frame_mib": 2}], ids=lambda room: next(iter(room))
)
def test_files_that_there_is_no_room_for_do_not_keep_a_submission_from_being_graded(
    room: dict[str, int], watched: WatchedSandbox, project: Project, tmp_path: Path
) -> None:
    """The archive may be larger unpacked than the sandbox's folder is, and than a frame."""
    files = example_files(project, EXAMPLES[0])
    files |= {f"data{number}.npz": random.Random(number).randbytes(3 << 20) for number in range(3)}
    limits = msgspec.structs.replace(project.lab.limits, **room)
    lab = msgspec.structs.replace(project.lab, limits=limits)
    smaller = msgspec.structs.replace(project, lab=lab)
    report = grade(write_zip(files, tmp_path), Plan(smaller, watched, 7, ("relu",))).report
    assert report.score == project.lab.line("relu").points


def test_a_name_that_is_too_long_for_the_sandbox_does_not_keep_a_submission_from_being_graded(
    watched: WatchedSandbox, project: Project, tmp_path: Path
) -> None:
    """A name's length counts in bytes on Linux, and in characters where students work."""
    files = example_files(project, EXAMPLES[0]) | {"答" * 90 + ".txt": b"notes"}
    report = grade(write_zip(files, tmp_path), Plan(project, watched, 7, ("relu",))).report
    assert Outcome.GRADER_ERROR not in {item.outcome for item in report.items}
