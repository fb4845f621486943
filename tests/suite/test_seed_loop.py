"""Which cases run under which seeds, and in which order."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from grader.lab import Project
from grader.sandbox.launch import Sandbox
from grader.suite.corpus import Edit, apply_edits
from grader.suite.implementations import right_solution
from grader.suite.observation import Job, Observation, Stops
from grader.suite.parallel import observe_all

from .conftest import SOFTMAX_AXIS

RELU_SIGN = Edit("layers/relu.py", old="np.maximum(x, 0)", new="np.minimum(x, 0)")
ITEMS = ("relu", "softmax")


@pytest.fixture
def wrong_twice(project: Project) -> Job:
    """A job with a wrong relu and a wrong softmax, under three seeds."""
    files = apply_edits(right_solution(project), (RELU_SIGN, SOFTMAX_AXIS), "wrong-twice")
    return Job(files, ITEMS, (1, 2, 3), Stops.AT_FAILURE_OF_SEED)


def observe(job: Job, project: Project, sandbox: Sandbox | None = None) -> tuple[Observation, ...]:
    tasks = [("it", job)]
    ((_, observed),) = observe_all(tasks, project, sandbox, 1, lambda done, total: None)
    return observed


def test_each_item_goes_through_the_later_seeds_before_the_next(
    project: Project, wrong_twice: Job
) -> None:
    observed = observe(wrong_twice, project)
    later = [(one.item, one.seed, one.passed) for one in observed if one.seed > 1]
    # What failed first under a seed comes first under the next, so that one case is enough.
    assert later == [(item, seed, False) for item in ITEMS for seed in (2, 3)]


def test_a_case_that_ends_a_seed_leaves_nothing_set_up_for_the_next_item(
    project: Project, wrong_twice: Job
) -> None:
    (softmax,) = [o for o in observe(wrong_twice, project) if (o.item, o.seed) == ("softmax", 2)]
    assert softmax.said.startswith("comparison.Mismatch: softmax/")


def test_public_cases_run_under_the_first_seed_alone(project: Project, wrong_twice: Job) -> None:
    whole = msgspec.structs.replace(wrong_twice, stops=Stops.NEVER)
    observed = observe(whole, project)
    public = [one for one in observed if one.case.startswith("public:")]
    assert {one.seed for one in public} == {1}
    hidden = [len([o for o in observed if o.seed == seed]) for seed in (1, 2, 3)]
    assert hidden[0] - len(public) == hidden[1] == hidden[2] > 0


def test_students_random_values_depend_on_seed_and_case_alone_in_process_as_across_the_bridge(
    project: Project, process_sandbox: Sandbox
) -> None:
    drawing = "\nimport random\ndef forward(self, x):\n"
    drawing += "    raise ValueError(f'drew {np.random.random()} {random.random()}')\n"
    files = right_solution(project)
    files["layers/relu.py"] += (drawing + "ReluLayer.forward = forward\n").encode()
    job = Job(files, ("relu",), (1, 2))

    def drawn(sandbox: Sandbox | None = None) -> list[tuple[str, int, str]]:
        seen = [one for one in observe(job, project, sandbox) if "[" in one.case]
        return [(one.case, one.seed, one.said.partition("drew ")[2]) for one in seen]

    once = drawn()
    assert len({values for *_, values in once}) == len(once) > 10
    assert once == drawn()
    across = [values.partition(")")[0] for *_, values in drawn(process_sandbox)]
    assert across == [values for *_, values in once]


def test_items_that_are_not_among_the_later_ones_run_once(
    project: Project, wrong_twice: Job
) -> None:
    job = msgspec.structs.replace(wrong_twice, later_items=("softmax",))
    assert {(o.item, o.seed) for o in observe(job, project)} == {
        *(("relu", 1), ("softmax", 1), ("softmax", 2), ("softmax", 3))
    }


def test_the_first_failure_may_end_the_whole_job(project: Project, wrong_twice: Job) -> None:
    *passed, last = observe(msgspec.structs.replace(wrong_twice, stops=Stops.AT_FAILURE), project)
    assert all(one.passed for one in passed)
    assert (last.item, last.passed) == ("relu", False)


def test_across_the_bridge_an_item_keeps_its_process_for_all_later_seeds(
    project: Project, process_sandbox: Sandbox, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    counting = Edit(
        "layers/relu.py",
        old="class ReluLayer:",
        new=f"open({str(started)!r}, 'a').write('x')\n\n\nclass ReluLayer:",
    )
    files = apply_edits(right_solution(project), (counting,), "counting")
    observed = observe(Job(files, ITEMS, (1, 2, 3, 4)), project, process_sandbox)
    assert all(one.passed for one in observed)
    # Public cases, hidden ones of the first seed, hidden ones of all later seeds; but the item that
    # was last goes on from public to hidden ones, and the other from the first seed to later ones.
    assert len(started.read_text()) == 3 * len(ITEMS) - 2
