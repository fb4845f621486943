"""Chooses the sandbox: the one that was asked for, or the best that works here."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from grader.errors import GraderError, NoSandboxError
from grader.intake import listed
from grader.sandbox.bubblewrap import BubblewrapSandbox, probe_bubblewrap
from grader.sandbox.docker import find_docker
from grader.sandbox.launch import Sandbox
from grader.sandbox.leftovers import remove_leftovers
from grader.sandbox.process import ProcessSandbox
from grader.sandbox.runtime import runtime_for
from grader.sandbox.seccomp import filter_for


class SandboxKind(StrEnum):
    """What `--sandbox` takes."""

    AUTO = "auto"
    DOCKER = "docker"
    BUBBLEWRAP = "bubblewrap"
    PROCESS = "process"


def choose_sandbox(kind: SandboxKind, project_root: Path, log: Callable[[str], None]) -> Sandbox:
    """Return a sandbox that was found to work here, and clear away what killed graders left.

    Parameters
    ----------
    kind : SandboxKind
        `auto` takes docker, then bubblewrap, and never the plain process.
    project_root : Path
        A full checkout.
    log : callable
        Told what is chosen, and why not something better.

    Raises
    ------
    NoSandboxError
        If there is none of the kind; it says how to get one.
    """
    sandbox = _find(kind, project_root, log)
    removed = remove_leftovers(sandbox)
    if removed:
        log(f"removed what graders that were killed had left: {listed(sorted(set(removed)))}")
    return sandbox


def _find(kind: SandboxKind, project_root: Path, log: Callable[[str], None]) -> Sandbox:
    match kind:
        case SandboxKind.DOCKER:
            return find_docker(project_root)
        case SandboxKind.BUBBLEWRAP:
            return _bubblewrap(project_root, log)
        case SandboxKind.PROCESS:
            return ProcessSandbox()
    missing: list[str] = []
    makers: tuple[Callable[[], Sandbox], ...] = (
        lambda: find_docker(project_root),
        lambda: _bubblewrap(project_root, log),
    )
    for make in makers:
        try:
            sandbox = make()
        except GraderError as error:
            missing.append(str(error))
            continue
        for why in missing:
            log(f"using {sandbox.kind}: {why}")
        return sandbox
    raise NoSandboxError(
        "No sandbox works on this machine. " + " ".join(missing),
        "Or choose --sandbox process, which does not isolate the student's code at all.",
    )


def _bubblewrap(project_root: Path, log: Callable[[str], None]) -> BubblewrapSandbox:
    program = probe_bubblewrap()
    filter_program = filter_for(project_root)
    runtime = runtime_for(project_root, log)
    return BubblewrapSandbox(program, runtime, filter_program)
