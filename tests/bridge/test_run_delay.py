"""Waiting for a processor is counted, but not what a process made itself wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.bridge import run_delay


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run_delay, "_PROCESSES", str(tmp_path))
    return tmp_path


def thread(folder: Path, ran: float, waited: float) -> None:
    folder.mkdir(parents=True)
    (folder / "schedstat").write_text(f"{int(ran * 1e9)} {int(waited * 1e9)} 7\n")


def process(processes: Path, pid: int, ran: float, waited: float, *threads: float) -> None:
    """Write what the kernel tells of a process: of its first thread, and what others have run."""
    thread(processes / str(pid), ran, waited)
    thread(processes / str(pid) / "task" / str(pid), ran, waited)
    for number, other in enumerate(threads, 100 * pid):
        thread(processes / str(pid) / "task" / str(number), other, 0.0)


def test_what_others_had_of_the_processor_is_the_delay(processes: Path) -> None:
    process(processes, 1, 50.0, 0.0)
    process(processes, 7, 2.0, 30.0)
    assert run_delay.delay_seconds(7, neighbours=True) == 30.0
    assert run_delay.delay_seconds(7, neighbours=False) == 30.0


def test_who_keeps_the_processor_busy_itself_has_no_delay(processes: Path) -> None:
    process(processes, 1, 50.0, 0.0)
    process(processes, 7, 2.0, 30.0, 9.0, 9.0)
    assert run_delay.delay_seconds(7, neighbours=False) == 12.0
    process(processes, 8, 15.0, 0.0)
    assert run_delay.delay_seconds(7, neighbours=True) == 0.0
    # Elsewhere the other processes are not of its making.
    assert run_delay.delay_seconds(7, neighbours=False) == 12.0


def test_where_nobody_counts_there_is_no_delay(processes: Path) -> None:
    assert run_delay.delay_seconds(7, neighbours=True) == 0.0
    assert run_delay.own_delay_seconds() == 0.0


def test_this_threads_own_delay_is_counted(processes: Path) -> None:
    thread(processes / "thread-self", 4.0, 3.0)
    assert run_delay.own_delay_seconds() == 3.0
