"""Runs a case's phases by pytest's hooks, without what it does for reports that nobody reads."""

from __future__ import annotations

import time
from typing import Any, Literal, TypeAlias

import pytest
from _pytest.tmpdir import tmppath_result_key
from _pytest.unittest import pytest_runtest_makereport as tell_unittests_error

from grader.checks.case_plugin import CasePlugin

Phase: TypeAlias = Literal["setup", "call", "teardown"]


def run_phases(item: pytest.Item, following: pytest.Item | None, plugin: CasePlugin) -> None:
    """Run a case's phases and have them judged.

    As `pytest_runtest_protocol` does, without reports and those who listen to them: that takes a
    fifth of the whole run.

    Parameters
    ----------
    item : pytest.Item
        The case.
    following : pytest.Item or None
        The next one, for which some fixtures may stay.
    plugin : CasePlugin
        Judges it.
    """
    # Reports would tell `tmp_path` here how the phases went.
    item.stash[tmppath_result_key] = {}
    phases: tuple[tuple[Phase, dict[str, Any]], ...] = (
        ("setup", {}),
        ("call", {}),
        ("teardown", {"nextitem": following}),
    )
    ready = True
    for name, arguments in phases:
        if name == "call" and not ready:
            continue
        call = _carried_out(name, item, arguments)
        # What went wrong in a unittest's case is found out only when its report is to be made.
        tell_unittests_error(item, call)
        ready = call.excinfo is None
        if ready and name != "call":
            plugin.spend(call.duration)
        else:
            plugin.judge(item, call)


def _carried_out(
    name: Phase, item: pytest.Item, arguments: dict[str, Any]
) -> pytest.CallInfo[None]:
    """Carry out a phase, as `CallInfo.from_call` would with clocks and dates that nobody reads."""
    hook = getattr(item.ihook, f"pytest_runtest_{name}")
    error = None
    began = time.perf_counter()
    try:
        hook(item=item, **arguments)
    except BaseException:
        error = pytest.ExceptionInfo[BaseException].from_current()
    ended = time.perf_counter()
    return pytest.CallInfo(None, error, began, ended, ended - began, name, _ispytest=True)
