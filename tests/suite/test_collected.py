"""Implementations run in forks of one collector: apart from each other, and none left behind."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pytest

from grader.lab import Project
from grader.suite import collected
from grader.suite.collected import run_jobs
from grader.suite.implementations import right_solution
from grader.suite.observation import SUITES, Job


def job(project: Project, more: Mapping[str, str]) -> Job:
    """A right solution with lines added to some of its files; its relu cases alone."""
    files = right_solution(project)
    added = {path: files[path] + b"\n" + text.encode() for path, text in more.items()}
    return Job({**files, **added}, ("relu",), (1,))


def test_one_implementation_neither_ends_nor_changes_the_next(project: Project) -> None:
    jobs = [
        job(project, {"layers/relu.py": "import os\nos._exit(0)\n"}),
        job(project, {"layers/relu.py": "np.maximum = np.minimum\n"}),
        job(project, {"layers/relu.py": "raise SystemExit\n"}),
        job(project, {}),
    ]
    answers = dict(run_jobs(jobs, project, None, 1, SUITES))
    assert answers[0] == "the process that ran them ended early"
    spoilt, unloaded, right = answers[1], answers[2], answers[3]
    assert isinstance(spoilt, tuple)
    assert not all(one.passed for one in spoilt)
    assert isinstance(unloaded, tuple)
    assert unloaded
    assert not any(one.passed for one in unloaded)
    assert isinstance(right, tuple)
    assert all(one.passed for one in right)
    assert len(right) == len(spoilt) == len(unloaded)


def test_a_test_file_that_cannot_be_loaded_is_the_answer(copied: Project) -> None:
    with (copied.hidden_tests / "test_relu.py").open("a") as file:
        file.write("\nimport no_such_module\n")
    ((number, answer),) = run_jobs([job(copied, {})], copied, None, 1, SUITES)
    assert number == 0
    assert isinstance(answer, str)
    assert "hidden_tests/test_relu.py" in answer
    assert "no_such_module" in answer


def test_whoever_stops_listening_leaves_no_process_behind(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    fork = os.fork

    def noted() -> int:
        started.append(fork())
        return started[-1]

    monkeypatch.setattr(os, "fork", noted)
    endless = job(project, {"layers/relu.py": "import time\ntime.sleep(60)\n"})
    answers = run_jobs([job(project, {}), endless], project, None, 1, SUITES)
    number, _ = next(answers)
    assert number == 0
    answers.close()
    assert len(started) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(started[0], 0)


@pytest.mark.parametrize("answer", [b"", b"\xc1", b"\x91\x01"])
def test_an_answer_that_was_not_written_to_its_end_says_so(answer: bytes) -> None:
    decoded: Any = collected._decode(answer)
    assert decoded == "the process that ran them ended early"
