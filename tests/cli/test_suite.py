"""What `grader suite verify` prints of what was found."""

from __future__ import annotations

import pytest

from grader.cli.suite import _show
from grader.suite.verify import CaseRecord, Verification

WIDE = "hidden:relu/forward[wide]"


def verification_of(*only: str) -> Verification:
    return Verification(
        suite_version="1",
        suite_sha256="0" * 64,
        sandbox="in-process",
        seeds=(1, 2),
        only=only,
        bugs=2,
        variants=0,
        problems=(f"{WIDE} is wrong.",),
        cases=(
            CaseRecord(WIDE, "test_relu.py:1", 2, 0, 0.01, 0.001, ("leaky",)),
            CaseRecord("hidden:relu/idle[tall]", "test_relu.py:9", 2, 0, None, 0.001, ()),
        ),
        caught_by_one={"leaky": WIDE},
        missed_by_hidden={"sevens": (2,)},
    )


def test_cases_are_printed_with_their_parameters_and_bugs_with_who_catches_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    _show(verification_of())
    table, *lines = capsys.readouterr().out.split("└")
    assert WIDE in table
    for line in (
        f"caught by one case only: leaky, by {WIDE}\n",
        "caught by public cases alone: sevens, with 1 of 2 seeds, 2 among them\n",
        "catches nothing: hidden:relu/idle[tall]\n",
        f"problem: {WIDE} is wrong.\n",
    ):
        assert line in lines[0]


def test_a_narrow_terminal_shows_a_bug_beside_its_case(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _show(verification_of("relu-*"))
    table = capsys.readouterr().out
    assert "leaky" in table.splitlines()[4]
    assert "idle" not in table, "it catches none of the bugs asked for"
