"""`grader check --case`: what a student runs to see a hidden case's class of failure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from grader.checks.siblings import suggested_seed
from grader.lab import Project

Run = Callable[..., Result]


def test_a_right_folder_passes_a_sibling(run: Run, right_folder: Path) -> None:
    result = run("check", right_folder, "--case", "softmax/large-logits", "--seed", "7")
    assert result.exit_code == 0
    assert "softmax/large-logits passes with the seed 7" in result.stdout
    assert "relu" not in result.stdout


def test_a_wrong_softmax_is_shown_with_what_was_expected_and_what_came(
    run: Run, examples: dict[str, Path]
) -> None:
    result = run("check", examples["SUE_SOFTMAX_LAB3.zip"], "--case", "softmax/forward")
    assert result.exit_code == 1
    assert "FAIL softmax 0/1" in result.stdout
    for word in ("softmax/forward", "expected:", "came:", "shape", "hint:"):
        assert word in result.stdout


def test_each_seed_gives_other_values_and_always_the_same(
    run: Run, examples: dict[str, Path]
) -> None:
    def said(seed: int) -> str:
        words = ("--case", "softmax/backward", "--seed", str(seed))
        return run("check", examples["SUE_SOFTMAX_LAB3.zip"], *words).stdout

    seeds = (0, 1, -3, 10**30)
    assert len({said(seed) for seed in seeds}) == len(seeds)
    assert said(10**30) == said(10**30)


def test_without_a_seed_it_is_the_one_that_reports_name(
    run: Run, right_folder: Path, project: Project
) -> None:
    seed = suggested_seed("relu/forward", project)
    result = run("check", right_folder, "--case", "relu/forward")
    assert f"with the seed {seed}." in result.stdout


def test_a_case_pasted_with_its_parameters_is_understood(run: Run, right_folder: Path) -> None:
    result = run("check", right_folder, "--case", "full/forward[one-row]")
    assert result.exit_code == 0
    assert "full/forward passes" in result.stdout


def test_an_unknown_case_names_near_matches(run: Run, right_folder: Path) -> None:
    result = run("check", right_folder, "--case", "softmax/large-logit")
    assert result.exit_code == 2
    assert "'softmax/large-logit'" in result.stderr
    assert "softmax/large-logits" in result.stderr


def test_a_case_like_none_names_the_items(run: Run, right_folder: Path) -> None:
    result = run("check", right_folder, "--case", "zzz")
    assert result.exit_code == 2
    assert "cross_entropy" in result.stderr


def test_a_seed_without_a_case_is_a_usage_error(run: Run, right_folder: Path) -> None:
    result = run("check", right_folder, "--seed", "3")
    assert result.exit_code == 2
    assert "--case" in result.stderr


@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_report_names_a_command_for_each_lost_hidden_case_and_it_fails_as_promised(
    run: Run, examples: dict[str, Path], seed: str
) -> None:
    archive = examples["SUE_SOFTMAX_LAB3.zip"]
    words = ("--sandbox", "process", "--only", "softmax", "--audience", "student", "--seed", seed)
    report = json.loads(run("grade", archive, *words).stdout)
    (softmax,) = (item for item in report["items"] if item["id"] == "softmax")
    commands = set()
    for case in softmax["cases"]:
        told = [line for line in case["feedback"] if line.startswith("Try it yourself: grader ")]
        assert len(told) == (case["suite"] == "hidden" and case["outcome"] != "PASSED"), case
        commands |= {line.removeprefix("Try it yourself: grader ") for line in told}
    assert commands
    # The same for every grading seed, so that nothing of it can be read off.
    assert "check --case softmax/large-logits --seed 242" in commands
    assert all(re.fullmatch(r"check --case softmax/[a-z-]+ --seed \d{1,4}", c) for c in commands)
    shown = run("check", "--case", "softmax/large-logits", "--seed", "242", archive)
    assert shown.exit_code == 1
