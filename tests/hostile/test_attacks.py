"""Every attack gains nothing, harms nothing but itself, and leaves nothing behind."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import msgspec
import pytest

from grader.bridge import made_up_time
from grader.lab import Project
from grader.model import ItemResult, Outcome, Report
from grader.pipeline import Plan, grade
from tests.hostile.attack import CANARY, GAIN, Attack, write_archive
from tests.hostile.attacks import ATTACKS
from tests.hostile.attacks.remote import REMOTE
from tests.hostile.conftest import WatchedSandbox

SEED = 7
SLACK_SECONDS = 5.0
MOST_GROWTH = 50 << 20
"""Bytes by which a submission may make the grader's own process larger."""
HONEST = {"relu": (Outcome.PASSED, 10.0), "softmax": (Outcome.PASSED, 15.0)}
"""What an honest submission gets for two items, whatever was graded before it."""

ESSENTIAL = ("worker-killed", "orphan", "fork-bomb", "bad-frames", "slow-reader")
"""The attacks on what differs with an engine on another machine: the worker and the way out."""


def graded(attack: Attack, archive: Path, project: Project, sandbox: WatchedSandbox) -> Report:
    """Grade the attacked item and its neighbour under the attack's limits."""
    limits = msgspec.structs.replace(project.lab.limits, **attack.limits)
    lab = msgspec.structs.replace(project.lab, limits=limits)
    plan = Plan(
        project=msgspec.structs.replace(project, lab=lab),
        sandbox=sandbox,
        seed=SEED,
        items=(attack.item, attack.neighbour),
    )
    return grade(archive, plan).report


def item_of(report: Report, item: str) -> ItemResult:
    return next(result for result in report.items if result.id == item)


def outcomes_of(item: ItemResult) -> dict[Outcome, list[str]]:
    """Return the cases' ids by outcome."""
    outcomes: dict[Outcome, list[str]] = {}
    for case in item.cases:
        outcomes.setdefault(case.outcome, []).append(case.id)
    return outcomes


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def honest_cases(
    watched: WatchedSandbox, project: Project, folder: Path
) -> dict[str, tuple[Outcome, float | None]]:
    """Grade an honest submission, and return what became of two of its items."""
    honest = Attack(name="honest", tries="Nothing.", code="")
    plan = Plan(project, watched, SEED, tuple(HONEST))
    report = grade(write_archive(honest, project, folder), plan).report
    return {item.id: (item.outcome, item.points) for item in report.items if item.id in HONEST}


def name_of(attack: Attack) -> str:
    return attack.name


@pytest.mark.parametrize("attack", ATTACKS, ids=name_of)
def test_an_attack_gains_nothing(
    attack: Attack, watched: WatchedSandbox, project: Project, tmp_path: Path
) -> None:
    require_no_gain(attack, watched, project, tmp_path)


@pytest.mark.parametrize("attack", [a for a in ATTACKS if a.harmless], ids=name_of)
def test_a_harmless_attack_gains_nothing_in_a_plain_process_either(
    attack: Attack, watched_process: WatchedSandbox, project: Project, tmp_path: Path
) -> None:
    require_no_gain(attack, watched_process, project, tmp_path)


@pytest.mark.docker
@pytest.mark.parametrize(
    "attack", [*REMOTE, *(a for a in ATTACKS if a.name in ESSENTIAL)], ids=name_of
)
def test_an_attack_gains_nothing_from_an_engine_on_another_machine(
    attack: Attack, watched_attached: WatchedSandbox, project: Project, tmp_path: Path
) -> None:
    require_no_gain(attack, watched_attached, project, tmp_path)


def require_no_gain(
    attack: Attack, watched: WatchedSandbox, project: Project, tmp_path: Path
) -> None:
    """Grade the attack and require what it says of itself, and that the neighbour is unharmed."""
    before, archive = resident_bytes(), write_archive(attack, project, tmp_path)
    began = time.monotonic()
    report = graded(attack, archive, project, watched)
    took = time.monotonic() - began
    attacked, neighbour = item_of(report, attack.item), item_of(report, attack.neighbour)

    assert {*outcomes_of(attacked)} == {attack.outcome}, (outcomes_of(attacked), attacked.feedback)
    assert attacked.points == (attacked.max_points if attack.outcome is Outcome.PASSED else 0)
    assert {*outcomes_of(neighbour)} == {Outcome.PASSED}, outcomes_of(neighbour)
    assert neighbour.points == neighbour.max_points

    assert CANARY in attacked.output
    assert [form for form in attack.forms if f"{CANARY} {form}" not in attacked.output] == []
    assert len(watched.launches()) == 1, "student code has ended its worker"
    assert GAIN not in attacked.output + neighbour.output
    require_in_time(attack, attacked, took, project)
    assert resident_bytes() - before < MOST_GROWTH
    assert honest_cases(watched, project, tmp_path) == HONEST
    processes = project.lab.limits.lost_processes + 1
    assert len(attacked.output) <= 10 * processes * project.lab.limits.output_kib * 1024


@pytest.fixture(autouse=True)
def _nothing_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the limits hold as they stand, however busy this machine is."""
    monkeypatch.setattr(made_up_time, "MOST_TIMES", 0)


def require_in_time(attack: Attack, attacked: ItemResult, took: float, project: Project) -> None:
    """Require that no limit was passed by more than the slack: a case's, the item's, the run's."""
    limits = msgspec.structs.replace(project.lab.limits, **attack.limits)
    late = [
        case.id for case in attacked.cases if case.seconds > limits.case_seconds + SLACK_SECONDS
    ]
    assert late == []
    # Where each case waits until it is ended, no honest work is in the item's time.
    waits = attack.outcome is Outcome.TIMEOUT
    longest = limits.lost_processes * limits.case_seconds if waits else limits.item_seconds
    assert sum(case.seconds for case in attacked.cases) <= longest + SLACK_SECONDS
    # The neighbour has a limit of its own, and the sandbox one for its start.
    assert took <= longest + limits.item_seconds + limits.start_seconds + SLACK_SECONDS


def test_an_honest_submission_after_all_attacks_gets_full_marks(
    watched: WatchedSandbox, project: Project, tmp_path: Path
) -> None:
    honest = Attack(name="honest", tries="Nothing.", code="")
    archive = write_archive(honest, project, tmp_path)
    report = grade(archive, Plan(project, watched, SEED, project.lab.test_items)).report
    assert report.score == sum(project.lab.line(item).points for item in project.lab.test_items)
    assert len(watched.launches()) == 1
