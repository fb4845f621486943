"""The two halves of the tests: every test runs once, and no failure or interruption is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("side_by_side.py")
TESTS = """
import pytest

@pytest.fixture(autouse=True)
def clears_away(request, tmp_path):
    yield
    with open({log!r}, "a") as log:
        log.write(request.node.name + " ")

def test_of_the_rest():
    {rest}

@pytest.mark.docker
def test_with_docker():
    {docker}
"""


def start(folder: Path, rest: str = "pass", docker: str = "pass") -> subprocess.Popen[str]:
    """Start both halves on two tests, which write their names when they have ended."""
    log, file = folder / "log", folder / "test_probe.py"
    log.touch()
    file.write_text(textwrap.dedent(TESTS).format(log=str(log), rest=rest, docker=docker))
    return subprocess.Popen(
        # As a shell starts it in the background.
        ["sh", "-c", 'trap "" INT; exec "$0" "$1"', sys.executable, str(SCRIPT)],
        env={
            **os.environ,
            "PYTEST_ADDOPTS": f"-p no:cacheprovider {file}",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("rest", "docker", "code"),
    [("pass", "pass", 0), ("assert 0", "pass", 1), ("pass", "assert 0", 1)],
    ids=["none", "first", "second"],
)
def test_every_test_runs_once_and_a_failure_of_either_half_is_told(
    tmp_path: Path, rest: str, docker: str, code: int
) -> None:
    process = start(tmp_path, rest, docker)
    said, _ = process.communicate()
    assert process.returncode == code
    assert sorted((tmp_path / "log").read_text().split()) == [
        "test_of_the_rest",
        "test_with_docker",
    ]
    assert said.count("1 passed") + said.count("1 failed") == 2
    assert said.index("test session starts") < said.index("With a sandbox or a browser")


def test_a_run_that_is_ended_lets_both_halves_clear_away(tmp_path: Path) -> None:
    wait = f"open({str(tmp_path)!r} + '/' + __import__('os').urandom(4).hex() + '.begun', 'w')"
    wait += "; __import__('time').sleep(60)"
    process = start(tmp_path, wait, wait)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("*.begun"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode != 0
    assert sorted((tmp_path / "log").read_text().split()) == [
        "test_of_the_rest",
        "test_with_docker",
    ]
