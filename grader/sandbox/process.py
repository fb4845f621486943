"""The plain-process sandbox: resource limits and a clean environment, but no isolation."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grader.errors import GraderError
from grader.lab import Limits
from grader.sandbox.launch import BOOTSTRAP, ENVIRONMENT, ISOLATED, SOCKET_NAME
from grader.sandbox.leftovers import temporary_prefix

PACKAGE_FOLDER = Path(__file__).resolve().parents[2]
ROOT = "submission"
LOG = "worker.log"


class ProcessSandbox:
    """Runs the worker with this very interpreter; student code sees the host."""

    kind = "process"
    isolated = False
    forkable = False  # A process is the child of the one that started it alone.
    mechanisms: dict[str, str] = {  # noqa: RUF012 - a protocol's attribute
        "memory_mib": "rlimit for each process",
        "processes": "none",
        "cpus": "none",
        "open_files": "rlimit",
        "scratch_mib": "rlimit for each file",
        "network": "none",
        "system_calls": "none",
    }
    uid: int | None = None

    def runtime_digest(self) -> None:
        """Return None: the interpreter and packages are whatever this machine has."""

    def remove_leftovers(self) -> list[str]:
        """Remove nothing: a worker ends when its grader does, folders are removed by name."""
        return []

    def launch(self, bridge: Path, token: str, limits: Limits) -> LaunchedProcess:
        """Start the worker as a child in a session of its own."""
        arguments = [str(PACKAGE_FOLDER), str(bridge / SOCKET_NAME), token]
        command = [sys.executable, *ISOLATED, "-c", BOOTSTRAP, *arguments]
        home = make_home()
        process = start_worker(command, home, "Free some memory or processes and grade again.")
        return LaunchedProcess(process, home, limits)


def make_home() -> Path:
    """Make a temporary folder for a worker, with one for the submission in it."""
    home = Path(tempfile.mkdtemp(prefix=temporary_prefix("process")))
    (home / ROOT).mkdir()
    return home


def start_worker(
    command: Sequence[str], home: Path, do: str, **as_whom: Any
) -> subprocess.Popen[bytes]:
    """Start a worker as a child in a session of its own.

    Parameters
    ----------
    command : sequence of str
        The worker.
    home : Path
        As `make_home` made it; removed if the worker cannot be started.
    do : str
        What people can do then.
    **as_whom : object
        What `Popen` takes for another user.

    Raises
    ------
    GraderError
        If it cannot be started.
    """
    try:
        with (home / LOG).open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - our own worker
                command,
                cwd=home / ROOT,
                env={**ENVIRONMENT, "HOME": str(home), "MPLCONFIGDIR": str(home)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
                **as_whom,
            )
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(home, ignore_errors=True)
        why = error.strerror if isinstance(error, OSError) else error
        raise GraderError(f"The worker process could not be started ({why}).", do) from error


class LaunchedProcess:
    """A worker running as a plain child process."""

    own_pids = False

    def __init__(self, process: subprocess.Popen[bytes], home: Path, limits: Limits) -> None:
        self._process = process
        self._home = home
        self.root = str(home / ROOT)
        self.rlimits = {
            "AS": limits.memory_mib << 20,
            "CORE": 0,
            "FSIZE": limits.scratch_mib << 20,
            "NOFILE": limits.open_files,
        }

    def stop(self) -> None:
        """Kill the worker; its item process dies with it."""
        # Closing the control connection has told the worker to kill what it started. Killed
        # before it has, its children would be orphans that nobody knows.
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def ended_from_outside(self, *, closed: bool) -> None:
        """Return None: student code can do here whatever the machine's user can."""

    def last_words(self) -> str:
        """Return the end of what the worker wrote to stderr."""
        log = self._home / LOG
        return log.read_text(errors="replace").strip()[-400:] if log.exists() else ""
