"""What the sandbox image holds, and everything its build needs before Docker is asked."""

from __future__ import annotations

import hashlib
import io
import os
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from grader.errors import GraderError

#: The label on an image that holds its `ImageContent.digest`.
CONTENT_LABEL: Final = "nn-lab.content"
#: What `make_base` tags its image, unless told otherwise.
MADE_BASE: Final = "nn-lab-base:latest"
#: The files of `grader/` that run inside the sandbox, and by that alone are open to students.
WORKER_FILES: Final = (
    "__init__.py",
    "bridge/__init__.py",
    "bridge/argument_watch.py",
    "bridge/desk_dataset.py",
    "bridge/dialling.py",
    "bridge/foreseen_answers.py",
    "bridge/frames.py",
    "bridge/headless.py",
    "bridge/host_object.py",
    "bridge/item_process.py",
    "bridge/kernel_files.py",
    "bridge/loss_log.py",
    "bridge/memory_count.py",
    "bridge/network_watch.py",
    "bridge/picture_reader.py",
    "bridge/preloading.py",
    "bridge/protocol.py",
    "bridge/relay.py",
    "bridge/run_delay.py",
    "bridge/sealing.py",
    "bridge/services.py",
    "bridge/student_classes.py",
    "bridge/training_run.py",
    "bridge/values.py",
    "bridge/worker.py",
)

_REPOSITORY = "nn-lab-sandbox"
_PYTHON = "3.11"
# The C library's versions whose wheels run on Debian 12, the image's system (glibc 2.36), and
# on everything after it; 2.17 is the oldest that current wheels are built for.
_GLIBC_MINORS = range(36, 16, -1)
_LOG_LINES = 12


@dataclass(frozen=True)
class ImageContent:
    """What a sandbox image is made of, as one digest.

    Attributes
    ----------
    digest : str
        SHA-256 (hex) over the Dockerfile, the lock and the worker's sources; an image whose
        `CONTENT_LABEL` says otherwise is out of date.
    """

    digest: str

    @property
    def tag(self) -> str:
        """The image's name, which changes with its content."""
        return f"{_REPOSITORY}:{self.digest[:12]}"


def lock_path(project_root: Path) -> Path:
    """Where the pinned packages of the image are listed.

    Parameters
    ----------
    project_root : Path
        The folder that holds `docker/` and `grader/`.

    Returns
    -------
    Path
        `docker/requirements.lock` below it.
    """
    return project_root / "docker" / "requirements.lock"


def image_content(project_root: Path) -> ImageContent:
    """Compute what the image should hold, from the files that it is made of.

    Parameters
    ----------
    project_root : Path
        The folder that holds `docker/` and `grader/`.

    Returns
    -------
    ImageContent
        Equal exactly when every source is, byte for byte.

    Raises
    ------
    GraderError
        A source is missing, as in an installation without the project's folder.
    """
    digest = hashlib.sha256()
    for name, data in _sources(project_root):
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return ImageContent(digest.hexdigest())


def official_base(project_root: Path) -> str:
    """Name the image that the Dockerfile builds on when it is given no `BASE`.

    Parameters
    ----------
    project_root : Path
        The folder that holds `docker/` and `grader/`.

    Returns
    -------
    str
        Such as `python:3.11-slim-bookworm`.

    Raises
    ------
    GraderError
        The Dockerfile is missing or has no `ARG BASE=` line.
    """
    dockerfile = project_root / "docker" / "Dockerfile"
    found = re.search(r"^ARG BASE=(\S+)$", _read(dockerfile).decode(), re.MULTILINE)
    if found is None:
        raise GraderError(
            f"{dockerfile} does not say which image it builds on.",
            "Put a line `ARG BASE=<image>:<tag>` back at its top.",
        )
    return found[1]


def wheel_cache() -> Path:
    """Name the user's folder for downloaded wheels, by the XDG rules.

    Returns
    -------
    Path
        `nn-lab-grader` in `$XDG_CACHE_HOME`, or in `~/.cache` where that is not set. It need
        not exist.
    """
    configured = os.environ.get("XDG_CACHE_HOME", "")
    # A relative path is to be ignored, says the XDG base directory specification.
    caches = Path(configured) if Path(configured).is_absolute() else Path.home() / ".cache"
    return caches / "nn-lab-grader"


