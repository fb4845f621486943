"""Other graders on the lab's cases: otter-grader's `otter run`, and gradescope-utils.

Both import the student's code into the process that runs the tests, without any sandbox. Each
submission is a process of its own, as these tools are used.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from grader.lab import Project

ENVIRONMENT = "build/peers-env"
OTTER_TEST = """
import sys
sys.path[:0] = [{tests!r}, {helpers!r}, {public!r}, "."]
OK_FORMAT, name = False, "layers"
from otter.test_files import test_case
import same_cases

def make(called, call):
    return test_case(name=called, points=1)(lambda env: call())

for made in [make(*case) for case in same_cases.cases({seed})]:
    globals()["test_" + str(id(made))] = made
del made
"""
GRADESCOPE_RUN = """
import sys, unittest
sys.path[:0] = [{tests!r}, {helpers!r}, {public!r}, sys.argv[1]]
from gradescope_utils.autograder_utils.decorators import weight
from gradescope_utils.autograder_utils.json_test_runner import JSONTestRunner
import same_cases

class Cases(unittest.TestCase):
    pass

for number, (name, call) in enumerate(same_cases.cases({seed})):
    method = weight(1)(lambda self, call=call: call())
    method.__name__, method.__doc__ = f"test_{{number}}", name
    setattr(Cases, method.__name__, method)

suite = unittest.defaultTestLoader.loadTestsFromTestCase(Cases)
with open(sys.argv[2], "w") as file:
    JSONTestRunner(visibility="visible", stream=file).run(suite)
"""


class Peer(NamedTuple):
    """What a peer took a submission, and how many cases it ran and passed in the last one."""

    wall_seconds: float
    cpu_seconds: float
    cases: int
    passed: int


class Peers:
    """The peers' own environment, and their test folders.

    Parameters
    ----------
    project : Project
        Where the cases are, and below whose `build/` the environment is.
    place : Path
        A temporary folder.
    seed : int
        For the hidden cases.
    """

    def __init__(self, project: Project, place: Path, seed: int) -> None:
        self._bin = project.root / ENVIRONMENT / "bin"
        if not (self._bin / "otter").exists():
            raise SystemExit("Run `make peers`: it makes the environment of the other graders.")
        self._place = place
        tests = place / "tests"
        for name, source in (("public", project.public_tests), ("hidden", project.hidden_tests)):
            shutil.copytree(source, tests / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(Path(__file__).with_name("same_cases.py"), tests)
        names = {
            "tests": str(tests),
            "helpers": str(tests / "hidden"),
            "public": str(tests / "public"),
            "seed": seed,
        }
        self._gradescope = place / "run_gradescope.py"
        self._gradescope.write_text(GRADESCOPE_RUN.format(**names))
        self._autograder = place / "autograder.zip"
        with zipfile.ZipFile(self._autograder, "w") as archive:
            archive.writestr("otter_config.json", json.dumps({"pdf": False, "lang": "python"}))
            archive.writestr("tests/test_layers.py", OTTER_TEST.format(**names))

    def otter(self, submissions: list[Mapping[str, bytes]]) -> Peer:
        """Run `otter run` on each submission, its layers beside a script that imports them."""
        commands = []
        for number, files in enumerate(submissions):
            archive = self._place / f"submission-{number}.zip"
            with zipfile.ZipFile(archive, "w") as zipped:
                zipped.writestr("main.py", "import layers\n")
                for path, data in _layers(files).items():
                    zipped.writestr(path, data)
            out = self._place / f"otter-{number}"
            out.mkdir()
            command = [self._bin / "otter", "run", "--no-logo", "-a", self._autograder]
            commands.append([*map(str, command), "-o", str(out), str(archive)])
        wall, cpu = _run_all(commands, self._place)
        tests = json.loads((out / "results.json").read_text())["tests"]
        (scored,) = [test for test in tests if "score" in test]
        return Peer(wall, cpu, scored["max_score"], scored["score"])

    def gradescope(self, submissions: list[Mapping[str, bytes]]) -> Peer:
        """Run gradescope-utils' JSON test runner on each submission."""
        commands = []
        for number, files in enumerate(submissions):
            root = self._place / f"unpacked-{number}"
            for path, data in _layers(files).items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(data)
            result = self._place / f"gradescope-{number}.json"
            command = [self._bin / "python", self._gradescope, root, result]
            commands.append([str(word) for word in command])
        wall, cpu = _run_all(commands, self._place)
        tests = json.loads(result.read_text())["tests"]
        return Peer(wall, cpu, len(tests), sum(test["score"] == 1 for test in tests))


def _layers(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path: data for path, data in files.items() if path.startswith("layers/")}


def _run_all(commands: list[list[str]], place: Path) -> tuple[float, float]:
    """Run commands one after the other; return wall and CPU seconds of each, on average."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    for command in commands:
        # One thread, as in the sandbox: with more they wait for each other.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, cwd=place, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"{command[0]} failed: {(done.stdout + done.stderr)[-2000:]}")
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall / len(commands), cpu / len(commands)
