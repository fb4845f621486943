"""What pytest does around a case without being asked is left out, and nothing else changes."""

from __future__ import annotations

import pytest
from _pytest import fixtures

from grader.checks.phases import tell_requests_arguments


def test_pytest_is_told_the_arguments_of_request_as_it_would_find_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inspected: list[str] = []
    inspect = vars(fixtures)["getfuncargnames"]

    def spy(function: object, *, name: str = "", cls: type | None = None) -> tuple[str, ...]:
        inspected.append(name)
        names: tuple[str, ...] = inspect(function, name=name, cls=cls)
        return names

    monkeypatch.setitem(vars(fixtures), "getfuncargnames", spy)
    tell_requests_arguments()
    told = vars(fixtures)["getfuncargnames"]
    assert told(lambda: None, name="request") == inspect(lambda: None, name="request")
    assert told(lambda rng: rng, name="compare") == ("rng",)
    assert inspected == ["compare"]
