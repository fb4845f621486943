"""The Docker sandbox: one hardened, single-use container a submission."""

from __future__ import annotations

import contextlib
import os
import signal
from datetime import datetime
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests
from docker.types import LogConfig, Ulimit

from grader import owner
from grader.bridge.dialling import STANDARD_STREAMS
from grader.errors import NoSandboxError
from grader.lab import Limits
from grader.sandbox.docker.attached import AttachedBridge
from grader.sandbox.docker.engine import connect, daemon_errors, is_remote
from grader.sandbox.docker.images import image_status
from grader.sandbox.launch import (
    BOOTSTRAP,
    BRIDGE,
    BROKEN,
    ENDING_SECONDS,
    ENVIRONMENT,
    ISOLATED,
    SOCKET_NAME,
)
from grader.sandbox.seccomp import profile_text

UID = 10001
WORKER = "/opt/worker"
ROOT = "/work"
CONTAINER_LABEL = "nn-lab.grader"
MACHINE_LABEL = "nn-lab.machine"
SCRATCH_INODES = 4096
KILLED = 128 + signal.SIGKILL
LATE_SECONDS = 2
"""How long after a container's end the engine may hear that its memory had run out."""

# What a call to the daemon raises if there is none any more, or not that container.
DAEMON_GONE = (docker.errors.APIError, requests.exceptions.RequestException, NoSandboxError)

MECHANISMS = {
    "memory_mib": "cgroup",
    "processes": "cgroup",
    "cpus": "cgroup",
    "open_files": "rlimit",
    "scratch_mib": "tmpfs",
    "network": "network namespace",
    "system_calls": "seccomp",
}

# What the image sets itself.
_OF_THE_IMAGE = frozenset({"PATH"})


class DockerSandbox:
    """Runs workers in containers of the sandbox image.

    Parameters
    ----------
    image_id : str
        Docker's id of the image.
    profile : str
        The seccomp profile, in Docker's own format.
    remote : bool
        Whether the engine may be on another machine: nothing of this one is then shared with the
        container, and the bridge goes over its standard streams.
    """

    kind = "docker"
    isolated = True
    mechanisms = MECHANISMS
    # The daemon makes the bind mount, whoever owns the folder.
    uid: int | None = None

    def __init__(self, image_id: str, profile: str, *, remote: bool = False) -> None:
        self._image_id = image_id
        self._profile = profile
        self._remote = remote
        # The thread that reads a container's streams stays with the process that started it.
        self.forkable = not remote
        self._client: docker.DockerClient | None = None
        self._client_pid = 0

    def runtime_digest(self) -> str:
        """Return the image's id, which is a digest of its content."""
        return self._image_id

    def launch(self, bridge: Path, token: str, limits: Limits) -> LaunchedContainer:
        """Create and start a container, with nothing of the host but the socket's folder."""
        address = STANDARD_STREAMS if self._remote else f"{BRIDGE}/{SOCKET_NAME}"
        shared = [] if self._remote else [f"{bridge}:{BRIDGE}:ro"]
        memory = f"{limits.memory_mib}m"
        scratch = (
            f"rw,nosuid,nodev,noexec,uid={UID},gid={UID},mode=0700,"
            f"size={limits.scratch_mib}m,nr_inodes={SCRATCH_INODES}"
        )
        ulimits = {
            "nofile": limits.open_files,
            "fsize": limits.scratch_mib << 20,
            "core": 0,
        }
        with daemon_errors("start a container"):
            client = self.own_client()
            created = client.api.create_container(
                self._image_id,
                ["python", *ISOLATED, "-c", BOOTSTRAP, WORKER, address, token],
                environment={k: v for k, v in ENVIRONMENT.items() if k not in _OF_THE_IMAGE},
                labels={CONTAINER_LABEL: owner.own_name(), MACHINE_LABEL: owner.machine()},
                stdin_open=self._remote,
                user=f"{UID}:{UID}",
                volumes=[] if self._remote else [BRIDGE],
                working_dir=ROOT,
                # It still has a network namespace of its own, with nothing but loopback in it. The
                # engine need not know that one, which it otherwise learns by starting its whole
                # program again for each container: half of what a container costs it.
                network_disabled=True,
                host_config=client.api.create_host_config(
                    binds=shared,
                    cap_drop=["ALL"],
                    # The worker is the first process: no other can kill or stop it, and it
                    # collects orphans itself. Docker's own init has the student's user and memory
                    # that student code could write to.
                    init=False,
                    ipc_mode="none",
                    log_config=LogConfig(type="none"),
                    mem_limit=memory,
                    mem_swappiness=0,
                    memswap_limit=memory,
                    nano_cpus=int(limits.cpus * 1e9),
                    network_mode="none",
                    pids_limit=limits.processes,
                    read_only=True,
                    security_opt=["no-new-privileges", f"seccomp={self._profile}"],
                    tmpfs={ROOT: scratch, "/tmp": scratch},  # noqa: S108 - the container's own
                    ulimits=[Ulimit(name=n, soft=v, hard=v) for n, v in ulimits.items()],
                ),
            )
            launched = LaunchedContainer(self, created["Id"])
            try:
                if self._remote:
                    # Before it starts, or its first words would be lost.
                    launched.attach(bridge / SOCKET_NAME)
                client.api.start(created["Id"])
            except BaseException:
                launched.stop()
                raise
        return launched

    def remove_leftovers(self) -> list[str]:
        """Remove the containers of this machine's graders that have died.

        An engine can serve several machines, and of the others' graders nothing is known here.
        """
        ours = [CONTAINER_LABEL, f"{MACHINE_LABEL}={owner.machine()}"]
        removed = []
        with daemon_errors("look for leftover containers"):
            for container in self.own_client().containers.list(
                all=True, ignore_removed=True, filters={"label": ours}
            ):
                if owner.is_dead(container.labels[CONTAINER_LABEL]):
                    # Another grader that has just started may be faster.
                    with contextlib.suppress(docker.errors.APIError):
                        container.remove(force=True, v=True)
                        removed.append(str(container.name))
        return removed

    def own_client(self) -> docker.DockerClient:
        """Return this process's client: a fork must not share its parent's connections."""
        if self._client is None or self._client_pid != os.getpid():
            self._client = connect()
            self._client_pid = os.getpid()
        return self._client


