"""What a batch writes on a terminal, where a picture of it comes and goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import Result

from grader.cli import batch

ERASE = "\x1b[2K"


def test_how_to_go_on_stays_on_the_terminal_when_the_picture_goes(
    run: Callable[..., Result],
    examples: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "grade_batch", interrupted)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    source = next(iter(examples.values())).parent
    result = run("batch", source, "--out", tmp_path / "out", "--only", "structure")
    assert result.exit_code == 130
    before, erased, after = result.stderr.rpartition(ERASE)
    assert erased
    assert "run the same command again to go on" in after
    assert "run the same" not in before
