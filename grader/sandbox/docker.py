"""The Docker sandbox: one hardened, single-use container a submission; and its image."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

import docker
import docker.errors
import msgspec
import requests
from docker.types import LogConfig, Ulimit

from grader import owner
from grader.errors import GraderError, NoSandboxError
from grader.lab import Limits
from grader.sandbox import image
from grader.sandbox.launch import BOOTSTRAP, ENVIRONMENT, ISOLATED, SOCKET_NAME
from grader.sandbox.seccomp import profile_text

UID = 10001
WORKER = "/opt/worker"
BRIDGE = "/bridge"
ROOT = "/work"
CONTAINER_LABEL = "nn-lab.grader"
DAEMON_SECONDS = 120
SCRATCH_INODES = 4096
KILLED = 128 + signal.SIGKILL

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


class ImageState(StrEnum):
    """Whether the sandbox image can be used."""

    READY = "ready"
    MISSING = "missing"


class ImageStatus(msgspec.Struct, frozen=True):
    """What `grader image status` tells.

    Attributes
    ----------
    state : ImageState
        MISSING also where only an image of other content is there.
    tag : str
        The name that the image of the present sources has or would have.
    id : str or None
        Docker's id of it.
    """

    state: ImageState
    tag: str
    id: str | None


class DockerSandbox:
    """Runs workers in containers of the sandbox image.

    Parameters
    ----------
    image_id : str
        Docker's id of the image.
    profile : str
        The seccomp profile, in Docker's own format.
    """

    kind = "docker"
    isolated = True
    forkable = True
    mechanisms = MECHANISMS
    # The daemon makes the bind mount, whoever owns the folder.
    uid: int | None = None

    def __init__(self, image_id: str, profile: str) -> None:
        self._image_id = image_id
        self._profile = profile
        self._client: docker.DockerClient | None = None
        self._client_pid = 0

    def runtime_digest(self) -> str:
        """Return the image's id, which is a digest of its content."""
        return self._image_id

    def launch(self, bridge: Path, token: str, limits: Limits) -> LaunchedContainer:
        """Create and start a container, with nothing of the host but the socket's folder."""
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
        with _daemon_errors("start a container"):
            client = self.own_client()
            created = client.api.create_container(
                self._image_id,
                ["python", *ISOLATED, "-c", BOOTSTRAP, WORKER, f"{BRIDGE}/{SOCKET_NAME}", token],
                environment={k: v for k, v in ENVIRONMENT.items() if k not in _OF_THE_IMAGE},
                labels={CONTAINER_LABEL: owner.own_name()},
                user=f"{UID}:{UID}",
                volumes=[BRIDGE],
                working_dir=ROOT,
                host_config=client.api.create_host_config(
                    binds={str(bridge): {"bind": BRIDGE, "mode": "ro"}},
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
                client.api.start(created["Id"])
            except BaseException:
                launched.stop()
                raise
        return launched

    def remove_leftovers(self) -> list[str]:
        """Remove the containers of graders that have died."""
        removed = []
        with _daemon_errors("look for leftover containers"):
            for container in self.own_client().containers.list(
                all=True, ignore_removed=True, filters={"label": CONTAINER_LABEL}
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
            self._client = _connect()
            self._client_pid = os.getpid()
        return self._client


class LaunchedContainer:
    """A container that was created and has not been removed."""

    own_pids = True
    root = ROOT

    def __init__(self, sandbox: DockerSandbox, container: str) -> None:
        self._sandbox = sandbox
        self.id = container
        # The container's own limits hold already.
        self.rlimits: dict[str, int] = {}

    def stop(self) -> None:
        """Kill and remove the container; a daemon that is gone has nothing to remove."""
        with contextlib.suppress(*DAEMON_GONE):
            self._sandbox.own_client().api.remove_container(self.id, force=True, v=True)

    def ended_from_outside(self) -> str | None:
        """Return what ended the container, if it was not its worker or the lack of memory.

        The worker is the container's first process, which nothing inside can kill. A child that
        is killed for memory leaves the worker alive and `OOMKilled` true, so both are read.
        """
        try:
            state = self._state()
        except docker.errors.NotFound:
            return "the container was removed"
        except DAEMON_GONE:
            return "the Docker engine does not answer"
        killed = state["ExitCode"] == KILLED and not state["OOMKilled"]
        return "the container was killed" if killed and not state["Running"] else None

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
    return DockerSandbox(status.id, profile_text(project_root))


def image_status(project_root: Path) -> ImageStatus:
    """Look for the image of the present sources.

    Raises
    ------
    NoSandboxError
        If no Docker engine answers.
    GraderError
        If the sources are not there.
    """
    content = image.image_content(project_root)
    client = _connect()
    with _daemon_errors("look for the sandbox image"):
        try:
            found = client.images.get(content.tag)
        except docker.errors.ImageNotFound:
            return ImageStatus(ImageState.MISSING, content.tag, None)
    if found.labels.get(image.CONTENT_LABEL) != content.digest:
        return ImageStatus(ImageState.MISSING, content.tag, None)
    return ImageStatus(ImageState.READY, content.tag, found.id)


def build_image(project_root: Path, base: str | None, log: Callable[[str], None]) -> ImageStatus:
    """Build the sandbox image; the build itself uses no network.

    Parameters
    ----------
    project_root : Path
        A full checkout.
    base : str or None
        Image to build on. None takes the official one, or, where no registry gives it, one
        made from Debian packages.
    log : callable
        Told what is being done, in one line each.

    Raises
    ------
    NoSandboxError
        If no Docker engine answers.
    GraderError
        If packages, base or build fail; it says which.
    """
    content = image.image_content(project_root)
    client = _connect()
    chosen = base or _find_base(client, project_root, log)
    log("fetching the packages that docker/requirements.lock names")
    wheels = image.fetch_wheels(image.lock_path(project_root), image.wheel_cache())
    log(f"building {content.tag} on {chosen}")
    with image.build_context(project_root, wheels) as context, _daemon_errors("build the image"):
        try:
            client.images.build(
                fileobj=context,
                custom_context=True,
                buildargs={"BASE": chosen},
                labels={image.CONTENT_LABEL: content.digest},
                network_mode="none",
                rm=True,
                forcerm=True,
                tag=content.tag,
            )
        except docker.errors.BuildError as error:
            last = "\n".join(str(line.get("stream", "")).strip() for line in error.build_log)
            raise GraderError(
                f"The sandbox image could not be built: {error.msg}\n{last[-1500:]}\n",
                "Mend docker/Dockerfile or the base image.",
            ) from error
    return image_status(project_root)


def _find_base(client: docker.DockerClient, project_root: Path, log: Callable[[str], None]) -> str:
    official = image.official_base(project_root)
    for name in (official, image.MADE_BASE):
        try:
            client.images.get(name)
        except docker.errors.ImageNotFound:
            continue
        return name
    log(f"fetching {official}")
    try:
        client.images.pull(official)
    except (docker.errors.APIError, requests.exceptions.RequestException):
        log("no image registry gives it; making a base image from Debian packages")
        image.make_base(project_root)
        return image.MADE_BASE
    return official


def _connect() -> docker.DockerClient:
    try:
        client = docker.from_env(timeout=DAEMON_SECONDS)
        client.ping()
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise NoSandboxError(
            "No Docker engine answers.",
            "Install Docker (on Debian: `apt-get install docker.io`), start it (`dockerd &` or "
            "`systemctl start docker`), and make sure that you may use it.",
        ) from error
    return client


@contextmanager
def _daemon_errors(doing: str) -> Iterator[None]:
    """Turn what the daemon or the way to it does wrong into the grader's own error."""
    try:
        yield
    except (docker.errors.APIError, requests.exceptions.RequestException) as error:
        explanation: Any = getattr(error, "explanation", None) or error
        raise GraderError(
            f"Docker could not {doing}: {explanation}.",
            "Look at the Docker engine's log; `grader doctor` tells whether it works.",
        ) from error
