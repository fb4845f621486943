"""Mutated zips are taken in or refused, and do nothing else: a short run of the benchmark's."""

from __future__ import annotations

import random

from tests.benchmarks import fuzz_intake


def test_mutated_archives_are_accepted_or_refused_in_a_sentence() -> None:
    accepted, refused, _ = fuzz_intake.fuzz(1500, seed=random.Random().getrandbits(32))
    assert accepted > 0
    assert refused > 500
