"""The Docker engine: how it is reached, whether it is this machine's, and what it does wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import docker.errors
import requests

from grader.errors import ConfigurationError, GraderError, NoSandboxError

DAEMON_SECONDS = 120
HOST = "DOCKER_HOST"
REMOTE = "GRADER_DOCKER_REMOTE"
"""Set to 1 where the engine's address looks like this machine's and is another's, as with a
forwarded socket; set to 0 where it is the other way about."""

_SOCKET = "http+docker://"
"""What docker's client makes of a socket's address."""


def connect() -> docker.DockerClient:
    """Return a client of the engine that the environment names.

    Raises
    ------
    NoSandboxError
        If none answers.
    """
    host = os.environ.get(HOST, "")
    if host.startswith("ssh://"):
        raise NoSandboxError(
            f"{HOST} is {host}, and the grader does not speak ssh to a Docker engine.",
            f"Forward the engine's socket (`ssh -nNT -L /tmp/engine.sock:/var/run/docker.sock "
            f"{host.removeprefix('ssh://')}`) and set {HOST}=unix:///tmp/engine.sock and "
            f"{REMOTE}=1.",
        )
    try:
        client = docker.from_env(timeout=DAEMON_SECONDS)
        # A socket has no proxy before it; to look for one takes a quarter of each call.
        client.api.trust_env = not client.api.base_url.startswith(_SOCKET)
        client.ping()
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        if host:
            raise NoSandboxError(
                f"No Docker engine answers at {host}.",
                f"Mend {HOST}, or unset it to use this machine's engine. If it asks for "
                "certificates, mend DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, and unset "
                "REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE, which come before that folder's ca.pem.",
            ) from error
        raise NoSandboxError(
            "No Docker engine answers.",
            "Install Docker (on Debian: `apt-get install docker.io`), start it (`dockerd &` or "
            "`systemctl start docker`), and make sure that you may use it.",
        ) from error
    return client


def is_remote() -> bool:
    """Return whether the engine may be on another machine, with which no socket can be shared.

    One that is reached over TCP is taken for one even if it is on this machine: that always works.

    Raises
    ------
    ConfigurationError
        If `REMOTE` is set to something else than 0 and 1.
    """
    match os.environ.get(REMOTE, ""):
        case "0":
            return False
        case "1":
            return True
        case "":
            return not os.environ.get(HOST, "unix://").startswith(("unix://", "http+unix://"))
    raise ConfigurationError(
        f"{REMOTE} is {os.environ[REMOTE]!r}.",
        "Set it to 1 if the Docker engine is on another machine, to 0 if it is on this one, or "
        "unset it.",
    )


@contextmanager
def daemon_errors(doing: str) -> Iterator[None]:
    """Turn what the daemon or the way to it does wrong into the grader's own error."""
    try:
        yield
    except (docker.errors.APIError, requests.exceptions.RequestException) as error:
        explanation: Any = getattr(error, "explanation", None) or error
        raise GraderError(
            f"Docker could not {doing}: {explanation}.",
            "Look at the Docker engine's log; `grader doctor` tells whether it works.",
        ) from error
