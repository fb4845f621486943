"""Control groups: found where they can be made, in both versions, and removed with what is in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
import pytest

from grader.lab import Project
from grader.sandbox import cgroup
from grader.sandbox.cgroup import Place, Places


def machine(folder: Path, groups: str, mounts: list[str]) -> Path:
    """Write what the kernel would tell of a process, and return the folder it is in."""
    proc = folder / "proc"
    proc.mkdir()
    (proc / "cgroup").write_text(groups)
    (proc / "mountinfo").write_text("".join(f"{line}\n" for line in mounts))
    return proc


@pytest.fixture(autouse=True)
def _every_folder_will_do(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "project" not in request.fixturenames or "version" in request.fixturenames:
        monkeypatch.setattr(cgroup, "_can_make", lambda controller, folder, version: True)


def test_controllers_of_both_versions_are_found_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "cgroup.controllers").write_text("cpu pids\n")
    proc = machine(
        tmp_path,
        "4:memory:/user/grader\n0::/user/grader\n",
        [
            f"31 30 0:27 / {tmp_path}/one rw - cgroup cgroup rw,memory",
            f"32 30 0:28 / {tmp_path}/two rw - cgroup2 cgroup2 rw",
        ],
    )
    assert Places.find(proc).of == {
        "memory": Place(tmp_path / "one/user/grader", 1),
        "cpu": Place(tmp_path / "two/user/grader", 2),
        "pids": Place(tmp_path / "two/user/grader", 2),
    }


def test_a_machine_without_control_groups_has_no_places(tmp_path: Path) -> None:
    assert Places.find(tmp_path).of == {}
    assert Places.find(tmp_path).mechanisms() == {}


def test_the_nearest_group_in_which_one_can_be_made_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        cgroup, "_can_make", lambda controller, folder, version: folder.name == "user"
    )
    proc = machine(
        tmp_path,
        "4:memory:/user/grader/deep\n",
        [f"31 30 0:27 / {tmp_path}/one rw - cgroup cgroup rw,memory"],
    )
    assert Places.find(proc).of == {"memory": Place(tmp_path / "one/user", 1)}


@pytest.mark.parametrize("version", [1, 2])
def test_limits_are_written_as_the_version_wants_them(
    version: int, project: Project, tmp_path: Path
) -> None:
    written = {
        1: {
            "memory.limit_in_bytes": str(1 << 30),
            "memory.swappiness": "0",
            "pids.max": "64",
            "cpu.cfs_quota_us": "100000",
            "cpu.cfs_period_us": "100000",
        },
        2: {"memory.max": str(1 << 30), "pids.max": "64", "cpu.max": "100000 100000"},
    }[version]
    for name in written:
        (tmp_path / name).touch()
    for controller in ("memory", "pids", "cpu"):
        cgroup._set_limit(controller, tmp_path, version, project.lab.limits)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == written


def test_a_group_is_removed_with_the_processes_in_it(project: Project) -> None:
    places = Places.find()
    if not places.of:
        pytest.skip("no control group can be made here")
    groups = places.make(project.lab.limits)
    sleeper = subprocess.Popen(["sleep", "1000"])
    try:
        groups.add(sleeper.pid)
        groups.remove()
        assert sleeper.wait(60) == -9
    finally:
        sleeper.kill()
    assert [folder for folder in groups.folders if folder.exists()] == []


def test_a_grader_that_has_less_of_a_processor_than_a_sandbox_may_use_makes_groups(
    project: Project,
) -> None:
    place = Places.find().of.get("cpu")
    if place is None:
        pytest.skip("no control group can be made here")
    little = msgspec.structs.replace(project.lab.limits, cpus=0.3)
    around = Places({"cpu": place}).make(little)
    (folder,) = around.folders
    try:
        assert cgroup._can_make("cpu", folder, place.version)
        inner = Places({"cpu": Place(folder, place.version)}).make(project.lab.limits)
        inner.remove()
    finally:
        around.remove()
