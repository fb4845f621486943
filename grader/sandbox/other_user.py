"""The sandbox for inside a container that allows no other: a process of a user without rights.

Gradescope's containers hold Docker's default restrictions, and no namespaces can be made in them.
What is left is the kernel's oldest fence: another user, who can read nothing of root's.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from grader.errors import NoSandboxError
from grader.lab import Limits
from grader.sandbox.launch import BOOTSTRAP, ISOLATED, SOCKET_NAME
from grader.sandbox.process import ROOT, LaunchedProcess, make_home, start_worker
from grader.sandbox.runtime import VERSION, Runtime

USER = 10002
"""Nobody else's: when a submission is done, every process of this user is killed."""
_SHELL = "/bin/sh"
_NO_NEW_PRIVS = 38
_SECONDS = 20


class OtherUserSandbox:
    """Runs workers as a user of their own, in the container that the grader itself is in.

    Parameters
    ----------
    runtime : Runtime
        The interpreter, packages and worker that the user may read.
    closed : iterable of Path
        What the user must not be able to read.

    Raises
    ------
    NoSandboxError
        If this process may not change its user, or that user can read what must be closed.
    """

    kind = "process"
    isolated = False
    forkable = False
    mechanisms: dict[str, str] = {  # noqa: RUF012 - a protocol's attribute
        "memory_mib": "rlimit for each process",
        "processes": "rlimit",
        "cpus": "the container's",
        "open_files": "rlimit",
        "scratch_mib": "rlimit for each file",
        "files": "another user, who can read nothing of the grader's",
        "network": "none",
        "system_calls": "the container's",
    }

    def __init__(self, runtime: Runtime, closed: Iterable[Path]) -> None:
        self._runtime = runtime
        self.uid: int | None = USER
        if os.geteuid() != 0:
            raise NoSandboxError(
                "Student code cannot be run as another user, as this is not root.",
                "Run the autograder as root, as Gradescope does.",
            )
        for path in closed:
            if _may_read(path):
                raise NoSandboxError(
                    f"{path} could be read by student code.", f"Close it: chmod -R go-rwx {path}"
                )

    def runtime_digest(self) -> str:
        """Return the digest that the runtime was made for."""
        return self._runtime.digest

    def remove_leftovers(self) -> list[str]:
        """Kill what is left of the user's; there is one submission in a container."""
        _kill_all()
        return []

    def launch(self, bridge: Path, token: str, limits: Limits) -> LaunchedAsOtherUser:
        """Start the worker as the other user, in a session of its own."""
        home = make_home()
        for place in (home, home / ROOT):
            os.chown(place, USER, USER)
        folder = self._runtime.folder
        packages = str(folder / "packages")
        command = [str(folder / "python" / "bin" / VERSION), *ISOLATED, "-c"]
        command.append(f"import sys; sys.path.append({packages!r}); {BOOTSTRAP}")
        command += [str(folder / "worker"), str(bridge / SOCKET_NAME), token]
        process = start_worker(
            command,
            home,
            "Give the container more memory or processes, and grade again.",
            user=USER,
            group=USER,
            extra_groups=[],
            umask=0o077,
            preexec_fn=_give_up_privileges,
        )
        return LaunchedAsOtherUser(process, home, limits)


class LaunchedAsOtherUser(LaunchedProcess):
    """A worker of the other user's."""

    def __init__(self, process: subprocess.Popen[bytes], home: Path, limits: Limits) -> None:
        super().__init__(process, home, limits)
        self.rlimits["NPROC"] = limits.processes

    def stop(self) -> None:
        """Kill the worker, and whatever student code has left running."""
        _kill_all()
        super().stop()


def _give_up_privileges() -> None:
    """Keep programs that run as their owner, such as sudo, from doing so."""
    ctypes.CDLL(None).prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)


def _may_read(path: Path) -> bool:
    """Try as the user, rather than reason about modes and access lists."""
    done = _as_user('test -r "$1" || test -x "$1" || test -w "$1"', str(path))
    return done != 1


def _kill_all() -> None:
    """Kill all processes of the user at once, which can start no other meanwhile."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        _as_user("kill -KILL -1")


def _as_user(script: str, *words: str) -> int:
    return subprocess.run(  # noqa: S603 - a script of this module's own
        [_SHELL, "-c", script, _SHELL, *words],
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=_SECONDS,
        check=False,
        user=USER,
        group=USER,
        extra_groups=[],
    ).returncode
