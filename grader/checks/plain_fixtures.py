"""Makes fixtures that are no more than a function's result in the few steps that these need."""

from __future__ import annotations

import functools
import inspect
from types import FunctionType
from typing import Any

import pytest
from _pytest import fixtures
from _pytest.outcomes import TEST_OUTCOME


class PlainFixture(fixtures.FixtureDef[Any]):
    """A fixture whose function asks for no other and returns the value, such as a seeded generator.

    Of what pytest does for a fixture, hundreds of times in a run, this is what has any effect then.
    """

    def execute(self, request: fixtures.SubRequest) -> Any:
        """Return the fixture's value, and have it forgotten with its scope."""
        if self.cached_result is not None:
            return super().execute(request)
        key = self.cache_key(request)
        try:
            value = self.func(**dict.fromkeys(self.argnames, request))
        except TEST_OUTCOME as error:
            self.cached_result = (None, key, (error, error.__traceback__))
            raise
        finally:
            # Now, so that it goes before what the function itself has asked the request for.
            request.node.addfinalizer(functools.partial(self.finish, request=request))
        self.cached_result = (value, key, None)
        return value


def simplify_fixtures(session: pytest.Session) -> None:
    """Have all fixtures made as plain ones that are; all tests are collected."""
    hooks = session.config.hook
    others = hooks.pytest_fixture_setup.get_hookimpls()[1:]
    if others or hooks.pytest_fixture_post_finalizer.get_hookimpls():
        return  # Somebody besides pytest wants to be told of each.
    for item in session.items:
        if isinstance(item, pytest.Function):
            for definitions in item._fixtureinfo.name2fixturedefs.values():
                for definition in filter(_is_plain, definitions):
                    definition.__class__ = PlainFixture


def _is_plain(definition: fixtures.FixtureDef[Any]) -> bool:
    function = definition.func
    return (
        type(definition) is fixtures.FixtureDef
        and definition.argnames in ((), ("request",))
        and isinstance(function, FunctionType)
        and not inspect.isgeneratorfunction(function)
        and not inspect.iscoroutinefunction(function)
        and not inspect.isasyncgenfunction(function)
    )
