"""The self-test finds every promise held by a whole sandbox, and notices a hole in one."""

from __future__ import annotations

import struct

import pytest

from grader.lab import Project
from grader.sandbox.bubblewrap import BubblewrapSandbox
from grader.sandbox.docker import DockerSandbox
from grader.sandbox.launch import Sandbox
from grader.sandbox.self_test import try_promises

SOCKETS = "No socket but the bridge's kind"


def broken(sandbox: Sandbox, project: Project) -> set[str]:
    return {tried.promise for tried in try_promises(sandbox, project) if not tried.held}


def test_a_sandbox_holds_what_it_promises(isolated_sandbox: Sandbox, project: Project) -> None:
    assert broken(isolated_sandbox, project) == set()


@pytest.mark.docker
def test_docker_without_the_profile_is_noticed(
    docker_sandbox: DockerSandbox, project: Project
) -> None:
    image = str(docker_sandbox.runtime_digest())
    assert SOCKETS in broken(DockerSandbox(image, "unconfined"), project)


@pytest.mark.bubblewrap
def test_bubblewrap_without_the_filter_is_noticed(
    bubblewrap_sandbox: BubblewrapSandbox, project: Project
) -> None:
    allow_all = struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000)
    open_one = BubblewrapSandbox(
        bubblewrap_sandbox._program, bubblewrap_sandbox._runtime, allow_all
    )
    assert SOCKETS in broken(open_one, project)
