"""Runs a case's phases by pytest's hooks, without what it does for reports that nobody reads."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal

import pytest
from _pytest import fixtures
from _pytest.tmpdir import tmppath_result_key
from _pytest.unittest import pytest_runtest_makereport as tell_unittests_error

from grader.checks.case_plugin import CasePlugin

LEAVES_OUT = frozenset({"skip", "skipif", "xfail"})
"""The marks that a plugin of pytest's looks for before and after each phase."""


class _CaptureForFixtures:
    """Pytest's capture manager, as `capsys` and its like use it, but without its hooks.

    They look for output before and after each phase, and nothing is captured in a run but what a
    test itself asks for.
    """

    def __init__(self, manager: object) -> None:
        self._manager = manager

    def __getattr__(self, name: str) -> object:
        return getattr(self._manager, name)


def spare_phases(session: pytest.Session) -> None:
    """Take away what looks at each phase and finds nothing to do; all tests are collected."""
    manager = session.config.pluginmanager
    manager.unregister(name="terminalreporter")  # It would print each test's progress.
    if not any(mark.name in LEAVES_OUT for item in session.items for mark in item.iter_markers()):
        manager.unregister(name="skipping")
    capture = manager.unregister(name="capturemanager")
    manager.register(_CaptureForFixtures(capture), "capturemanager")
    # Which conftest.py files apply to a path does not change any more, and each fixture asks.
    session.gethookproxy = functools.cache(session.gethookproxy)  # type: ignore[method-assign, assignment]
    tell_requests_arguments()


def tell_requests_arguments() -> None:
    """Tell pytest that its fixture `request` takes no arguments.

    It makes one anew for each fixture that asks for it, a thousand times in a run, from a function
    that it then inspects for its arguments: a tenth of what it does around the cases.
    """
    inspect = vars(fixtures)["getfuncargnames"]

    def names(
        function: Callable[..., object], *, name: str = "", cls: type | None = None
    ) -> tuple[str, ...]:
        found: tuple[str, ...] = () if name == "request" else inspect(function, name=name, cls=cls)
        return found

    vars(fixtures)["getfuncargnames"] = names


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
    hooks = item.ihook
    phases: list[tuple[Literal["setup", "call", "teardown"], Callable[[], None]]] = [
        ("setup", lambda: hooks.pytest_runtest_setup(item=item)),
        ("call", lambda: hooks.pytest_runtest_call(item=item)),
        ("teardown", lambda: hooks.pytest_runtest_teardown(item=item, nextitem=following)),
    ]
    # Reports would tell `tmp_path` here how the phases went.
    item.stash[tmppath_result_key] = {}
    ready = True
    for name, phase in phases:
        if name == "call" and not ready:
            continue
        call = pytest.CallInfo.from_call(phase, name)
        # What went wrong in a unittest's case is found out only when its report is to be made.
        tell_unittests_error(item, call)
        ready = call.excinfo is None
        if ready and name != "call":
            plugin.spend(call.duration)
        else:
            plugin.judge(item, call)
