"""Control groups for bubblewrap: limits on a whole sandbox, which rlimits cannot give.

Versions 1 and 2 are used where this process may make a group, each controller on its own: one
machine can have some of them in either. Where there is none, the caller falls back to rlimits.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec

from grader import owner
from grader.bridge import memory_count
from grader.errors import GraderError
from grader.lab import Limits

PREFIX = "nn-lab-"
PERIOD = 100_000
"""Microseconds over which processor time is shared out."""
ENDING_SECONDS = 5.0
_MEMORY, _PROCESSES, _CPU = "memory", "pids", "cpu"
_OF_LIMIT = {"memory_mib": _MEMORY, "processes": _PROCESSES, "cpus": _CPU}

_number = itertools.count()


class Place(msgspec.Struct, frozen=True):
    """A group in which this process can make others.

    Attributes
    ----------
    folder : Path
        The group's folder.
    version : int
        1 or 2.
    """

    folder: Path
    version: int


class Places(msgspec.Struct, frozen=True):
    """Where groups can be made, by controller: any of `memory`, `pids` and `cpu`."""

    of: dict[str, Place]

    @classmethod
    def find(cls, proc: Path = Path("/proc/self")) -> Self:
        """Look for them, as near to this process's own groups as possible.

        Parameters
        ----------
        proc : Path
            Where the kernel tells of a process's groups and mounts.
        """
        found = {}
        for controller, folder, top, version in _hierarchies(proc):
            if controller in _OF_LIMIT.values() and controller not in found:
                place = _usable(controller, folder, top, version)
                if place is not None:
                    found[controller] = place
        return cls(found)

    def mechanisms(self) -> dict[str, str]:
        """Return what holds each limit that a group here can hold."""
        return {
            limit: f"cgroup v{self.of[controller].version}"
            for limit, controller in _OF_LIMIT.items()
            if controller in self.of
        }

    def make(self, limits: Limits) -> Groups:
        """Make groups with these limits for one sandbox.

        Raises
        ------
        GraderError
            If they could be made before and cannot now.
        """
        name = f"{PREFIX}{owner.own_name()}-{next(_number)}"
        groups = Groups(
            {place.folder / name: place.version for place in self.of.values()},
            memory=self.of[_MEMORY].folder / name if _MEMORY in self.of else None,
        )
        try:
            for folder in groups.folders:
                folder.mkdir()
            for controller, place in self.of.items():
                _set_limit(controller, place.folder / name, place.version, limits)
        except OSError as error:
            groups.remove()
            raise GraderError(
                f"A control group could not be made ({error}).",
                "Look whether another program manages /sys/fs/cgroup, and grade again.",
            ) from error
        return groups

    def remove_leftovers(self) -> list[str]:
        """Remove the groups of graders that have died; return their names."""
        removed = []
        for place in {place.folder: place for place in self.of.values()}.values():
            for folder in place.folder.glob(f"{PREFIX}*"):
                name = folder.name.removeprefix(PREFIX).rpartition("-")[0]
                if owner.is_dead(name):
                    Groups({folder: place.version}, memory=None).remove()
                    removed.append(folder.name)
        return removed


class Groups:
    """The control groups of one sandbox.

    Parameters
    ----------
    folders : dict of Path to int
        Their folders, each with its hierarchy's version.
    memory : Path or None
        The one that limits memory, if there is one.
    """

    def __init__(self, folders: dict[Path, int], memory: Path | None) -> None:
        self.folders = folders
        self.memory = memory

    def add(self, pid: int) -> None:
        """Move a process in; what it starts from now on is in as well."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(pid))

    def shown(self) -> list[str]:
        """Return bubblewrap's words for showing the memory group where Docker shows it.

        The worker counts there how often memory ran out; it and its students cannot write.
        """
        if self.memory is None:
            return []
        inside = "/sys/fs/cgroup" if self.folders[self.memory] == 2 else "/sys/fs/cgroup/memory"
        return ["--ro-bind", str(self.memory), inside]

    def ran_out_of_memory(self) -> bool:
        """Return whether processes were killed because they used all they may; False if unknown."""
        if self.memory is None:
            return False
        folder = str(self.memory)
        return memory_count.kills(folder) > 0 and memory_count.limit_was_reached(folder)

    def remove(self) -> None:
        """Kill whatever is left in the groups, and remove them; twice does no harm."""
        deadline = time.monotonic() + ENDING_SECONDS
        for folder in self.folders:
            while folder.is_dir():
                for pid in _processes(folder):
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)
                try:
                    folder.rmdir()
                except OSError:
                    # Killed processes leave a moment later; one that cannot die stays a leftover.
                    if time.monotonic() > deadline:
                        break
                    time.sleep(0.005)


