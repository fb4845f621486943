"""Implementations run in forks of one collector: apart from each other, and none left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from grader.lab import Project
from grader.sandbox.docker import CONTAINER_LABEL
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


PATIENCE = 30.0
SCRIPT = """
import sys
from grader.lab import find_project
from grader.sandbox.choice import SandboxKind, choose_sandbox
from grader.suite.collected import run_jobs
from grader.suite.observation import SUITES, Job
from grader.suite.implementations import right_solution

project = find_project()
files = right_solution(project)
files["layers/relu.py"] += b"\\nimport time\\ntime.sleep(600)\\n"
kind = sys.argv[1]
sandbox = choose_sandbox(SandboxKind(kind), project.root, print) if kind != "none" else None
list(run_jobs([Job(files, ("relu",), (1,))], project, sandbox, 1, SUITES))
"""


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("none", signal.SIGTERM),
        ("none", signal.SIGINT),
        pytest.param("bubblewrap", signal.SIGKILL, marks=pytest.mark.bubblewrap),
        pytest.param("docker", signal.SIGTERM, marks=pytest.mark.docker),
    ],
)
def test_a_command_that_is_ended_leaves_no_process_container_or_folder(
    kind: str, number: signal.Signals, request: pytest.FixtureRequest, place: Path
) -> None:
    if kind != "none":
        request.getfixturevalue(f"{kind}_sandbox")
    command = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, kind],
        env={**os.environ, "TMPDIR": str(place)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        # The command, its collector and the implementation's process.
        wait_for(lambda: len(processes_of(command.pid)) == 3)
        owners = processes_of(command.pid)
        if kind != "none":
            wait_for(lambda: sandboxes_of(owners, place))
        command.send_signal(number)
        command.wait(PATIENCE)
        wait_for(lambda: not processes_of(command.pid) and not sandboxes_of(owners, place))
        assert not list(place.iterdir())
    finally:
        with suppress(ProcessLookupError):
            os.killpg(command.pid, signal.SIGKILL)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for temporary ones: short, for sockets, and open to the sandboxes' users."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def processes_of(session: int) -> set[int]:
    """Return the processes of a session."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, _, _, number = (process / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(number) == session and state != "Z":
                found.add(int(process.name))
    return found


def sandboxes_of(owners: set[int], place: Path) -> list[str]:
    """Return the containers that processes own, and what runs with a folder below a place."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if str(place).encode() in process.read_bytes():
                found.append(str(process))
    form = f'{{{{.Label "{CONTAINER_LABEL}"}}}}'
    with suppress(FileNotFoundError):
        listing = [
            "docker",
            "ps",
            "--all",
            "--format",
            form,
            "--filter",
            f"label={CONTAINER_LABEL}",
        ]
        names = subprocess.run(listing, capture_output=True, text=True, check=False).stdout.split()
        found += [name for name in names if int(name.split(".")[2], 16) in owners]
    return found


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("answer", [b"", b"\xc1", b"\x91\x01"])
def test_an_answer_that_was_not_written_to_its_end_says_so(answer: bytes) -> None:
    decoded: Any = collected._decode(answer)
    assert decoded == "the process that ran them ended early"
