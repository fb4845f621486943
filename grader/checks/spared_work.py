"""Has pytest do without what it does around each case that nobody needs.

A run has hundreds of small cases, so that what happens around them counts. All is done once, in the
collector, when the tests are collected. Tests see of pytest what they always did; only there
is no PYTEST_CURRENT_TEST, and hooks of fixtures hear nothing of a test's own parameters.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from _pytest import fixtures, runner
from _pytest.python import DirectParamFixtureDef
from pluggy import HookImpl

from grader.checks.plain_fixtures import simplify_fixtures

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


class _RequestAtHand(fixtures.RequestFixtureDef):
    """Pytest's fixture `request`, which it makes a thousand times in a run.

    Of a fixture made by all the rules, with its function inspected for arguments, pytest then uses
    the value alone.
    """

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.cached_result = (request, [0], None)


def spare_work(session: pytest.Session) -> None:
    """Take away what pytest does around each case for nothing; all tests are collected."""
    manager = session.config.pluginmanager
    manager.unregister(name="terminalreporter")  # It would print each test's progress.
    if not any(mark.name in LEAVES_OUT for item in session.items for mark in item.iter_markers()):
        manager.unregister(name="skipping")
    capture = manager.unregister(name="capturemanager")
    manager.register(_CaptureForFixtures(capture), "capturemanager")
    # Which conftest.py files apply to a path does not change any more, and each fixture asks.
    session.gethookproxy = functools.cache(session.gethookproxy)  # type: ignore[method-assign, assignment]
    calls_through = manager._inner_hookexec
    manager._inner_hookexec = functools.partial(call_hook, calls_through)
    vars(fixtures)["RequestFixtureDef"] = _RequestAtHand
    # PYTEST_CURRENT_TEST tells other processes which test is stuck; here each has its deadline.
    vars(runner)["_update_current_test_var"] = lambda item, when: None
    for item in session.items:
        hand_parameters(item)
    simplify_fixtures(session)


def call_hook(
    calls_through: Any,
    name: str,
    implementations: Sequence[HookImpl],
    arguments: Mapping[str, object],
    first_result: bool,
) -> object:
    """Call a hook: through pluggy, unless one plugin at most has it, as with nearly all calls."""
    if not implementations:
        return None if first_result else []
    (one, *others) = implementations
    if others or one.wrapper or one.hookwrapper or one.kwargnames:
        return calls_through(name, implementations, arguments, first_result)
    result = one.function(*(arguments[argument] for argument in one.argnames))
    if first_result:
        return result
    return [] if result is None else [result]


def hand_parameters(item: pytest.Item) -> None:
    """Give a test the parameters in its own decorators, for each of which pytest makes a fixture.

    Fixtures that use a parameter as well still get it from pytest.
    """
    if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
        return
    defined = item._fixtureinfo.name2fixturedefs
    for name, value in item.callspec.params.items():
        if isinstance(defined[name][-1], DirectParamFixtureDef):
            item.funcargs[name] = value
