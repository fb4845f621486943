"""Mistakes are named where they are made, in the public and the hidden tests, and nowhere else.

Besides, ``python -m tests.test_diagnosis`` prints what each bug of the corpus is called, which
whoever changes a pattern should read. It takes minutes, so it is no test.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from grader.checks.layer_tests import run_layer_tests
from grader.checks.wording import hidden_feedback
from grader.lab import find_project
from grader.model import Identity, ItemResult, Outcome, Submission, Suite
from grader.sandbox.launch import Sandbox
from grader.suite.corpus import Bug, Corpus, Edit, Variant, apply_edits, read_corpus
from grader.suite.implementations import right_solution
from grader.suite.observation import Job
from grader.suite.parallel import observe_all

PROJECT = find_project()


def _load_diagnosis() -> ModuleType:
    """Load the students' module by a name of its own, since its folder is on no path here."""
    place = PROJECT.public_tests / "diagnosis.py"
    spec = importlib.util.spec_from_file_location("students_diagnosis", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


lab = _load_diagnosis()
D = lab.Diagnosis
diagnose: Callable[..., Any] = lab.diagnose
Clues = lab.Clues


# Numbers alone

RNG = np.random.default_rng(20260901)
WIDE = RNG.normal(size=(4, 7))
SQUARE = RNG.normal(size=(5, 5))
BY_COLUMN = WIDE / WIDE.sum(axis=0)
BATCH = Clues(batch=(6, 4))
MOVED = Clues(start=SQUARE)
STEP = 0.1 * RNG.normal(size=(5, 5))


@pytest.mark.parametrize(
    ("came", "expected", "clues", "named"),
    [
        (WIDE.T, WIDE, Clues(), "TRANSPOSED"),
        (SQUARE.T, SQUARE, Clues(), "TRANSPOSED"),
        (WIDE[0][:, np.newaxis], WIDE[0], Clues(), "TRANSPOSED"),
        (RNG.normal(size=(7, 4)), WIDE, Clues(), "SHAPE_TRANSPOSED"),
        (-WIDE, WIDE, Clues(), "WRONG_SIGN"),
        (-1.25, 1.25, Clues(), "WRONG_SIGN"),
        (6 * WIDE, WIDE, BATCH, "TIMES_BATCH"),
        (7.5, 1.25, BATCH, "TIMES_BATCH"),
        (WIDE / 6, WIDE, BATCH, "OVER_BATCH"),
        (1.25 / 6, 1.25, BATCH, "OVER_BATCH"),
        (WIDE / 4, WIDE, BATCH, "OVER_COLUMNS"),
        (1.25 * 6 / 4, 1.25, BATCH, "OVER_COLUMNS"),
        (3 * WIDE, WIDE, Clues(), "CONSTANT_FACTOR"),
        (np.roll(WIDE, 1, axis=0), WIDE, Clues(), "OFF_BY_A_ROW"),
        (np.vstack([WIDE[1:], np.zeros((1, 7))]), WIDE, Clues(), "OFF_BY_A_ROW"),
        (np.where(WIDE > 1, np.nan, WIDE), WIDE, Clues(), "NOT_FINITE"),
        (np.full((2, 2), np.inf), WIDE, Clues(), "NOT_FINITE"),
        (WIDE.astype(np.float32), WIDE, Clues(), "FLOAT32"),
        (WIDE * (1 + 1e-7), WIDE, Clues(), "FEW_DIGITS"),
        (np.zeros((4, 7)), WIDE, Clues(), "ZERO"),
        ((9 * WIDE).astype(np.int64), 9 * WIDE, Clues(), "WHOLE_NUMBERS"),
        (BY_COLUMN, WIDE, Clues(mistakes={D.WRONG_AXIS: [BY_COLUMN]}), "WRONG_AXIS"),
        ([[1], [0]], [2, 1, 0], Clues(mistakes={D.WRONG_AXIS: [[1, 0]]}), "WRONG_AXIS"),
        (SQUARE, SQUARE - STEP, MOVED, "NOT_UPDATED"),
        (SQUARE + STEP, SQUARE - STEP, MOVED, "UPHILL"),
        (SQUARE - 10 * STEP, SQUARE - STEP, MOVED, "STEP_SIZE"),
    ],
)
def test_a_pattern_that_a_mistake_leaves_is_named(
    came: Any, expected: Any, clues: Any, named: str
) -> None:
    assert diagnose(came, expected, clues) is D[named]


SYMMETRIC = SQUARE + SQUARE.T
ANTISYMMETRIC = SQUARE - SQUARE.T
EQUAL_ROWS = np.tile(WIDE[0], (4, 1))


@pytest.mark.parametrize(
    ("came", "expected", "clues"),
    [
        pytest.param(WIDE, WIDE, BATCH, id="right"),
        pytest.param(WIDE + 1e-12, WIDE, BATCH, id="right up to rounding"),
        pytest.param(RNG.normal(size=(4, 7)), WIDE, BATCH, id="nothing alike"),
        pytest.param(RNG.normal(size=(5, 3)), WIDE, BATCH, id="another shape"),
        pytest.param(-ANTISYMMETRIC, ANTISYMMETRIC, Clues(), id="transposed or negated"),
        pytest.param(-6 * WIDE[:1], WIDE, BATCH, id="two mistakes at once"),
        pytest.param(SYMMETRIC + 1, SYMMETRIC, Clues(), id="a symmetric matrix"),
        pytest.param(np.full((3, 2), 3.0), np.full((3, 2), 0.5), Clues(batch=(6, 4)), id="flat"),
        pytest.param(np.roll(EQUAL_ROWS, 1, axis=1), EQUAL_ROWS, Clues(), id="equal rows"),
        pytest.param(WIDE[:2][::-1], WIDE[:2], Clues(), id="only two rows"),
        pytest.param(6.0 * 1.25, 1.25, Clues(batch=(6, 6)), id="as many rows as columns"),
        pytest.param(2.5, 1.25, Clues(batch=(2, 4)), id="two samples"),
        pytest.param(1.25, 2.5, Clues(), id="one number"),
        pytest.param(np.ones((4, 7)), WIDE, Clues(mistakes={D.WRONG_AXIS: [np.ones((4, 7))]})),
        pytest.param(np.zeros((0, 3)), WIDE, BATCH, id="nothing"),
        pytest.param("text", WIDE, BATCH, id="text"),
        pytest.param(None, WIDE, BATCH, id="None"),
        pytest.param([[1.0], [1.0, 2.0]], WIDE, BATCH, id="ragged"),
        pytest.param(10**400, 1.0, BATCH, id="an endless number"),
        pytest.param(np.array([[1 + 2j]]), WIDE, BATCH, id="complex"),
        pytest.param(np.array([object()]), WIDE, BATCH, id="objects"),
        pytest.param(np.full((4, 7), 1e308), WIDE, BATCH, id="almost infinite"),
        pytest.param(WIDE, np.full((4, 7), np.nan), BATCH, id="no expectation"),
        pytest.param(WIDE, "text", BATCH, id="an expected text"),
        pytest.param(
            2 * WIDE, WIDE[:2], Clues(start="text", mistakes={D.ZERO: [None]}), id="clues"
        ),
    ],
)
def test_what_fits_no_pattern_or_several_is_not_named(came: Any, expected: Any, clues: Any) -> None:
    assert diagnose(came, expected, clues) is None


@pytest.mark.parametrize("seed", range(200))
def test_arrays_that_have_nothing_to_do_with_each_other_are_never_named(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, 6, size=2)
    came, expected, candidate = rng.normal(size=(3, rows, columns))
    for clues in (Clues(), Clues(batch=(7, 3)), Clues(start=candidate)):
        found = diagnose(came, expected, clues)
        # One number is always a multiple of another, which is why that is never said of one.
        assert found is None


def test_rows_that_all_come_with_their_neighbours_labels_are_named() -> None:
    rows = [3, 0, 4, 1, 2]
    assert lab.diagnose_pairs(rows, [(row + 1) % 5 for row in rows], 5) is D.OFF_BY_A_ROW
    assert lab.diagnose_pairs(rows, [(row - 1) % 5 for row in rows], 5) is D.OFF_BY_A_ROW
    assert lab.diagnose_pairs(rows, rows, 5) is None
    assert lab.diagnose_pairs(rows, [4, 0, 1, 2, 3], 5) is None
    assert lab.diagnose_pairs([0, 1], [1, 2], 5) is None
    assert lab.diagnose_pairs(rows, [None] * 5, 5) is None
    assert lab.diagnose_pairs(rows, [1], 5) is None


def test_a_sentence_holds_no_number_but_those_of_everyone() -> None:
    for diagnosis in D:
        assert not set(re.findall(r"\d+", diagnosis.value)) - {"0", "32", "64"}, diagnosis
        assert "{" not in diagnosis.value


# Student implementations, run for real


@dataclass(frozen=True)
class Failure:
    """A failed case: of which suite, and by which name the mistake went."""

    suite: str
    named: str | None


def _run(entries: Sequence[tuple[str, tuple[Edit, ...]]]) -> dict[str, list[Failure]]:
    """Run the suites on each entry, and return what failed by the entry's id."""
    right, seeds = right_solution(PROJECT), (PROJECT.lab.suite.seed,)
    tasks = [
        (name, Job(apply_edits(right, edits, name), _items(edits), seeds))
        for name, edits in entries
    ]
    found: dict[str, list[Failure]] = {name: [] for name, _ in entries}
    for name, observed in observe_all(tasks, PROJECT, None, 2, lambda done, total: None):
        found[name] += [
            Failure(one.case.partition(":")[0], _named(one.diagnosis))
            for one in observed
            if not one.passed
        ]
    return found


def _items(edits: tuple[Edit, ...]) -> tuple[str, ...]:
    """Return the rubric items whose code differs; all, where what they import may."""
    edited = {Path(edit.file).stem for edit in edits}
    every = PROJECT.lab.test_items
    return tuple(item for item in every if item in edited) if edited <= {*every} else every


def _named(diagnosis: str) -> str | None:
    """Return the name of the diagnosis that a sentence is of."""
    if not diagnosis:
        return None
    if "times the expected one" in diagnosis:
        return "CONSTANT_FACTOR"
    [name] = [one.name for one in D if diagnosis.startswith(one.value)]
    return str(name)


def _edit(file: str, old: str, new: str) -> Edit:
    return Edit(f"layers/{file}.py", old=old, new=new)


LOSS = "return float(-np.sum(self.t * np.log(self.x)) / len(self.x))"
LOSS_GRADIENT = "x_grad: np.ndarray = -self.t / (len(self.x) * self.x)"
OUTPUT = "y: np.ndarray = self.x @ self.W.T + self.b"
W_GRADIENT = "self.W_grad = y_grad.T @ self.x"
B_GRADIENT = "self.b_grad = np.sum(y_grad, axis=0, keepdims=True)"
UPDATE = "self.W -= lr * self.W_grad"
SUMS = "self.y = exponentials / np.sum(exponentials, axis=1, keepdims=True)"
ALONG_Y = "along_y = np.sum(y_grad * self.y, axis=1, keepdims=True)"
X_GRADIENT = "x_grad: np.ndarray = self.y * (y_grad - along_y)"
STABLE = "np.exp(x - np.max(x, axis=1, keepdims=True))"
POSITIVE = "self.y = np.maximum(x, 0)"
MASKED = "return np.where(self.y > 0, y_grad, 0.0)"
BOTH = ("public", "hidden")
# What anyone can see of the result, whatever the mistake behind it is.
PLAIN = {"CONSTANT_FACTOR", "ZERO", "NOT_FINITE"}


@dataclass(frozen=True)
class Planted:
    """A mistake made in the reference, and by which name it must go."""

    name: str
    diagnosis: str
    edits: tuple[Edit, ...]
    suites: tuple[str, ...] = BOTH
    besides: tuple[str, ...] = ()


PLANTED = [
    Planted(
        "W_grad-transposed",
        "TRANSPOSED",
        (_edit("full", W_GRADIENT, "self.W_grad = self.x.T @ y_grad"),),
        besides=("SHAPE_TRANSPOSED",),
    ),
    Planted(
        "loss-gradient-transposed",
        "TRANSPOSED",
        (_edit("cross_entropy", "return x_grad", "return x_grad.T"),),
        besides=("SHAPE_TRANSPOSED",),
    ),
    Planted(
        "W-not-transposed-if-square",
        "MATRIX_TRANSPOSED",
        (
            _edit(
                "full",
                OUTPUT,
                "W = self.W if self.W.shape[0] == self.W.shape[1] else self.W.T\n"
                "        y = self.x @ W + self.b",
            ),
        ),
    ),
    Planted(
        "W-shape-transposed",
        "SHAPE_TRANSPOSED",
        (_edit("full", "size=(n_o, n_i)", "size=(n_i, n_o)"),),
        besides=("STEP_SIZE",),
    ),
    Planted(
        "loss-summed",
        "TIMES_BATCH",
        (_edit("cross_entropy", LOSS, "return float(-np.sum(self.t * np.log(self.x)))"),),
        # The gradient is an n_b-th of this loss's slope, which a public test says.
        besides=("OVER_BATCH",),
    ),
    Planted(
        "loss-gradient-not-averaged",
        "TIMES_BATCH",
        (_edit("cross_entropy", LOSS_GRADIENT, "x_grad = -self.t / self.x"),),
    ),
    Planted(
        "W_grad-averaged",
        "OVER_BATCH",
        (_edit("full", W_GRADIENT, "self.W_grad = y_grad.T @ self.x / len(self.x)"),),
    ),
    Planted(
        "b_grad-averaged",
        "OVER_BATCH",
        (_edit("full", B_GRADIENT, "self.b_grad = np.mean(y_grad, axis=0, keepdims=True)"),),
        besides=("STEP_SIZE",),
    ),
    Planted(
        "loss-averaged-over-all-elements",
        "OVER_COLUMNS",
        (_edit("cross_entropy", LOSS, "return float(-np.mean(self.t * np.log(self.x)))"),),
    ),
    Planted(
        "loss-without-minus",
        "WRONG_SIGN",
        (_edit("cross_entropy", LOSS, LOSS.replace("-np", "np")),),
    ),
    Planted(
        "softmax-gradient-negated",
        "WRONG_SIGN",
        (_edit("softmax", X_GRADIENT, "x_grad = self.y * (along_y - y_grad)"),),
    ),
    Planted("uphill", "UPHILL", (_edit("full", UPDATE, UPDATE.replace("-=", "+=")),)),
    Planted("rate-ignored", "STEP_SIZE", (_edit("full", UPDATE, UPDATE.replace("lr *", "1 *")),)),
    Planted("weights-not-updated", "NOT_UPDATED", (_edit("full", UPDATE, "pass"),)),
    Planted(
        "labels-of-the-next-row",
        "OFF_BY_A_ROW",
        (_edit("sequential", "losses = []", "losses, y = [], np.roll(y, -1, axis=0)"),),
    ),
    Planted(
        "output-of-the-next-row",
        "OFF_BY_A_ROW",
        (_edit("full", OUTPUT, "y = np.roll(self.x, 1, axis=0) @ self.W.T + self.b"),),
    ),
    Planted("softmax-without-maximum", "NOT_FINITE", (_edit("softmax", STABLE, "np.exp(x)"),)),
    Planted(
        "softmax-by-column",
        "WRONG_AXIS",
        (
            _edit("softmax", STABLE, "np.exp(x - x.max())"),
            _edit("softmax", SUMS, SUMS.replace("axis=1", "axis=0")),
        ),
    ),
    Planted(
        "b_grad-by-sample",
        "WRONG_AXIS",
        (_edit("full", B_GRADIENT, "self.b_grad = np.sum(y_grad, axis=1)"),),
    ),
    Planted(
        "softmax-gradient-by-column",
        "WRONG_AXIS",
        (_edit("softmax", ALONG_Y, ALONG_Y.replace("axis=1", "axis=0")),),
        suites=("hidden",),
    ),
    Planted(
        "classes-by-column",
        "WRONG_AXIS",
        (_edit("sequential", "axis=1", "axis=0"),),
    ),
    Planted(
        "output-in-float32",
        "FLOAT32",
        (
            _edit(
                "full", OUTPUT, OUTPUT.replace("self.b", "self.b\n        y = y.astype(np.float32)")
            ),
        ),
    ),
    Planted(
        "input-in-float32",
        "FEW_DIGITS",
        (_edit("full", "dtype=np.float64", "dtype=np.float32"),),
    ),
    Planted(
        "relu-in-place",
        "INPUT_MODIFIED",
        (_edit("relu", POSITIVE, "x[x < 0] = 0\n        self.y = x"),),
    ),
    Planted("relu-gradient-zero", "ZERO", (_edit("relu", MASKED, "return 0.0 * y_grad"),)),
    Planted(
        "relu-gradient-tripled",
        "CONSTANT_FACTOR",
        (_edit("relu", MASKED, "return 3.5 * np.where(self.y > 0, y_grad, 0.0)"),),
    ),
    Planted(
        "output-of-whole-numbers",
        "WHOLE_NUMBERS",
        (
            _edit(
                "full",
                OUTPUT,
                "y = np.zeros((len(x), len(self.W)), dtype=np.asarray(x).dtype)\n"
                "        y[...] = self.x @ self.W.T + self.b",
            ),
        ),
    ),
]


@pytest.fixture(scope="module")
def planted() -> dict[str, list[Failure]]:
    return _run([(mistake.name, mistake.edits) for mistake in PLANTED])


@pytest.mark.parametrize("mistake", PLANTED, ids=lambda mistake: mistake.name)
def test_a_planted_mistake_goes_by_its_name_in_both_suites(
    mistake: Planted, planted: dict[str, list[Failure]]
) -> None:
    failures = planted[mistake.name]
    for suite in mistake.suites:
        assert mistake.diagnosis in {one.named for one in failures if one.suite == suite}, suite
    named = {one.named for one in failures} - {None}
    assert named - PLAIN <= {mistake.diagnosis, *mistake.besides}


def test_every_diagnosis_is_asked_for() -> None:
    assert {mistake.diagnosis for mistake in PLANTED} == {one.name for one in D}


# The corpus

# For bugs whose words leave no doubt, everything that they may be called, and must be.
BUGS_AND_NAMES = {
    "full-forward-samples-as-columns": {"TRANSPOSED", "SHAPE_TRANSPOSED"},
    "full-input-gradient-as-columns": {"TRANSPOSED"},
    "full-bias-gradient-column": {"TRANSPOSED", "SHAPE_TRANSPOSED"},
    "full-input-gradient-transposed-if-it-can": {"MATRIX_TRANSPOSED"},
    "full-pair-square-both-ways": {"MATRIX_TRANSPOSED", "TRANSPOSED"},
    "full-weights-gradient-averaged": {"OVER_BATCH"},
    "full-update-ascends": {"UPHILL"},
    "full-update-bias-only": {"NOT_UPDATED"},
    "full-update-rate-ignored": {"STEP_SIZE"},
    "full-pair-minus-in-gradient": {"WRONG_SIGN", "UPHILL"},
    "full-forward-float32": {"FLOAT32"},
    "full-input-gradient-float32": {"FLOAT32"},
    "full-forward-in-dtype-of-input": {"WHOLE_NUMBERS"},
    "full-bias-gradient-by-sample": set(),
    "relu-in-place": {"INPUT_MODIFIED"},
    "relu-backward-averaged": {"OVER_BATCH"},
    "relu-step": set(),
    "softmax-transposed": {"TRANSPOSED", "SHAPE_TRANSPOSED"},
    "softmax-by-column": {"WRONG_AXIS"},
    "softmax-gradient-by-column": {"WRONG_AXIS"},
    "softmax-gradient-sign": {"WRONG_SIGN"},
    "softmax-gradient-diagonal-only": set(),
    "softmax-one-row-squeezed": set(),
    "softmax-keeps-the-first-output": set(),
    "softmax-modifies-x": {"INPUT_MODIFIED"},
    "softmax-epsilon-in-denominator": {"FEW_DIGITS"},
    "softmax-unstable": set(),
    "cross_entropy-sum-both-ways": {"TIMES_BATCH"},
    "cross_entropy-gradient-averaged-twice": {"OVER_BATCH"},
    "cross_entropy-divides-by-classes": {"OVER_COLUMNS"},
    "cross_entropy-no-minus": {"WRONG_SIGN"},
    "cross_entropy-gradient-transposed": {"TRANSPOSED"},
    "cross_entropy-log2": set(),
    "cross_entropy-first-sample-only": set(),
    "cross_entropy-returns-inside-the-loop": set(),
    "cross_entropy-squared-error-both-ways": set(),
    "sequential-predict-axis-0": {"WRONG_AXIS"},
    "sequential-predict-counts-from-one": set(),
    "sequential-loss-negated": {"WRONG_SIGN"},
}


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return read_corpus(PROJECT)


@pytest.fixture(scope="module")
def named_bugs(corpus: Corpus) -> dict[str, set[str]]:
    return _names([bug for bug in corpus.bugs if bug.id in BUGS_AND_NAMES])


def _names(entries: Sequence[Bug | Variant]) -> dict[str, set[str]]:
    """Return by id all that the entries are called."""
    found = _run([(entry.id, entry.edits) for entry in entries])
    return {name: {one.named for one in of_one if one.named} for name, of_one in found.items()}


@pytest.mark.parametrize("bug", BUGS_AND_NAMES)
def test_a_bug_of_the_corpus_is_called_what_it_is_and_nothing_else(
    bug: str, named_bugs: dict[str, set[str]]
) -> None:
    assert named_bugs[bug] - PLAIN == BUGS_AND_NAMES[bug]


def test_no_variant_is_accused_of_anything(corpus: Corpus) -> None:
    accused = {name: names for name, names in _names(corpus.variants).items() if names}
    assert len(corpus.variants) >= 60
    assert accused == {}


# In reports

TRANSPOSED_OUTPUT = (_edit("full", "return y", "return y.T"),)


@pytest.fixture(scope="module")
def graded(process_sandbox: Sandbox) -> ItemResult:
    """Grade a full layer whose output is transposed."""
    files = apply_edits(right_solution(PROJECT), TRANSPOSED_OUTPUT, "the test")
    submission = Submission("A_B_LAB3.zip", "0" * 64, Identity("A", "B"), files=files)
    suites = (Suite.PUBLIC, Suite.HIDDEN)
    (item,) = run_layer_tests(submission, PROJECT, process_sandbox, ("full",), suites, 1)
    return item


def test_students_read_of_a_hidden_case_the_sentence_and_no_value(graded: ItemResult) -> None:
    [case] = [one for one in graded.cases if one.id == "full/forward[rectangular]"]
    assert case.feedback[:2] == (
        f"{case.about}: the result is not the expected one",
        f"diagnosis: {D.TRANSPOSED.value}",
    )
    for hidden in (one for one in graded.cases if one.suite is Suite.HIDDEN):
        told = [line for line in hidden.feedback if "grader check" not in line]
        assert not re.search(r"\d", " ".join(told)), hidden


def test_staff_read_its_name_beside_shapes_and_values(graded: ItemResult) -> None:
    [case] = [one for one in graded.cases if one.id == "full/forward[square]"]
    assert re.search(r"Largest absolute error \d", case.diagnostics[0])
    assert case.diagnostics[-1] == "diagnosis: TRANSPOSED"


def test_students_read_it_in_public_cases_with_everything_else(graded: ItemResult) -> None:
    [case] = [one for one in graded.cases if one.id == "full/forward-worked-example"]
    assert case.outcome is Outcome.FAILED
    assert f"note:     {D.TRANSPOSED.value}" in case.feedback[0]


def test_only_a_member_of_an_enumeration_is_told_of_a_hidden_case() -> None:
    told = AssertionError("8675309")
    told.diagnosis = "8675309"  # type: ignore[attr-defined]
    assert hidden_feedback("the output", told, Outcome.FAILED) == (
        "the output: the result is not the expected one",
    )


if __name__ == "__main__":
    for bug, names in _names(read_corpus(PROJECT).bugs).items():
        print(f"{bug}: {', '.join(sorted(names)) or '-'}")