def fetch_wheels(lock: Path, cache: Path) -> Path:
    """Download the wheels of a lock file for the sandbox's Python, unless they are there.

    Parameters
    ----------
    lock : Path
        Requirements pinned with hashes; pip checks each wheel against them.
    cache : Path
        Folder to keep them in, made where it is missing (see `wheel_cache`).

    Returns
    -------
    Path
        The folder in `cache` that holds this lock's wheels and nothing else. It appears only
        when it is complete, so an interrupted download is never taken for a whole one.

    Raises
    ------
    GraderError
        The lock is missing, the cache cannot be written, or pip could not download.
    """
    machine = _image_machine()
    lock_digest = hashlib.sha256(_read(lock)).hexdigest()
    wheels = cache / f"wheels-{lock_digest[:12]}-{machine}"
    if wheels.is_dir():
        return wheels
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="wheels-partial-", dir=cache) as scratch:
            partial = Path(scratch) / "wheels"
            _run(
                _download_command(lock, partial, machine),
                failed="The sandbox image's packages could not be downloaded.",
                do="Check the network and pip's index settings, then try again.",
            )
            _publish(partial, wheels)
    except OSError as error:
        raise GraderError(
            f"The cache folder {cache} cannot be written ({error.strerror}).",
            "Set XDG_CACHE_HOME to a folder that can, with 500 MB free.",
        ) from error
    return wheels


@contextmanager
def build_context(project_root: Path, wheels: Path) -> Iterator[BinaryIO]:
    """Make the tar archive that the image is built from.

    Parameters
    ----------
    project_root : Path
        The folder that holds `docker/` and `grader/`.
    wheels : Path
        Folder of wheels, from `fetch_wheels`.

    Yields
    ------
    BinaryIO
        The archive, at its start: `Dockerfile`, `requirements.lock`, `wheels/`, `worker/`.
        The same sources give the same bytes, so Docker's build cache holds from one machine's
        checkout to the next. It is gone when the context ends.

    Raises
    ------
    GraderError
        A source is missing.
    """
    sources = _sources(project_root)
    with tempfile.TemporaryFile(prefix="nn-lab-context-") as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name, data in sources:
                tar.addfile(_entry(name, len(data)), io.BytesIO(data))
            for wheel in sorted(wheels.glob("*.whl")):
                with wheel.open("rb") as content:
                    tar.addfile(_entry(f"wheels/{wheel.name}", wheel.stat().st_size), content)
        archive.seek(0)
        yield archive


def make_base(project_root: Path, tag: str = MADE_BASE) -> None:
    """Make a base image from Debian packages, for where no registry is reachable.

    Parameters
    ----------
    project_root : Path
        The folder that holds `docker/` and `grader/`.
    tag : str
        What to call the image; an image of that name is replaced.

    Raises
    ------
    GraderError
        `docker/make_base.sh` failed; its last lines are in the message. It needs root,
        debootstrap, the docker command, and a Debian mirror.
    """
    script = project_root / "docker" / "make_base.sh"
    _read(script)
    _run(
        ["bash", str(script), tag],
        failed="A base image for the sandbox could not be made from Debian packages.",
        do="Do what the last line says, or let Docker reach an image registry.",
    )


def _sources(project_root: Path) -> list[tuple[str, bytes]]:
    """Read the files that make the image what it is; names are those in the build context."""
    docker, package = project_root / "docker", project_root / "grader"
    named = [
        ("Dockerfile", docker / "Dockerfile"),
        ("requirements.lock", lock_path(project_root)),
        *((f"worker/grader/{name}", package / name) for name in WORKER_FILES),
    ]
    return [(name, _read(path)) for name, path in named]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise GraderError(
            f"{path}, which the sandbox image is made from, cannot be read ({error.strerror}).",
            "The image is built in a checkout of the whole project: run the command there.",
        ) from error


def _image_machine() -> str:
    """Name the processor of this machine's Linux images as wheels do."""
    machine = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)


def _download_command(lock: Path, folder: Path, machine: str) -> list[str]:
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in _GLIBC_MINORS]
    platforms.append(f"manylinux2014_{machine}")
    return [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--require-hashes", "--only-binary=:all:", "--no-deps"),
        *("--implementation", "cp", "--python-version", _PYTHON),
        *(f"--platform={tag}" for tag in platforms),
        *("--dest", str(folder), "--requirement", str(lock)),
    ]


def _publish(partial: Path, wheels: Path) -> None:
    """Put a complete folder in its place, unless another process was faster."""
    try:
        partial.rename(wheels)
    except OSError:
        if not wheels.is_dir():
            raise


def _entry(name: str, size: int) -> tarfile.TarInfo:
    """Describe a readable file, saying nothing of whose it was, or when."""
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry


def _run(command: Sequence[str], *, failed: str, do: str) -> None:
    try:
        # The command is made of this module's own words and of paths, and no shell reads it.
        done = subprocess.run(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise GraderError(f"{failed} {command[0]} is not installed.", do) from error
    if done.returncode != 0:
        last_lines = "\n".join(done.stdout.strip().splitlines()[-_LOG_LINES:])
        raise GraderError(f"{failed} Its last lines:\n{last_lines}\n", do)
