"""The plain-process sandbox: a clean environment and limits, and nothing left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from grader.errors import GraderError
from grader.lab import Lab, Project
from grader.sandbox.cell import Cell
from grader.sandbox.launch import SOCKET_NAME
from grader.sandbox.process import LaunchedProcess, ProcessSandbox


@pytest.fixture
def lab(project: Project) -> Lab:
    return project.lab


@pytest.fixture
def idle(tmp_path: Path, lab: Lab) -> Iterator[LaunchedProcess]:
    """Launch a worker that nobody listens to: it ends by itself."""
    launched = ProcessSandbox().launch(tmp_path, "token", lab.limits)
    yield launched
    launched.stop()


def test_it_says_that_it_does_not_isolate() -> None:
    sandbox = ProcessSandbox()
    assert (sandbox.kind, sandbox.isolated, sandbox.uid) == ("process", False, None)
    sandbox.runtime_digest()


def test_the_submissions_root_is_a_fresh_folder_and_gone_afterwards(
    idle: LaunchedProcess,
) -> None:
    root = Path(idle.root)
    assert list(root.iterdir()) == []
    idle.stop()
    assert not root.parent.exists()
    idle.stop()


def test_a_worker_that_fails_leaves_its_last_words(idle: LaunchedProcess) -> None:
    deadline = time.monotonic() + 60
    while "FileNotFoundError" not in idle.last_words() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "FileNotFoundError" in idle.last_words()
    assert len(idle.last_words()) <= 400
    idle.stop()
    assert idle.last_words() == ""


def test_the_limits_of_the_lab_are_those_of_the_item_processes(
    idle: LaunchedProcess, lab: Lab
) -> None:
    assert idle.rlimits == {
        "AS": lab.limits.memory_mib << 20,
        "CORE": 0,
        "FSIZE": lab.limits.scratch_mib << 20,
        "NOFILE": lab.limits.open_files,
    }
    assert not idle.own_pids


def test_a_process_that_cannot_be_started_is_the_graders_fault(
    tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "missing"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(GraderError, match="could not be started"):
        ProcessSandbox().launch(tmp_path / SOCKET_NAME, "token", lab.limits)
    assert list(tmp_path.glob("nn-lab-process-*")) == []


# What a submission sees and leaves -----------------------------------------------------------

PROBE = """
import os, resource, subprocess, sys

class FullLayer:
    def forward(self, what):
        if what == "environment":
            return dict(os.environ)
        if what == "cwd":
            return [os.getcwd(), sys.path[0], sys.argv]
        if what == "limits":
            return [resource.getrlimit(r)[0] for r in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE,
                                                       resource.RLIMIT_NOFILE)]
        if what == "fds":
            return sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
        if what == "tests":
            ours = ("grader", "pytest", "_pytest", "hidden_tests", "hypothesis", "msgspec")
            return [name for name in sys.modules if name.partition(".")[0] in ours]
        if what == "child":
            return subprocess.Popen(["sleep", "600"], start_new_session=True).pid
"""


def ask(lab: Lab, question: str) -> object:
    """Ask a submission about its surroundings."""
    from grader.bridge import proxy
    from grader.checks.case_run import make_session

    with Cell(ProcessSandbox(), lab, {"layers/full.py": PROBE.encode()}) as cell:
        session = make_session(cell, lab)
        layers = proxy.layers_package(lab.classes, session.channel)["layers"]
        session.begin_case("full", 1)
        answer: object = layers.FullLayer().forward(question)
        session.end_item()
        if question == "child":
            # While the worker still lives: the next item must not meet what this one left.
            return _is_alive(answer)
        return answer


def test_nothing_of_the_graders_environment_reaches_the_student(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "do not tell")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    environment = ask(lab, "environment")
    assert isinstance(environment, dict)
    assert "SECRET_TOKEN" not in environment
    assert "PYTHONPATH" not in environment
    assert environment["OMP_NUM_THREADS"] == "1"
    assert "nn-lab-process-" in environment["HOME"]


def test_the_students_folder_is_the_working_folder_and_comes_first_on_the_path(lab: Lab) -> None:
    answer = ask(lab, "cwd")
    assert isinstance(answer, list)
    folder, first, arguments = answer
    assert folder == first
    assert folder.endswith("/submission")
    assert arguments == [""]


def test_limits_are_set_on_the_student_process(lab: Lab) -> None:
    changed = msgspec.structs.replace(lab.limits, scratch_mib=3, open_files=40)
    answer = ask(msgspec.structs.replace(lab, limits=changed), "limits")
    assert answer == [0, 3 << 20, 40]


def test_the_student_has_the_standard_files_and_its_own_connection_and_no_more(lab: Lab) -> None:
    # The fifth is the one that lists them.
    assert ask(lab, "fds") == [0, 1, 2, 3, 4]


def test_no_test_machinery_is_loaded_where_student_code_runs(lab: Lab) -> None:
    loaded = ask(lab, "tests")
    assert isinstance(loaded, list)
    assert not [name for name in loaded if "pytest" in name or "test" in name]
    # The bridge's own half, and nothing that knows of tests, grades or other students.
    assert [n for n in loaded if n.startswith("grader") and not n.startswith("grader.bridge")] == [
        "grader"
    ]


def test_processes_that_student_code_starts_do_not_outlive_its_item(lab: Lab) -> None:
    assert ask(lab, "child") is False


def _is_alive(pid: object) -> bool:
    """Whether a process runs; it may have to be waited for a moment."""
    assert isinstance(pid, int)
    assert pid > 1
    for _ in range(100):
        try:
            os.kill(pid, signal.SIG_DFL)
            state = Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0]
        except (ProcessLookupError, FileNotFoundError):
            return False
        if state == "Z":
            return False
        time.sleep(0.02)
    return True
