"""Runs the cases of one job, each once a seed, in a pytest session that has collected them."""

from __future__ import annotations

import random
import re
import signal
from collections import Counter
from collections.abc import Sequence
from types import FrameType

import numpy as np
import pytest

from grader.checks.case_plugin import CASE, Case, CasePlugin, case_seed
from grader.checks.wording import diagnosis_of
from grader.model import Suite
from grader.suite.observation import Job, Observation, Stops

CASE_CPU_SECONDS = 2
"""What an in-process case may compute; a right one needs a hundredth of it, and a machine that is
busy with other work does not change that."""

CASE_SECONDS = 60
"""How long an in-process case may take that computes nothing, such as one that sleeps."""


NOTE = re.compile(r"^  note: +(.+)$", re.MULTILINE)
"""The line of a public test's message that names a mistake."""


class CaseTookTooLong(BaseException):
    """The case ran longer than any right implementation needs.

    Not an `Exception`, so that no implementation catches it and goes on.
    """


class SeedLoop:
    """Takes the place of pytest's loop.

    Parameters
    ----------
    items : sequence of pytest.Item
        The job's cases, in the order to run them in.
    job : Job
        Seeds, and when to leave cases out.
    version : str
        The suite's.
    bridge : CasePlugin or None
        What runs the cases across the bridge; None for in-process.
    """

    def __init__(
        self,
        items: Sequence[pytest.Item],
        job: Job,
        version: str,
        bridge: CasePlugin | None,
    ) -> None:
        self._items = items
        self._job = job
        self._version = version
        self._bridge = bridge
        self._seconds = 0.0
        self._said = ""
        self._diagnosis = ""
        self._failed = False
        self._failures: Counter[str] = Counter()
        self._observed: list[Observation] = []

    def run(self, session: pytest.Session) -> tuple[Observation, ...]:
        """Run the cases and return what was seen, up to where the job or the bridge stopped."""
        if self._bridge is None:
            signal.signal(signal.SIGPROF, _too_long)
            signal.signal(signal.SIGALRM, _too_long)
        first, *others = self._job.seeds
        if self._go_on(session, self._items, first):
            # Item by item, so that across the bridge each has one process for all its seeds.
            for item in self._job.items if self._job.later_items is None else self._job.later_items:
                if not self._under_later_seeds(session, item, others):
                    break
        return tuple(self._observed)

    def _under_later_seeds(
        self, session: pytest.Session, rubric_item: str, seeds: Sequence[int]
    ) -> bool:
        """Run an item's cases under seeds after the first; public ones have seeds of their own."""
        items = [
            item
            for item in self._items
            if item.stash[CASE].suite is not Suite.PUBLIC and item.stash[CASE].item == rubric_item
        ]
        for seed in seeds:
            ends = self._job.stops is Stops.AT_FAILURE_OF_SEED
            if ends:
                items.sort(key=lambda item: -self._failures[item.nodeid])
            if not self._go_on(session, items, seed, ends):
                return False
        return True

    def _go_on(
        self,
        session: pytest.Session,
        items: Sequence[pytest.Item],
        seed: int,
        until_failure: bool = False,
    ) -> bool:
        """Run cases under one seed; tell whether to go on after it."""
        for item, following in zip(items, [*items[1:], None], strict=True):
            # Where the next case is not known, nothing is left set up for it.
            self._run_case(item, None if until_failure else following, seed)
            if session.shouldstop:
                return False
            if self._failed:
                self._failures[item.nodeid] += 1
                if self._job.stops is Stops.AT_FAILURE:
                    return False
                if until_failure:
                    break
        return True

    def pytest_runtest_makereport(self, call: pytest.CallInfo[object]) -> None:
        """Note what a failing phase says of the mistake; pytest makes the report."""
        if call.excinfo is not None:
            self._diagnosis = self._diagnosis or _diagnosis(call.excinfo.value)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a phase of the case went."""
        self._seconds += report.duration
        if not report.passed:
            self._failed = True
            self._said = self._said or _first_word(report)

    def _run_case(self, item: pytest.Item, following: pytest.Item | None, seed: int) -> None:
        self._seconds, self._said, self._diagnosis, self._failed = 0.0, "", "", False
        case = item.stash[CASE]
        seed = self._job.seed_of.get(case.id, seed)
        item.config.option.seed = seed
        if self._bridge is not None:
            self._bridge.seed = seed
        else:
            self._seed_generators(case, seed)
        item.user_properties.clear()
        # In a sandbox the bridge's own deadline ends a case.
        self._bound(CASE_CPU_SECONDS, CASE_SECONDS)
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        finally:
            self._bound(0, 0)
        margins = [value for name, value in item.user_properties if name == "error_over_tolerance"]
        file, line, _ = item.location
        self._observed.append(
            Observation(
                f"{case.suite}:{case.id}",
                case.item,
                seed,
                not self._failed,
                self._seconds,
                float(str(margins[-1])) if margins else None,
                f"{file}:{(line or 0) + 1}",
                self._said,
                self._diagnosis,
            )
        )

    def _seed_generators(self, case: Case, seed: int) -> None:
        """Seed the global generators, which students use, as an item process does."""
        number = case_seed(self._version, seed, case.id)
        random.seed(number)
        np.random.seed(number % 2**32)

    def _bound(self, cpu_seconds: float, seconds: float) -> None:
        if self._bridge is None:
            # Again and again, since a bare `except` would end no loop.
            signal.setitimer(signal.ITIMER_PROF, cpu_seconds, cpu_seconds)
            signal.setitimer(signal.ITIMER_REAL, seconds, seconds)


def _first_word(report: pytest.TestReport) -> str:
    """Return the line of a failure that says most: the first of those that pytest marks."""
    lines = str(report.longrepr).strip().splitlines() or [report.outcome]
    errors = [line.removeprefix("E").strip() for line in lines if line.startswith("E ")]
    return (errors or lines[-1:])[0][:300]


def _diagnosis(error: BaseException) -> str:
    """Return the sentence that a hidden case's exception carries, or a public case's text notes."""
    carried = diagnosis_of(error)
    if carried is not None:
        return str(carried.value)
    note = NOTE.search(str(error)) if isinstance(error, AssertionError) else None
    return note[1] if note else ""


def _too_long(number: int, frame: FrameType | None) -> None:
    raise CaseTookTooLong("longer than any right implementation needs")
