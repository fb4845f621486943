"""The walls are up: what a container really runs under, and what bubblewrap is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import docker
import pytest

from grader import owner
from grader.lab import Project
from grader.sandbox.bubblewrap import BubblewrapSandbox
from grader.sandbox.cell import Cell
from grader.sandbox.cgroup import Groups
from grader.sandbox.docker import CONTAINER_LABEL, DockerSandbox
from grader.sandbox.launch import SOCKET_NAME


@pytest.mark.docker
def test_a_container_runs_under_every_limit_there_is(
    docker_sandbox: DockerSandbox, project: Project
) -> None:
    """As the engine tells it, whatever it was asked for."""
    client, limits = docker.from_env(), project.lab.limits
    own = f"{CONTAINER_LABEL}={owner.own_name()}"
    with Cell(docker_sandbox, project.lab, {}):
        (container,) = client.containers.list(filters={"label": own})
        told, host = container.attrs["Config"], container.attrs["HostConfig"]
        client.close()
    wanted = {
        "CapDrop": ["ALL"],
        "CapAdd": None,
        "Privileged": False,
        "ReadonlyRootfs": True,
        "NetworkMode": "none",
        "IpcMode": "none",
        "PidMode": "",
        "Init": False,
        "PidsLimit": limits.processes,
        "Memory": limits.memory_mib << 20,
        "MemorySwap": limits.memory_mib << 20,
        "MemorySwappiness": 0,
        "OomKillDisable": False,
        "NanoCpus": int(limits.cpus * 1e9),
        "LogConfig": {"Type": "none", "Config": {}},
        "AutoRemove": False,
    }
    assert {name: host[name] for name in wanted} == wanted
    assert not host["Devices"]
    assert told["User"] == "10001:10001"
    assert "no-new-privileges" in host["SecurityOpt"]
    (profile,) = [
        word.removeprefix("seccomp=") for word in host["SecurityOpt"] if word.startswith("seccomp=")
    ]
    assert json.loads(profile)["defaultAction"] == "SCMP_ACT_ERRNO"
    assert {limit["Name"]: limit["Hard"] for limit in host["Ulimits"]} == {
        "nofile": limits.open_files,
        "fsize": limits.scratch_mib << 20,
        "core": 0,
    }
    assert {*host["Tmpfs"]} == {"/work", "/tmp"}
    for options in host["Tmpfs"].values():
        asked = {"nosuid", "nodev", "noexec", "nr_inodes=4096", f"size={limits.scratch_mib}m"}
        assert asked <= {*options.split(",")}
    (mount,) = container.attrs["Mounts"]
    assert (mount["Destination"], mount["RW"]) == ("/bridge", False)


@pytest.mark.docker
def test_each_container_has_a_network_namespace_of_its_own_with_loopback_alone(
    docker_sandbox: DockerSandbox, project: Project
) -> None:
    client, own = docker.from_env(), f"{CONTAINER_LABEL}={owner.own_name()}"
    with Cell(docker_sandbox, project.lab, {}), Cell(docker_sandbox, project.lab, {}):
        containers = client.containers.list(filters={"label": own})
        spaces = {one.exec_run("readlink /proc/self/ns/net").output for one in containers}
        devices = {one.exec_run("ls /sys/class/net").output for one in containers}
        routes = {one.exec_run("tail -n +2 /proc/net/route").output for one in containers}
        client.close()
    assert len({*spaces, f"{Path('/proc/self/ns/net').readlink()}\n".encode()}) == 3
    assert devices == {b"lo\n"}
    assert routes == {b""}


@pytest.mark.bubblewrap
def test_bubblewrap_is_asked_for_every_wall_it_has(
    bubblewrap_sandbox: BubblewrapSandbox, project: Project
) -> None:
    bridge = Path("/nowhere/bridge")
    words = bubblewrap_sandbox._command(
        bridge, "token", project.lab.limits, Groups({}, memory=None), (3, 4, 5)
    )
    line = " ".join(words)
    for wall in (
        *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent"),
        *("--new-session", "--clearenv", "--cap-drop ALL", "--remount-ro /dev", "--as-pid-1"),
        *("--seccomp 5", "--remount-ro /", f"--ro-bind {bridge} /bridge"),
    ):
        assert f" {wall} " in line
    assert "--share-net" not in words
    assert "--bind" not in words
    binds = [words[at + 1] for at, word in enumerate(words) if word.startswith("--ro-bind")]
    runtime = bubblewrap_sandbox._runtime.folder
    assert all(Path(path).is_relative_to(runtime) for path in binds if path != str(bridge)), binds
    assert words[-2] == f"/bridge/{SOCKET_NAME}"
