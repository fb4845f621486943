"""The run in Gradescope's container: results early and often, none made up, nothing readable."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grader.atomic_file import write_atomically
from grader.autograder import run
from grader.autograder.bundle import bundle, needed_of
from grader.autograder.settings import FILE, Settings
from grader.demo import EXAMPLES, example_files
from grader.errors import GraderError
from grader.lab import Project
from grader.sandbox.image import fetch_wheels, image_content, lock_path, wheel_cache
from grader.sandbox.launch import Sandbox

METADATA = {"id": 17, "users": [{"name": "Ada Right", "email": "a@x.edu"}]}


def write(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


@pytest.fixture
def root(project: Project, tmp_path: Path) -> Path:
    """Return /autograder as Gradescope lays it out, with the right solution handed in."""
    for name in ("source", "submission", "results"):
        (tmp_path / name).mkdir()
    write(tmp_path / "submission", example_files(project, EXAMPLES[0]))
    (tmp_path / "submission_metadata.json").write_text(json.dumps(METADATA))
    return tmp_path


def with_settings(project: Project, root: Path, *items: str) -> Project:
    """Return a checkout of links that has settings."""
    for path in project.root.iterdir():
        if path.name in ("lab.toml", "hidden_tests", "student_template", "reference"):
            (root / "source" / path.name).symlink_to(path)
    (root / "source" / FILE).write_bytes(msgspec.json.encode(Settings(items, 7)))
    return msgspec.structs.replace(project, root=root / "source")


def test_results_are_there_before_the_first_test_and_after_each_item(
    project: Project, root: Path, process_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = with_settings(project, root, "structure", "relu", "softmax")
    seen: list[dict[str, Any]] = []

    def watch(path: Path, content: bytes, mode: int) -> None:
        write_atomically(path, content, mode)
        seen.append(json.loads((root / "results" / "results.json").read_bytes()))

    monkeypatch.setattr("grader.autograder.run.write_atomically", watch)
    monkeypatch.setattr(run, "find_project", lambda: own)
    monkeypatch.setattr(run, "_sandbox", lambda *_: process_sandbox)
    assert run.main([], root) == 0
    assert [document["score"] for document in seen] == [0, 10, 20, 35, 35]
    assert ["not ended" in document["output"] for document in seen] == [*[True] * 4, False]
    # The archive's name and its top folder, which Gradescope took away, have cost nothing.
    assert seen[-1]["tests"][0]["status"] == "passed"


def test_what_fails_on_our_side_leaves_no_results_and_no_zero(
    project: Project,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> Sandbox:
        assert (root / "results" / "results.json").exists()
        raise GraderError("It broke.", "Mend it.")

    monkeypatch.setattr(run, "find_project", lambda: with_settings(project, root, "relu"))
    monkeypatch.setattr(run, "_sandbox", fail)
    assert run.main([], root) == 1
    assert not (root / "results" / "results.json").exists()
    assert "It broke." in capsys.readouterr().out


# In a container, without network, as Gradescope does it


HOSTILE = b"""
import os, pathlib, time

found = []
for path in (
    "/autograder/source",
    "/autograder/source/lab.toml",
    "/autograder/source/hidden_tests/test_relu.py",
    "/autograder/source/reference/layers/relu.py",
    "/autograder/submission_metadata.json",
    "/autograder/results",
    "/autograder/results/results.json",
    "/proc/1/environ",
    "/proc/1/root",
    f"/proc/{os.getppid()}/environ",
):
    try:
        found.append(str(os.listdir(path) if os.path.isdir(path) else open(path).read()))
    except OSError:
        pass
for attempt in (
    lambda: pathlib.Path("/autograder/results/results.json").write_text("{}"),
    lambda: pathlib.Path("/autograder/source/lab.toml").write_text("{}"),
    lambda: os.kill(1, 9),
    lambda: os.setuid(0),
):
    try:
        attempt()
        found.append("done")
    except OSError:
        pass
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(0)
pathlib.Path(f"/tmp/found-{os.getpid()}").write_text(repr((os.getuid(), found)))
"""

SCRIPT = """
set -eu
bash /autograder/source/setup.sh
install -m 755 /autograder/source/run_autograder /autograder/run_autograder
cd /autograder && ./run_autograder
cp results/results.json first.json
cp -r hostile/. submission/
./run_autograder
cat /tmp/found-* > found.txt
grep -l '^Uid:.10002' /proc/[0-9]*/status > left.txt || true
chown -R "$OWNER" /autograder && chmod -R u+rwX /autograder
"""


@pytest.mark.docker
def test_a_container_in_gradescope_s_layout_grades_and_keeps_its_secrets(
    project: Project, root: Path, docker_sandbox: Sandbox, tmp_path: Path
) -> None:
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the image takes this interpreter's packages, and has Python 3.11")
    # Of the sandbox's packages, the few that layer tests need: installing all takes a minute.
    few = {"numpy", "msgspec", "pip"}
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for wheel in fetch_wheels(lock_path(project.root), wheel_cache()).glob("*.whl"):
        if wheel.name.partition("-")[0] in few:
            shutil.copy(wheel, wheels)
    data = bundle(project, Settings(("structure", "relu"), 7), wheels=wheels)
    (tmp_path / "autograder.zip").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "autograder.zip") as archive:
        archive.extractall(root / "source")
    lock = root / "source" / "docker" / "requirements.lock"
    lock.write_text(needed_of(lock.read_text(), frozenset(few)))
    right = example_files(project, EXAMPLES[0])
    write(root / "hostile", {"layers/relu.py": HOSTILE + right["layers/relu.py"]})
    packages = Path(pytest.__file__).parents[1]
    subprocess.run(
        [
            *("docker", "run", "--rm", "--network", "none", "--user", "0:0"),
            *("--env", "PYTHONPATH=/packages", "--env", f"OWNER={os.getuid()}:{os.getgid()}"),
            *("--volume", f"{root}:/autograder", "--volume", f"{packages}:/packages:ro"),
            *(image_content(project.root).tag, "bash", "-c", SCRIPT),
        ],
        check=True,
        timeout=300,
    )
    for name in ("first.json", "results/results.json"):
        document = json.loads((root / name).read_bytes())
        assert document["score"] == 20, document
    found = (root / "found.txt").read_text()
    assert found.startswith("(10002, [])")
    assert found.replace("(10002, [])", "") == ""
    assert (root / "left.txt").read_text() == ""
