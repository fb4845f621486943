"""What the benchmarks measure with: CPU of forks, of a process and its children, of containers."""

from __future__ import annotations

import os
import resource
import tempfile
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import docker

from grader.lab import Limits
from grader.sandbox.docker import DockerSandbox

TICK = os.sysconf("SC_CLK_TCK")
CGROUPS = Path("/sys/fs/cgroup")


class MeteredDocker(DockerSandbox):
    """The Docker sandbox, its containers below one control group, so that their CPU adds up.

    Parameters
    ----------
    sandbox : DockerSandbox
        What to meter.
    """

    def __init__(self, sandbox: DockerSandbox) -> None:
        super().__init__(sandbox.runtime_digest(), sandbox._profile)
        driver = super().own_client().info()["CgroupDriver"]
        name = f"nnbench{uuid.uuid4().hex[:8]}"
        self._parent = f"{name}.slice" if driver == "systemd" else f"/{name}"

    def own_client(self) -> docker.DockerClient:
        """Return a client whose containers are made below the group."""
        client = super().own_client()
        make = client.api.create_host_config
        if not isinstance(make, partial):
            grouped = partial(make, cgroup_parent=self._parent)
            client.api.create_host_config = grouped  # type: ignore[method-assign]
        return client

    def cpu_seconds(self) -> float:
        """Return the CPU time, user and system, of all its containers so far."""
        name = self._parent.strip("/")
        accounting = CGROUPS / "cpuacct" / name / "cpuacct.usage"
        if accounting.exists():
            return int(accounting.read_text()) / 1e9
        if not (CGROUPS / name).exists():
            return 0.0  # No container yet.
        lines = (CGROUPS / name / "cpu.stat").read_text().splitlines()
        return int(dict(line.split() for line in lines)["usage_usec"]) / 1e6

    def starting_seconds(self, limits: Limits, times: int = 12) -> float:
        """Return the CPU time that the engine spends in a container before its program runs.

        The engine's own program sets up a container from within, so that this is in the
        container's account; what is measured are containers whose program does nothing.

        Parameters
        ----------
        limits : Limits
            Of the containers.
        times : int
            How many to start.
        """
        api = self.own_client().api
        create = api.create_container

        def create_idle(image: str, command: list[str], **more: Any) -> Any:
            return create(image, ["true"], **more)

        api.create_container = create_idle  # type: ignore[method-assign, assignment]
        try:
            before = self.cpu_seconds()
            with tempfile.TemporaryDirectory() as name:
                for _ in range(times):
                    container = self.launch(Path(name), "", limits)
                    api.wait(container.id)
                    container.stop()
            return (self.cpu_seconds() - before) / times
        finally:
            api.create_container = create  # type: ignore[method-assign]

    def remove_groups(self) -> None:
        """Remove the group; its containers must be gone."""
        name = self._parent.strip("/")
        for group in (*CGROUPS.glob(f"*/{name}"), CGROUPS / name):
            with suppress(OSError):
                group.rmdir()


def in_fork(run: Callable[[Path], None]) -> float:
    """Run in a fork, silently, and return its CPU seconds, user and system.

    Parameters
    ----------
    run : callable
        Gets a temporary folder.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = os.fork()
    if child == 0:
        try:
            with tempfile.TemporaryDirectory() as name:
                silence = os.open(os.devnull, os.O_WRONLY)
                os.dup2(silence, 1)
                os.dup2(silence, 2)
                run(Path(name))
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise RuntimeError("a run ended early")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cpu_of(process: int) -> float:
    """Return the CPU seconds of a process and of those of its children that it has waited for."""
    line = Path(f"/proc/{process}/stat").read_text()
    fields = line.rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / TICK
