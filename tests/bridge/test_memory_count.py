"""Kills for memory are counted in both versions, and the machine's lack told from the group's."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.bridge import memory_count

TWO = "low 0\nhigh 0\nmax {}\noom {}\noom_kill {}\noom_group_kill 0\n"


def one(kills: int, most: int) -> dict[str, str]:
    return {
        "memory.oom_control": f"oom_kill_disable 0\nunder_oom 0\noom_kill {kills}\n",
        "memory.limit_in_bytes": f"{1 << 28}\n",
        "memory.max_usage_in_bytes": f"{most}\n",
    }


def group(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (folder / name).write_text(text)
    return str(folder)


@pytest.mark.parametrize(
    ("files", "kills", "reached"),
    [
        ({"memory.events": TWO.format(0, 0, 0)}, 0, False),
        # Files were dropped from memory to make room: no lack yet.
        ({"memory.events": TWO.format(9, 0, 0)}, 0, False),
        ({"memory.events": TWO.format(9, 2, 3)}, 3, True),
        ({"memory.events": TWO.format(0, 0, 1)}, 1, False),
        (one(2, most=(1 << 28) - 4096), 2, True),
        (one(2, most=1 << 27), 2, False),
        # The limit's files are not shown: who was killed had too much, as far as is known.
        ({"memory.oom_control": one(1, most=0)["memory.oom_control"]}, 1, True),
        ({}, 0, True),
    ],
)
def test_kills_and_the_limit_are_read(
    tmp_path: Path, files: dict[str, str], kills: int, reached: bool
) -> None:
    folder = group(tmp_path, files)
    assert memory_count.kills(folder) == kills
    assert memory_count.limit_was_reached(folder) is reached
