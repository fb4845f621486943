"""What bubblewrap's sandbox shows is what honest code needs, and nothing else of the machine."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from grader.bridge.channel import Channel
from grader.bridge.faults import StudentRaised
from grader.lab import Project
from grader.sandbox.bubblewrap import BubblewrapSandbox
from grader.sandbox.cell import Cell
from grader.sandbox.system_root import FOLDERS, PROGRAMS

pytestmark = pytest.mark.bubblewrap

OWN = {"bridge", "dev", "proc", "runtime", "tmp", "usr", "work"}
CONTROL_GROUPS = {"sys"}


def printed(sandbox: BubblewrapSandbox, project: Project, code: str) -> list[str]:
    """Run code where a student's would run, and return the lines that it printed."""
    with Cell(sandbox, project.lab, {"layers/__init__.py": code.encode()}) as cell:
        channel = Channel(cell.start(), {})
        with contextlib.suppress(StudentRaised):
            channel.prepare("FullLayer", "full", False, 60)
        channel.close()
        return cell.end().output.splitlines()


def test_the_root_holds_a_few_programs_and_libraries_and_no_more(
    bubblewrap_sandbox: BubblewrapSandbox, project: Project
) -> None:
    lines = printed(
        bubblewrap_sandbox,
        project,
        """
import os
print("root", *os.listdir("/"))
print("usr", *os.listdir("/usr"))
for python in "python", "python3":
    assert os.system(python + " -c 'import numpy'") == 0
for folder, _, files in os.walk("/usr"):
    for name in files:
        print("file", os.path.join(folder, name), flush=True)
""",
    )
    found = {line.split()[0]: set(line.split()[1:]) for line in lines if line.startswith("root")}
    assert found["root"] - CONTROL_GROUPS - {*FOLDERS} == OWN
    files = [Path(line.split()[1]) for line in lines if line.startswith("file")]
    programs = {path.name for path in files if path.parent == Path("/usr/bin")}
    assert {"sh", "mkdir", "python3"} <= programs <= {*PROGRAMS, "python", "python3"}
    libraries = [path for path in files if ".so" in path.name]
    assert any(path.name == "libc.so.6" for path in libraries)
    rest = [p for p in files if p.name not in programs and p not in libraries]
    assert {path.parts[2:5] for path in rest} <= {("lib", "locale", "C.utf8")}


def test_nothing_of_the_project_the_home_or_the_systems_configuration_is_there(
    bubblewrap_sandbox: BubblewrapSandbox, project: Project
) -> None:
    places = [project.root, Path.home(), "/etc", "/usr/share", "/usr/local", "/usr/src", "/var"]
    # The runtime itself is there, but not where it lies on the host.
    places += [bubblewrap_sandbox._runtime.folder, bubblewrap_sandbox._runtime.folder.parent]
    lines = printed(
        bubblewrap_sandbox,
        project,
        f"import os\nfor place in {list(map(str, places))!r}:\n"
        "    print(place, os.path.exists(place))\n",
    )
    assert lines == [f"{place} False" for place in places]


def test_every_extension_module_of_the_interpreter_and_the_packages_finds_its_libraries(
    bubblewrap_sandbox: BubblewrapSandbox, project: Project
) -> None:
    """The system's own libraries are there for each, by the loader's own search."""
    lines = printed(
        bubblewrap_sandbox,
        project,
        """
import ctypes, pathlib, sys
tried = 0
for path in sorted(pathlib.Path("/runtime").rglob("*.so*")):
    if "worker" in path.parts or "root" in path.parts:
        continue
    tried += 1
    try:
        ctypes.CDLL(str(path))
    except OSError as error:
        # A module may need its package's others to be loaded first.
        if "cannot open shared object file" in str(error):
            print("missing", path, error, flush=True)
print("tried", tried, flush=True)
""",
    )
    assert [line for line in lines if line.startswith("missing")] == []
    assert int(lines[-1].split()[1]) > 100
