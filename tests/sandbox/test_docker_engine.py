"""Which engine is used, and whether it may be on another machine, is clear before anything runs."""

from __future__ import annotations

import pytest

from grader.errors import ConfigurationError, NoSandboxError
from grader.sandbox.docker.engine import connect, is_remote


@pytest.mark.parametrize(
    ("host", "setting", "remote"),
    [
        (None, None, False),
        ("unix:///run/user/1000/docker.sock", None, False),
        ("tcp://127.0.0.1:2375", None, True),
        ("https://engine.example.org:2376", None, True),
        ("unix:///tmp/forwarded.sock", "1", True),
        ("tcp://127.0.0.1:2375", "0", False),
    ],
)
def test_an_engine_is_taken_for_remote_by_its_address_or_as_told(
    host: str | None, setting: str | None, remote: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"DOCKER_HOST": host, "GRADER_DOCKER_REMOTE": setting}.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert is_remote() is remote


def test_another_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADER_DOCKER_REMOTE", "yes")
    with pytest.raises(ConfigurationError, match=r"GRADER_DOCKER_REMOTE is 'yes'\. Set it to 1 if"):
        is_remote()


def test_an_engine_over_ssh_is_told_how_to_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://ta@engine")
    with pytest.raises(NoSandboxError, match=r"does not speak ssh.*ssh -nNT -L .* ta@engine`"):
        connect()


def test_an_engine_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(NoSandboxError, match=r"No Docker engine answers at tcp://127\.0\.0\.1:9"):
        connect()
