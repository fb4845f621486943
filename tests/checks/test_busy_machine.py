"""What a machine takes from a student's code, be it busy or stopped, is made up for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.bridge.made_up_time import note_stops
from grader.model import Outcome
from tests.checks.conftest import RunTests

OTHERS = 4
LAYER = """
import time

class FullLayer:
    def __init__(self, n_i, n_o):
        pass

    def forward(self, x):
        {work}
        return x
"""
COMPUTES = LAYER.format(
    work="""until = time.process_time() + 0.6
        while time.process_time() < until:
            pass"""
)
SLEEPS = LAYER.format(work="time.sleep(600)")
ANSWERS = LAYER.format(work="")
TEST = """
from layers import FullLayer

def test_it():
    assert FullLayer(1, 1).forward(3) == 3
"""
STOPPED = """
import os, signal, subprocess
from layers import FullLayer

def test_it():
    layer = FullLayer(1, 1)
    waker = subprocess.Popen(["sh", "-c", f"sleep 1; kill -CONT {os.getpid()}"])
    os.kill(os.getpid(), signal.SIGSTOP)
    waker.wait()
    assert layer.forward(3) == 3
"""


@pytest.fixture
def busy_processor() -> Iterator[None]:
    """Have this process, and all it starts, share one processor with others."""
    if not Path("/proc/thread-self/schedstat").exists():
        pytest.skip("this kernel does not count how long a process waits")
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    # In sessions of their own: some kernels share a processor out among sessions first.
    spin = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(spin, start_new_session=True) for _ in range(OTHERS)]
    yield
    for other in others:
        other.kill()
        other.wait()
    os.sched_setaffinity(0, allowed)


@pytest.fixture
def stops_are_noted() -> Iterator[None]:
    before = signal.getsignal(signal.SIGCONT)
    note_stops()
    yield
    signal.signal(signal.SIGCONT, before)


@pytest.mark.usefixtures("busy_processor")
def test_code_that_others_leave_no_processor_has_as_long_as_it_can_use(run_tests: RunTests) -> None:
    (item,) = run_tests({"full": COMPUTES}, {"full": TEST}, case_seconds=1.0)
    assert item.cases[0].outcome is Outcome.PASSED, item.cases
    assert item.cases[0].seconds > 1.0, "it was not slowed down"


@pytest.mark.usefixtures("busy_processor")
def test_code_that_sleeps_on_a_busy_machine_has_no_more_time(run_tests: RunTests) -> None:
    (item,) = run_tests({"full": SLEEPS}, {"full": TEST}, case_seconds=0.5)
    assert item.cases[0].outcome is Outcome.TIMEOUT


@pytest.mark.usefixtures("stops_are_noted")
def test_a_grader_that_was_stopped_for_a_while_takes_no_time_from_the_case(
    run_tests: RunTests,
) -> None:
    """As by Ctrl-Z and `fg`: a sandbox does not stop, and has answered long ago."""
    (item,) = run_tests({"full": ANSWERS}, {"full": STOPPED}, case_seconds=0.5)
    assert item.cases[0].outcome is Outcome.PASSED, item.cases
    assert item.cases[0].seconds > 0.5, "it was not stopped"
