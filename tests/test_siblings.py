"""Every hidden case has a sibling, which accepts what is right and catches what it catches.

Besides, ``python tests/test_siblings.py`` tries every bug of the corpus, and prints what siblings
miss. It takes some minutes, so it is no test.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec
import pytest

from grader.checks.layer_tests import run_layer_tests
from grader.checks.siblings import (
    case_name,
    sibling_ids,
    suggested_seed,
    with_reproduction,
    without_parameters,
)
from grader.lab import Project, find_project
from grader.model import CaseResult, Identity, Outcome, Submission, Suite
from grader.sandbox.launch import Sandbox
from grader.suite.corpus import Bug, Corpus, apply_edits, read_corpus
from grader.suite.implementations import right_solution, template_files
from grader.suite.observation import Job, Observation
from grader.suite.parallel import in_process, observe_all

SIBLINGS, HIDDEN = (Suite.SIBLING,), (Suite.HIDDEN,)
SEEDS = 200
PART = 50
JOBS = 2
EVERY = 8  # how many bugs there are to each that is tried as a test

_POPPED = "takes all layers away after the first step, which shows only where rows are told apart"
NOT_SHOWN = {
    ("relu/all-off", "relu-backward-boolean"): "False counts as the 0 that is expected",
    ("relu/arguments-unchanged", "relu-backward-boolean"): "True counts as 1, which is not 0",
    **{
        (f"sequential/{case}", "sequential-backward-pops-layers"): _POPPED
        for case in ("arguments-unchanged", "fit-batch-size", "fit-epochs", "fit-large-batch")
    },
}
"""By (case, bug): why the case's sibling cannot catch the bug that the case catches."""


@pytest.fixture(scope="module")
def corpus(project: Project) -> Corpus:
    return read_corpus(project)


def observe(
    tasks: Sequence[tuple[str, Job]], project: Project, suites: tuple[Suite, ...] = SIBLINGS
) -> Iterator[tuple[str, tuple[Observation, ...]]]:
    return observe_all(tasks, project, None, JOBS, lambda done, total: None, suites)


def failed_cases(observed: Sequence[Observation]) -> set[str]:
    """Return the ids of cases that failed, without suite and parameters."""
    return {without_parameters(o.case.partition(":")[2]) for o in observed if not o.passed}


def hidden_ids(project: Project) -> Iterator[str]:
    """Yield the ids in the case markers of the hidden tests."""
    for item in project.lab.test_items:
        tree = ast.parse((project.hidden_tests / f"test_{item}.py").read_bytes())
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if ast.unparse(call.func) == "pytest.mark.case":
                (name,) = (word.value for word in call.keywords if word.arg == "id")
                yield f"{item}/{ast.literal_eval(name)}"


def test_every_hidden_case_has_one_sibling_and_none_is_left_over(project: Project) -> None:
    siblings, hidden = sibling_ids(project), set(hidden_ids(project))
    assert len(siblings) == len(set(siblings))
    assert not hidden - set(siblings), "write a sibling in grader/siblings/ for each of these"
    assert not set(siblings) - hidden, "these are siblings of no hidden case"


def test_siblings_share_no_text_with_the_hidden_tests(project: Project) -> None:
    def statements(paths: Iterator[str]) -> set[str]:
        return {
            ast.unparse(node)
            for path in paths
            for node in ast.walk(ast.parse(path))
            if isinstance(node, ast.FunctionDef | ast.For | ast.With)
        }

    hidden = statements(path.read_text() for path in project.hidden_tests.glob("*.py"))
    public = statements(path.read_text() for path in project.siblings.glob("*.py"))
    assert len(public) > 100
    assert not hidden & public


def test_the_reference_passes_every_sibling_under_many_seeds(project: Project) -> None:
    solution = right_solution(project)
    # In parts: one item has as many siblings as three others.
    parts = [tuple(range(start, start + PART)) for start in range(0, SEEDS, PART)]
    tasks = [
        (item, Job(solution, (item,), seeds)) for item in project.lab.test_items for seeds in parts
    ]
    runs = 0
    for _, observed in observe(tasks, project):
        runs += len(observed)
        assert [(o.case, o.seed, o.said) for o in observed if not o.passed] == []
    assert runs == SEEDS * len(sibling_ids(project))


def test_the_template_fails_every_sibling(project: Project) -> None:
    job = Job(template_files(project), project.lab.test_items, (1,))
    observed = in_process(job, project, SIBLINGS)
    assert failed_cases(observed) == set(sibling_ids(project))


def changed_items(project: Project, files: Collection[str]) -> tuple[str, ...]:
    """Return the items whose code is in these files; all, where what they import may be."""
    own = {f"layers/{module.file}": module.item for module in project.lab.modules if module.item}
    if not set(files) <= own.keys():
        return project.lab.test_items
    return tuple(sorted(own[file] for file in set(files)))


def test_right_but_unusual_solutions_pass_every_sibling(project: Project, corpus: Corpus) -> None:
    solution = right_solution(project)
    tasks = []
    for variant in corpus.variants:
        if not variant.bridge_only:
            files = apply_edits(solution, variant.edits, variant.id)
            items = changed_items(project, {edit.file for edit in variant.edits})
            tasks.append((variant.id, Job(files, items, (1,))))
    assert tasks
    for name, observed in observe(tasks, project):
        assert [(name, o.case, o.said) for o in observed if not o.passed] == []


