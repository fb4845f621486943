"""What belongs to a dead grader is told from what belongs to a living one."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest

from grader import owner
from grader.lab import Project
from grader.sandbox.choice import SandboxKind, choose_sandbox
from grader.sandbox.leftovers import PREFIX, remove_leftovers, temporary_prefix


def name_of_a_dead_process() -> str:
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writable, owner.own_name().encode())
        signal.pause()
    os.close(writable)
    name = os.read(readable, 200).decode()
    os.close(readable)
    assert not owner.is_dead(name)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return name


def test_a_process_is_dead_once_it_has_ended() -> None:
    assert owner.is_dead(name_of_a_dead_process())
    assert not owner.is_dead(owner.own_name())


def test_a_fork_does_not_go_under_the_name_that_its_parent_remembers() -> None:
    own = owner.own_name()
    forked = name_of_a_dead_process()
    assert forked != own == owner.own_name()


def test_another_process_under_the_same_number_is_not_the_owner() -> None:
    boot, namespace, pid, started = owner.own_name().split(".")
    assert owner.is_dead(f"{boot}.{namespace}.{pid}.{int(started, 16) + 1:x}")


def test_all_owners_of_an_earlier_run_of_the_machine_are_dead() -> None:
    _, *rest = owner.own_name().split(".")
    assert owner.is_dead(".".join(["00000000", *rest]))


@pytest.mark.parametrize("name", ["", "12345", "no.such.name.here"])
def test_what_is_no_name_is_not_taken_for_dead(name: str) -> None:
    assert not owner.is_dead(name)


def test_an_owner_in_another_pid_namespace_is_left_alone() -> None:
    boot, namespace, pid, started = owner.own_name().split(".")
    assert not owner.is_dead(f"{boot}.{int(namespace, 16) + 1:x}.{pid}.{int(started, 16) + 1:x}")


def test_an_owner_that_the_kernel_hides_is_not_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where /proc is mounted with hidepid, it shows nothing of other users' processes."""
    dead, hidden = name_of_a_dead_process(), owner.own_name()
    monkeypatch.setattr(owner, "_shown", lambda pid: None)
    assert not owner.is_dead(hidden)
    assert owner.is_dead(dead)


def test_an_owner_that_has_ended_and_nobody_asked_about_is_dead() -> None:
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writable, owner.own_name().encode())
        os._exit(0)
    os.close(writable)
    name = os.read(readable, 200).decode()
    os.close(readable)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert owner.is_dead(name)
    os.waitpid(child, 0)


def test_only_the_folders_of_dead_graders_are_removed(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead = Path(tempfile.mkdtemp(prefix=f"{PREFIX}cell-{name_of_a_dead_process()}-"))
    (dead / "bridge").mkdir()
    mine = Path(tempfile.mkdtemp(prefix=temporary_prefix("cell")))
    others = [tmp_path / "nn-lab-cell-abc", tmp_path / "nn-lab-x-y-z", tmp_path / "notes"]
    for other in others:
        other.mkdir()
    sandbox = choose_sandbox(SandboxKind.PROCESS, project.root, print)
    assert not dead.exists()
    assert remove_leftovers(sandbox) == []
    assert {*tmp_path.iterdir()} == {mine, *others}