class LaunchedContainer:
    """A container that was created and has not been removed."""

    own_pids = True
    root = ROOT

    def __init__(self, sandbox: DockerSandbox, container: str) -> None:
        self._sandbox = sandbox
        self.id = container
        self._attached: AttachedBridge | None = None
        # The container's own limits hold already.
        self.rlimits: dict[str, int] = {}

    def attach(self, path: Path) -> None:
        """Lead what the container opens over its standard streams to the socket at `path`."""
        api = self._sandbox.own_client().api
        streams = {"stdin": 1, "stdout": 1, "stream": 1}
        self._attached = AttachedBridge(api.attach_socket(self.id, streams), path)

    def stop(self) -> None:
        """Kill and remove the container; a daemon that is gone has nothing to remove."""
        if self._attached is not None:
            self._attached.stop()
        with contextlib.suppress(*DAEMON_GONE):
            self._sandbox.own_client().api.remove_container(self.id, force=True, v=True)

    def ended_from_outside(self, *, closed: bool) -> str | None:
        """Return what ended the worker or keeps it, if it was neither itself nor lack of memory.

        The worker is the container's first process, which nothing inside can kill, and it ends in
        good order only when the grader is gone. A child that is killed for memory leaves the
        worker alive and `OOMKilled` true, so both are read.
        """
        if closed:
            # How it waited is of no account: what has become of the container is asked next.
            with contextlib.suppress(*DAEMON_GONE):
                self._sandbox.own_client().api.wait(self.id, timeout=ENDING_SECONDS)
        try:
            state = self._state()
            if state["Running"]:
                paused = "the container was paused" if state["Paused"] else None
                return BROKEN if closed else paused
            if state["ExitCode"] == 0:
                return BROKEN
            if state["ExitCode"] == KILLED and not self._ran_out_of_memory(state):
                return "the container was killed"
        except docker.errors.NotFound:
            return "the container was removed"
        except DAEMON_GONE:
            return "the Docker engine does not answer"
        return None

    def _ran_out_of_memory(self, state: dict[str, Any]) -> bool:
        """Return whether a process of the ended container was killed for memory.

        The engine hears of that and of the container's end on two ways. If the end comes first, the
        container's state never says it; the engine's list of events does.
        """
        if state["OOMKilled"]:
            return True
        ended = datetime.fromisoformat(state["FinishedAt"]).timestamp()
        events = self._sandbox.own_client().api.events(
            since=1, until=int(ended) + LATE_SECONDS, filters={"container": self.id, "event": "oom"}
        )
        with contextlib.closing(events):
            return any(True for _ in events)

    def last_words(self) -> str:
        """Return the container's state as Docker tells it."""
        try:
            state = self._state()
        except DAEMON_GONE as error:
            return f"Docker does not answer ({type(error).__name__})"
        words = f"container {state['Status']}, exit code {state['ExitCode']}"
        if state["OOMKilled"]:
            words += ", out of memory"
        return words + (f", {state['Error']}" if state["Error"] else "")

    def _state(self) -> dict[str, Any]:
        found: dict[str, Any] = self._sandbox.own_client().api.inspect_container(self.id)["State"]
        return found


def find_docker(project_root: Path) -> DockerSandbox:
    """Return the Docker sandbox, ready to use.

    Raises
    ------
    NoSandboxError
        If no Docker engine answers, or the image is not built from the present sources.
    """
    status = image_status(project_root)
    if status.id is None:
        raise NoSandboxError(
            f"Docker runs, but the sandbox image {status.tag} is not there.",
            "Run `grader image build`.",
        )
    return DockerSandbox(status.id, profile_text(project_root), remote=is_remote())
