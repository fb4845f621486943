"""One run of the layer tests: a submission's cases, in a process made for it, over its cell."""

from __future__ import annotations

import msgspec
import pytest

from grader.bridge.foreseen import Asked
from grader.bridge.session import Budget, Session
from grader.checks.case_plugin import CASE, CasePlugin
from grader.checks.collection import Student
from grader.checks.foresight import Foresight
from grader.checks.large_libraries import large_libraries
from grader.checks.phases import run_phases
from grader.checks.run_memory import settle_memory
from grader.errors import GraderError
from grader.lab import Lab
from grader.model import CaseResult
from grader.sandbox.cell import Cell


class Request(msgspec.Struct, frozen=True):
    """What to run: the cases of some items, on a submission's files, with a seed."""

    files: dict[str, bytes]
    items: tuple[str, ...]
    seed: int


class Ours(msgspec.Struct, frozen=True):
    """An error of the grader's, as it travels between processes: what happened, what to do."""

    what: str
    do: str


class Answer(msgspec.Struct, frozen=True):
    """What came of a request.

    Attributes
    ----------
    cases : tuple of (str, CaseResult)
        Each case that ran, with its rubric item.
    output : dict of str to str
        What the student's code printed, by item.
    error : Ours or None
        Why the cases did not all run, if so.
    """

    cases: tuple[tuple[str, CaseResult], ...] = ()
    output: dict[str, str] = {}
    error: Ours | None = None


class Ran(msgspec.Struct, frozen=True):
    """What came of a run.

    Attributes
    ----------
    answer : Answer
        For whoever asked.
    learned : dict of str to list of (bytes, bytes)
        For later runs: what was asked of host objects in cases that passed, by node id.
    """

    answer: Answer
    learned: dict[str, Asked] = {}


def run_cases(
    collected: pytest.Session,
    student: Student,
    cell: Cell,
    request: Request,
    lab: Lab,
    foresight: Foresight,
) -> Ran:
    """Run the cases in this very process, which is good for nothing else afterwards.

    Parameters
    ----------
    collected : pytest.Session
        Has collected the cases of all items asked for, and maybe more.
    student : Student
        What the tests hold in place of the student's code.
    cell : Cell
        Open and empty, or still to be opened.
    request : Request
        The submission's files, the items and the grading seed.
    lab : Lab
        Limits, and the suite's version.
    foresight : Foresight
        What earlier runs under the request's seed have learned.
    """
    settle_memory()
    given = cell.is_open
    if not given:
        cell.open()
    try:
        cell.fill(request.files, large_libraries(request.files))
        session = student.session = make_session(cell, lab)
        plugin = CasePlugin(session, lab, request.seed, foresight)
        collected.config.pluginmanager.register(plugin)
        collected.config.option.seed = request.seed
        chosen = [item for item in collected.items if item.stash[CASE].item in request.items]
        for item, following in zip(chosen, [*chosen[1:], None], strict=True):
            run_phases(item, following, plugin)
            if plugin.error is not None:
                break
            plugin.learn(item)
        session.end_item()
        if plugin.error is None and len(plugin.verdicts) != len(chosen):
            raise GraderError("Some cases ended without a verdict.", "Report this.")
    finally:
        if given:
            cell.close_replacement()
        else:
            cell.close()
    error = Ours(plugin.error.what, plugin.error.do) if plugin.error is not None else None
    return Ran(Answer(plugin.verdicts, session.output, error), plugin.learned)


def make_session(cell: Cell, lab: Lab) -> Session:
    """Return a session over a cell's item processes, with the lab's limits."""
    modules = {module.item: module for module in lab.modules if module.item}
    return Session(
        cell,
        {item: (modules[item].defines or "", modules[item].module) for item in lab.test_items},
        {name: list(others) for name, others in lab.spellings.items()},
        Budget(lab.limits.case_seconds, lab.limits.item_seconds, lab.limits.lost_processes),
    )
