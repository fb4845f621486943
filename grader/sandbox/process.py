"""The plain-process sandbox: resource limits and a clean environment, but no isolation."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from grader.errors import GraderError
from grader.lab import Limits
from grader.sandbox.launch import BOOTSTRAP, ENVIRONMENT, ISOLATED, SOCKET_NAME
from grader.sandbox.leftovers import temporary_prefix

PACKAGE_FOLDER = Path(__file__).resolve().parents[2]


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
        home = Path(tempfile.mkdtemp(prefix=temporary_prefix("process")))
        root = home / "submission"
        root.mkdir()
        socket_path = str(bridge / SOCKET_NAME)
        arguments = [
            sys.executable,
            *ISOLATED,
            "-c",
            BOOTSTRAP,
            str(PACKAGE_FOLDER),
            socket_path,
            token,
        ]
        try:
            with (home / "worker.log").open("wb") as log:
                process = subprocess.Popen(  # noqa: S603 - our own worker
                    arguments,
                    cwd=root,
                    env={**ENVIRONMENT, "HOME": str(home), "MPLCONFIGDIR": str(home)},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    start_new_session=True,
                )
        except OSError as error:
            shutil.rmtree(home, ignore_errors=True)
            raise GraderError(
                f"The worker process could not be started ({error.strerror}).",
                "Free some memory or processes and grade again.",
            ) from error
        return LaunchedProcess(process, home, root, limits)


class LaunchedProcess:
    """A worker running as a plain child process."""

    own_pids = False

    def __init__(
        self, process: subprocess.Popen[bytes], home: Path, root: Path, limits: Limits
    ) -> None:
        self._process = process
        self._home = home
        self.root = str(root)
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
        log = self._home / "worker.log"
        return log.read_text(errors="replace").strip()[-400:] if log.exists() else ""
