"""The bubblewrap sandbox: namespaces of its own around a runtime that holds nothing private."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from grader.errors import GraderError, NoSandboxError
from grader.lab import Limits
from grader.sandbox.launch import BOOTSTRAP, ENVIRONMENT, ISOLATED, SOCKET_NAME
from grader.sandbox.runtime import Runtime

# When root runs the grader: files of root's are then out of reach whatever their mode, and the
# kernel's per-user limits hold, which they do not for root.
UNPRIVILEGED = 10001
ROOT = "/work"
BRIDGE = "/bridge"
RUNTIME = "/runtime"
PROBE_SECONDS = 20


class BubblewrapSandbox:
    """Runs workers under `bwrap`, as an unprivileged user, in namespaces of their own.

    Parameters
    ----------
    program : str
        Path of `bwrap`.
    runtime : Runtime
        The interpreter and packages to show.
    """

    kind = "bubblewrap"
    isolated = True

    def __init__(self, program: str, runtime: Runtime) -> None:
        self._program = program
        self._runtime = runtime
        self.uid = UNPRIVILEGED if os.geteuid() == 0 else None

    def runtime_digest(self) -> str:
        """Return the digest that the runtime was made for."""
        return self._runtime.digest

    def launch(self, bridge: Path, token: str, limits: Limits) -> LaunchedBubblewrap:
        """Start a worker in fresh namespaces."""
        python = f"{RUNTIME}/{self._runtime.python}" if self._runtime.python else None
        command = [
            self._program,
            *_namespaces(),
            *_system_folders(),
            *("--ro-bind", str(self._runtime.folder), RUNTIME),
            *("--ro-bind", str(bridge), BRIDGE),
            *_scratch(ROOT, limits),
            *_scratch("/tmp", limits),  # noqa: S108 - the sandbox's own
            # The root is a tmpfs of bubblewrap's own, as large as half the machine's memory.
            *("--remount-ro", "/"),
            *_environment(),
            *("--chdir", ROOT, "--"),
            *(python or self._runtime.interpreter, *ISOLATED, "-c"),
            f"import sys; sys.path.append({RUNTIME + '/packages'!r}); {BOOTSTRAP}",
            *(f"{RUNTIME}/worker", f"{BRIDGE}/{SOCKET_NAME}", token),
        ]
        try:
            process = subprocess.Popen(  # noqa: S603 - made of this module's own words
                command,
                cwd="/",
                env={},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
                user=self.uid,
                group=self.uid,
                extra_groups=None if self.uid is None else [],
            )
        except OSError as error:
            raise GraderError(
                f"bubblewrap could not be started ({error.strerror}).",
                "Free some memory or processes and grade again.",
            ) from error
        return LaunchedBubblewrap(process, limits)


class LaunchedBubblewrap:
    """A `bwrap` process; when it dies, the kernel ends everything in its namespaces."""

    own_pids = True
    root = ROOT

    def __init__(self, process: subprocess.Popen[bytes], limits: Limits) -> None:
        self._process = process
        self.rlimits = {
            "AS": limits.memory_mib << 20,
            "CORE": 0,
            "FSIZE": limits.scratch_mib << 20,
            "NOFILE": limits.open_files,
            "NPROC": limits.processes,
        }

    def stop(self) -> None:
        """Kill bubblewrap, and with it the namespaces' first process and all others."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def last_words(self) -> str:
        """Return the end of what bubblewrap or the worker wrote to stderr."""
        if self._process.stderr is None:
            return ""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.stderr.read().decode(errors="replace").strip()[-400:]


def probe_bubblewrap() -> str:
    """Return the path of a `bwrap` that works here.

    Raises
    ------
    NoSandboxError
        If there is none; it says what was missing.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise NoSandboxError(
            "bubblewrap is not installed.",
            "Install it (on Debian: `apt-get install bubblewrap`).",
        )
    uid = UNPRIVILEGED if os.geteuid() == 0 else None
    command = [program, *_namespaces(), *_system_folders(), "--", "/usr/bin/env", "true"]
    try:
        tried = subprocess.run(  # noqa: S603
            command,
            cwd="/",
            capture_output=True,
            check=False,
            timeout=PROBE_SECONDS,
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoSandboxError(
            f"bubblewrap does not run here ({error}).", "Use Docker instead."
        ) from error
    if tried.returncode != 0:
        raise NoSandboxError(
            f"bubblewrap cannot make a sandbox here: {tried.stderr.decode().strip()[:300]}.",
            "Let unprivileged users make namespaces (sysctl kernel.unprivileged_userns_clone=1 "
            "or user.max_user_namespaces), or use Docker.",
        )
    return program


def _namespaces() -> list[str]:
    return [
        *("--unshare-all", "--unshare-user", "--disable-userns"),
        *("--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"),
        *("--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"),
    ]


def _system_folders() -> list[str]:
    """Show the system's libraries and programs, read-only, as the host lays them out."""
    shown = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "lib", "lib64", "lib32", "sbin"):
        path = Path("/", name)
        if path.is_symlink():
            shown += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            shown += ["--ro-bind", str(path), str(path)]
    return [*shown, "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]


def _scratch(path: str, limits: Limits) -> list[str]:
    return ["--size", str(limits.scratch_mib << 20), "--tmpfs", path]


def _environment() -> list[str]:
    words: list[str] = []
    for name, value in ENVIRONMENT.items():
        words += ["--setenv", name, value]
    return words
