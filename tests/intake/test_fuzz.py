"""Mutated zips are taken in or refused, and do nothing else: a short run of the benchmark's."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from tests.benchmarks import fuzz_intake


def test_mutated_archives_are_accepted_or_refused_in_a_sentence() -> None:
    accepted, refused, _ = fuzz_intake.fuzz(1500, seed=random.Random().getrandbits(32))
    assert accepted > 0
    assert refused > 500


def test_the_watch_sees_what_is_written_and_started() -> None:
    watch = fuzz_intake.Watch()
    steps = (
        lambda: Path(os.devnull).write_bytes(b"x"),
        lambda: Path("/x/y").mkdir(),
        lambda: subprocess.run(["true"], check=False),
    )
    for step in steps:
        watch.on = True
        try:
            with pytest.raises(fuzz_intake.Escaped):
                step()
        finally:
            watch.on = False
