"""The sandbox image in the Docker engine: whether it is there, and how it is built."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import docker
import docker.errors
import msgspec
import requests

from grader.errors import GraderError
from grader.sandbox import image
from grader.sandbox.docker.engine import connect, daemon_errors


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
    client = connect()
    with daemon_errors("look for the sandbox image"):
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
    client = connect()
    chosen = base or _find_base(client, project_root, log)
    log("fetching the packages that docker/requirements.lock names")
    wheels = image.fetch_wheels(image.lock_path(project_root), image.wheel_cache())
    log(f"building {content.tag} on {chosen}")
    with image.build_context(project_root, wheels) as context, daemon_errors("build the image"):
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
