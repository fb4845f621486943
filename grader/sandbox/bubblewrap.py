"""The bubblewrap sandbox: namespaces of its own around a runtime that holds nothing private."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
from pathlib import Path

import msgspec

from grader.errors import GraderError, NoSandboxError
from grader.lab import Limits
from grader.sandbox.cgroup import Groups, Places
from grader.sandbox.launch import (
    BOOTSTRAP,
    BRIDGE,
    BROKEN,
    ENDING_SECONDS,
    ENVIRONMENT,
    ISOLATED,
    SOCKET_NAME,
)
from grader.sandbox.orphans import end_orphans
from grader.sandbox.runtime import PLACE, PYTHON, Runtime

# When root runs the grader: files of root's are then out of reach whatever their mode, and the
# kernel's per-user limits hold, which they do not for root.
UNPRIVILEGED = 10001
ROOT = "/work"
PROBE_SECONDS = 20
START_SECONDS = 20
NO_BOUND = 1 << 62
RLIMITS = {
    "memory_mib": "rlimit for each process",
    "processes": "rlimit",
    "cpus": "none",
    "open_files": "rlimit",
    "scratch_mib": "tmpfs",
    "network": "network namespace",
    "system_calls": "seccomp",
}
"""What holds each limit where no control group can be made."""


class _Info(msgspec.Struct, frozen=True):
    """What bubblewrap tells of a sandbox that it has made."""

    child_pid: int = msgspec.field(name="child-pid")


class BubblewrapSandbox:
    """Runs workers under `bwrap`, as an unprivileged user, in namespaces of their own.

    Parameters
    ----------
    program : str
        Path of `bwrap`.
    runtime : Runtime
        The interpreter and packages to show.
    filter_program : bytes
        The system call filter, from `grader.sandbox.seccomp`.
    """

    kind = "bubblewrap"
    isolated = True
    forkable = False  # A process is the child of the one that started it alone.

    def __init__(self, program: str, runtime: Runtime, filter_program: bytes) -> None:
        self._program = program
        self._runtime = runtime
        self._filter = filter_program
        self._places = Places.find()
        self.mechanisms = {**RLIMITS, **self._places.mechanisms()}
        self.uid = UNPRIVILEGED if os.geteuid() == 0 else None

    def runtime_digest(self) -> str:
        """Return the digest that the runtime was made for."""
        return self._runtime.digest

    def launch(self, bridge: Path, token: str, limits: Limits) -> LaunchedBubblewrap:
        """Start a worker in fresh namespaces."""
        groups = self._places.make(limits)
        try:
            process = self._start(bridge, token, limits, groups)
        except BaseException:
            groups.remove()
            raise
        return LaunchedBubblewrap(process, groups, self._rlimits(limits))

    def remove_leftovers(self) -> list[str]:
        """End the processes, and remove the control groups, of graders that have died."""
        return end_orphans() + self._places.remove_leftovers()

    def _start(
        self, bridge: Path, token: str, limits: Limits, groups: Groups
    ) -> subprocess.Popen[bytes]:
        told, info = os.pipe()
        held, go = os.pipe()
        # Larger than a pipe's buffer it cannot be: the kernel takes 4096 instructions of 8 bytes.
        rules, written = os.pipe()
        os.write(written, self._filter)
        os.close(written)
        try:
            try:
                process = subprocess.Popen(  # noqa: S603 - made of this module's own words
                    self._command(bridge, token, limits, groups, (info, held, rules)),
                    cwd="/",
                    env={},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                    pass_fds=(info, held, rules),
                    user=self.uid,
                    group=self.uid,
                    extra_groups=None if self.uid is None else [],
                )
            finally:
                for descriptor in (info, held, rules):
                    os.close(descriptor)
            # Bubblewrap waits before it starts the worker, until the groups hold it.
            child = _child_pid(told)
            if child is not None:
                _confine(process, groups, child)
            os.write(go, b".")
        except BrokenPipeError:
            # It has ended already; whoever waits for the worker reads why.
            pass
        except OSError as error:
            raise GraderError(
                f"bubblewrap could not be started ({error.strerror}).",
                "Free some memory or processes and grade again.",
            ) from error
        finally:
            os.close(told)
            os.close(go)
        return process

    def _command(
        self,
        bridge: Path,
        token: str,
        limits: Limits,
        groups: Groups,
        descriptors: tuple[int, int, int],
    ) -> list[str]:
        info, held, rules = map(str, descriptors)
        return [
            self._program,
            *_namespaces(),
            *("--info-fd", info, "--block-fd", held, "--seccomp", rules),
            # The worker is its namespace's first process, which no process in it can kill or
            # stop; it collects orphans itself. Bubblewrap's own would have the student's user and
            # memory that student code could write to.
            "--as-pid-1",
            *_system(self._runtime.system_root),
            *("--ro-bind", str(self._runtime.folder), PLACE),
            *("--ro-bind", str(bridge), BRIDGE),
            *groups.shown(),
            *_scratch(ROOT, limits),
            *_scratch("/tmp", limits),  # noqa: S108 - the sandbox's own
            # The root is a tmpfs of bubblewrap's own, as large as half the machine's memory.
            *("--remount-ro", "/"),
            *_environment(),
            *("--chdir", ROOT, "--"),
            *(PYTHON, *ISOLATED, "-c", BOOTSTRAP),
            *(f"{PLACE}/worker", f"{BRIDGE}/{SOCKET_NAME}", token),
        ]

    def _rlimits(self, limits: Limits) -> dict[str, int]:
        """Return what the groups do not limit, and what only rlimits can."""
        grouped = self._places.mechanisms()
        rlimits = {
            "CORE": 0,
            "FSIZE": limits.scratch_mib << 20,
            "NOFILE": limits.open_files,
        }
        # The process that runs the tests has a bound of its own, which would be inherited.
        rlimits["AS"] = NO_BOUND if "memory_mib" in grouped else limits.memory_mib << 20
        if "processes" not in grouped:
            rlimits["NPROC"] = limits.processes
        return rlimits


class LaunchedBubblewrap:
    """A `bwrap` process; when it dies, the kernel ends everything in its namespaces."""

    own_pids = True
    root = ROOT

    def __init__(
        self, process: subprocess.Popen[bytes], groups: Groups, rlimits: dict[str, int]
    ) -> None:
        self._process = process
        self._groups = groups
        self.rlimits = rlimits

    def stop(self) -> None:
        """Kill bubblewrap, and with it the namespaces' first process and all others."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()
        self._groups.remove()

    def ended_from_outside(self, *, closed: bool) -> str | None:
        """Return what ended the worker, if it was neither itself nor the lack of memory.

        The worker is its namespace's first process, which nothing inside can kill, and it ends in
        good order only when the grader is gone; bubblewrap itself is out of reach.
        """
        try:
            status = self._process.wait(ENDING_SECONDS if closed else 0)
        except subprocess.TimeoutExpired:
            return BROKEN if closed else None
        if status == 0:
            return BROKEN
        killed = status in (-signal.SIGKILL, 128 + signal.SIGKILL)
        return "it was killed" if killed and not self._groups.ran_out_of_memory() else None

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
    # Of the machine's own: this is a trusted program, and there may be no runtime yet.
    command = [program, "--ro-bind", "/", "/", *_namespaces(), "--", "/usr/bin/env", "true"]
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


