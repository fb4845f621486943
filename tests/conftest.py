"""Fixtures for the project's tests, and the rule that CI skips no sandbox test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grader.errors import GraderError
from grader.lab import Project, find_project
from grader.sandbox.choice import SandboxKind, choose_sandbox
from grader.sandbox.docker import DockerSandbox
from grader.sandbox.launch import Sandbox

# Set in CI: a sandbox that cannot be had is then a failure, not a reason to skip.
FORCED = os.environ.get("GRADER_REQUIRE_SANDBOXES") == "1"


@pytest.fixture(scope="session")
def project() -> Project:
    return find_project()


def _sandbox_or_skip(kind: SandboxKind, root: Path) -> Sandbox:
    try:
        return choose_sandbox(kind, root, log=print)
    except GraderError as error:
        if FORCED:
            pytest.fail(f"the {kind} sandbox is required here: {error}")
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def docker_sandbox(project: Project) -> Sandbox:
    return _sandbox_or_skip(SandboxKind.DOCKER, project.root)


@pytest.fixture(scope="session")
def attached_docker_sandbox(docker_sandbox: DockerSandbox) -> DockerSandbox:
    """The engine that is here, used as one that shares nothing with this machine."""
    return DockerSandbox(str(docker_sandbox.runtime_digest()), docker_sandbox._profile, remote=True)


@pytest.fixture(scope="session")
def bubblewrap_sandbox(project: Project) -> Sandbox:
    return _sandbox_or_skip(SandboxKind.BUBBLEWRAP, project.root)


@pytest.fixture(scope="session")
def process_sandbox(project: Project) -> Sandbox:
    return _sandbox_or_skip(SandboxKind.PROCESS, project.root)


EVERY_SANDBOX = [
    pytest.param("docker_sandbox", marks=pytest.mark.docker, id="docker"),
    pytest.param("bubblewrap_sandbox", marks=pytest.mark.bubblewrap, id="bubblewrap"),
    pytest.param("process_sandbox", id="process"),
]


@pytest.fixture(params=EVERY_SANDBOX)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Each kind of sandbox in turn."""
    found: Sandbox = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=EVERY_SANDBOX[:2])
def isolated_sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Each kind of sandbox that isolates."""
    found: Sandbox = request.getfixturevalue(request.param)
    return found