def test_siblings_pass_what_is_right_across_the_bridge(
    project: Project, corpus: Corpus, process_sandbox: Sandbox
) -> None:
    solution = right_solution(project)
    right = {variant.id: variant.edits for variant in corpus.variants if variant.bridge_only}
    tasks = [
        (
            name,
            Job(
                apply_edits(solution, edits, name),
                changed_items(project, {edit.file for edit in edits} or {"all"}),
                (1,),
            ),
        )
        for name, edits in {"reference": (), **right}.items()
    ]
    for name, observed in observe_all(
        tasks, project, process_sandbox, JOBS, lambda *_: None, SIBLINGS
    ):
        assert observed
        assert [(name, o.case, o.said) for o in observed if not o.passed] == []


def test_staff_see_where_in_a_sibling_it_failed(project: Project, process_sandbox: Sandbox) -> None:
    files = dict(right_solution(project))
    files["layers/sequential.py"] += (
        b"\n\ndef fit(self, x, y, **settings):\n    self.layers[0].forward()\n"
        b"\nSequential.fit = fit\n"
    )
    submission = Submission("A_B_LAB3.zip", "0" * 64, Identity("A", "B"), files=files)
    (item,) = run_layer_tests(
        submission, project, process_sandbox, ("sequential",), SIBLINGS, 1, "sequential/fit-epochs"
    )
    first, *_, last = item.cases[0].diagnostics[0].splitlines()
    assert "grader/siblings/test_sequential.py:" in first
    assert first.endswith("in test_fit_epochs")
    assert "TypeError" in last


def shown_pairs(project: Project, bugs: Sequence[Bug]) -> dict[tuple[str, str], bool]:
    """Tell for each (hidden case, bug it catches) whether the case's sibling catches it too.

    The sibling runs with the very seed that reports name.
    """
    solution = right_solution(project)
    files = {bug.id: apply_edits(solution, bug.edits, bug.id) for bug in bugs}
    seed_of = {case: suggested_seed(case, project) for case in sibling_ids(project)}
    seeds = (project.lab.suite.seed,)

    def lost(suites: tuple[Suite, ...]) -> dict[str, set[str]]:
        own = seed_of if suites == SIBLINGS else {}
        tasks = [(bug.id, Job(files[bug.id], bug.items, seeds, seed_of=own)) for bug in bugs]
        return {bug: failed_cases(observed) for bug, observed in observe(tasks, project, suites)}

    hidden, seen = lost(HIDDEN), lost(SIBLINGS)
    return {(case, bug): case in seen[bug] for bug in hidden for case in sorted(hidden[bug])}


@pytest.fixture(scope="module")
def shown(project: Project, corpus: Corpus) -> Mapping[tuple[str, str], bool]:
    """Return the pairs of some bugs; `python tests/test_siblings.py` tries all."""
    return shown_pairs(project, corpus.bugs[::EVERY])


def test_siblings_catch_what_their_hidden_cases_catch(
    shown: Mapping[tuple[str, str], bool],
) -> None:
    assert len(shown) > 300
    missed = {pair for pair, caught in shown.items() if not caught}
    assert missed <= NOT_SHOWN.keys(), "a sibling misses these: mend it, or say why it cannot"
    assert not {pair for pair in NOT_SHOWN if shown.get(pair)}, "strike these from NOT_SHOWN"


def test_suggested_seeds_depend_on_the_case_alone_and_are_never_the_grading_seed(
    project: Project,
) -> None:
    seeds = [suggested_seed(case, project) for case in sibling_ids(project)]
    assert len(set(seeds)) > len(seeds) // 2
    assert project.lab.suite.seed not in seeds
    # A fixed value: students compare notes over the years.
    assert suggested_seed("softmax/large-logits", project) == 242


def test_a_lab_whose_grading_seed_would_be_suggested_suggests_another(project: Project) -> None:
    lab = msgspec.structs.replace(
        project.lab, suite=msgspec.structs.replace(project.lab.suite, seed=242)
    )
    other = msgspec.structs.replace(project, lab=lab)
    assert suggested_seed("softmax/large-logits", other) == 243


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (CaseResult("relu/forward[wide]", Suite.HIDDEN, Outcome.FAILED, 1.0), True),
        (CaseResult("relu/forward[wide]", Suite.HIDDEN, Outcome.TIMEOUT, 1.0), True),
        (CaseResult("relu/forward[wide]", Suite.HIDDEN, Outcome.PASSED, 1.0), False),
        (CaseResult("relu/forward[wide]", Suite.HIDDEN, Outcome.GRADER_ERROR, 1.0), False),
        (CaseResult("relu/forward", Suite.PUBLIC, Outcome.FAILED, 1.0), False),
        (CaseResult("relu/unheard-of", Suite.HIDDEN, Outcome.FAILED, 1.0), False),
    ],
)
def test_a_command_is_named_for_lost_hidden_cases_that_have_a_sibling(
    project: Project, case: CaseResult, told: bool
) -> None:
    (result,) = with_reproduction([case], sibling_ids(project), project)
    command = f"grader check --case relu/forward --seed {suggested_seed('relu/forward', project)}"
    assert result.feedback == ((f"Try it yourself: {command}",) if told else ())


def test_a_sibling_s_id_is_its_function_s_name() -> None:
    assert case_name("test_fit_default_rate") == "fit-default-rate"


def main() -> None:
    """Print what siblings miss of all that hidden cases catch."""
    project = find_project()
    shown = shown_pairs(project, read_corpus(project).bugs)
    for pair, caught in sorted(shown.items()):
        if not caught:
            print(*pair, "-", NOT_SHOWN.get(pair, "NOT EXCUSED"))
    print(f"{sum(shown.values())} of {len(shown)} pairs (hidden case, bug) are shown by siblings")


if __name__ == "__main__":
    main()