def _child_pid(told: int) -> int | None:
    """Return the number of the sandbox's first process; None if bubblewrap has ended before.

    Raises
    ------
    OSError
        If nothing is said in time.
    """
    text = b""
    while b"}" not in text:
        if not select.select([told], [], [], START_SECONDS)[0]:
            raise TimeoutError(None, f"nothing was heard of it for {START_SECONDS} s")
        part = os.read(told, 4096)
        if not part:
            return None
        text += part
    return msgspec.json.decode(text, type=_Info).child_pid


def _confine(process: subprocess.Popen[bytes], groups: Groups, child: int) -> None:
    try:
        groups.add(child)
    except OSError as error:
        process.kill()
        process.wait()
        raise GraderError(
            f"The sandbox could not be put into its control group ({error.strerror}).",
            "Look whether another program manages /sys/fs/cgroup, and grade again.",
        ) from error


def _system(root: Path) -> list[str]:
    """Show what the runtime holds of the system, read-only, as the host lays it out."""
    words: list[str] = []
    for path in sorted(root.iterdir()):
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), f"/{path.name}"]
        else:
            words += ["--ro-bind", str(path), f"/{path.name}"]
    return words


def _scratch(path: str, limits: Limits) -> list[str]:
    return ["--size", str(limits.scratch_mib << 20), "--tmpfs", path]


def _environment() -> list[str]:
    words: list[str] = []
    for name, value in ENVIRONMENT.items():
        words += ["--setenv", name, value]
    return words