def _processes(folder: Path) -> list[int]:
    try:
        return [int(line) for line in (folder / "cgroup.procs").read_text().split()]
    except OSError:
        return []


def _set_limit(controller: str, folder: Path, version: int, limits: Limits) -> None:
    memory = str(limits.memory_mib << 20)
    quota = str(int(limits.cpus * PERIOD))
    match controller, version:
        case "memory", 1:
            _write(folder / "memory.limit_in_bytes", memory)
            # Some kernels count swap apart, or not at all.
            _write_if_there(folder / "memory.memsw.limit_in_bytes", memory)
            _write_if_there(folder / "memory.swappiness", "0")
        case "memory", 2:
            _write(folder / "memory.max", memory)
            _write_if_there(folder / "memory.swap.max", "0")
        case "pids", _:
            _write(folder / "pids.max", str(limits.processes))
        case "cpu", 1:
            _write(folder / "cpu.cfs_period_us", str(PERIOD))
            try:
                _write(folder / "cpu.cfs_quota_us", quota)
            except OSError as error:
                # A group around this one allows less, and that holds.
                if error.errno != errno.EINVAL:
                    raise
        case "cpu", 2:
            _write(folder / "cpu.max", f"{quota} {PERIOD}")


def _write(path: Path, text: str) -> None:
    # Never made: in a group's folder the files are the kernel's.
    with path.open("r+") as file:
        file.write(text)


def _write_if_there(path: Path, text: str) -> None:
    if path.exists():
        _write(path, text)


def _hierarchies(proc: Path) -> Iterator[tuple[str, Path, Path, int]]:
    """Yield each controller with this process's group, the topmost one shown, and the version."""
    try:
        own = [line.split(":", 2) for line in (proc / "cgroup").read_text().splitlines()]
        mounts = [line.split() for line in (proc / "mountinfo").read_text().splitlines()]
    except OSError:
        return
    for mount in mounts:
        root, point, kind = mount[3], _unescape(mount[4]), mount[mount.index("-") + 1]
        options = mount[-1].split(",")
        for _, names, path in own:
            controllers = names.split(",") if names else []
            top = Path(point)
            below = path if root == "/" else path.removeprefix(root)
            folder = top / below.lstrip("/")
            if kind == "cgroup" and controllers and set(controllers) <= {*options}:
                yield from ((controller, folder, top, 1) for controller in controllers)
            elif kind == "cgroup2" and not controllers:
                yield from ((controller, folder, top, 2) for controller in _offered(top))


def _unescape(point: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), point)


def _offered(folder: Path) -> list[str]:
    try:
        return (folder / "cgroup.controllers").read_text().split()
    except OSError:
        return []


def _usable(controller: str, own: Path, top: Path, version: int) -> Place | None:
    """Return the nearest group, from this process's own upwards, where one can be made."""
    folder = own
    while folder == top or folder.is_relative_to(top):
        if _can_make(controller, folder, version):
            return Place(folder, version)
        if folder == top:
            return None
        folder = folder.parent
    return None


def _can_make(controller: str, folder: Path, version: int) -> bool:
    """Try it: make a group, move a process that does nothing in, and remove it."""
    tried = folder / f"{PREFIX}{owner.own_name()}-{next(_number)}"
    try:
        if version == 2 and controller not in _shared_out(folder):
            # Refused where the group has processes of its own, unless it is the topmost.
            _write(folder / "cgroup.subtree_control", f"+{controller}")
        tried.mkdir()
    except OSError:
        return False
    groups = Groups({tried: version}, memory=None)
    try:
        return _takes_a_process(groups)
    finally:
        groups.remove()


def _shared_out(folder: Path) -> list[str]:
    return (folder / "cgroup.subtree_control").read_text().split()


def _takes_a_process(groups: Groups) -> bool:
    child = os.fork()
    if child == 0:
        try:
            signal.pause()
        finally:
            os._exit(0)
    try:
        groups.add(child)
    except OSError:
        return False
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return True
