"""The public tests: they run everywhere, pass what is right, and fail what is wrong.

Besides, ``python tests/test_public_tests.py --runs 1000`` runs all public tests on the reference
that many times and counts the failures. It takes a while, so it is no test.
"""

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "reference"
TEMPLATE = ROOT / "student_template"
PUBLIC_TESTS = TEMPLATE / "test"
HANDOUT = TEMPLATE / "HANDOUT.md"
ITEMS = ("full", "relu", "softmax", "cross_entropy", "sequential")

Verdicts: TypeAlias = dict[str, tuple[str, str]]
"""By test, such as ``test_relu.TestReluLayer.test_forward_random``: an outcome and its message."""

# Runs the tests of each lab folder given, `runs` times, each folder in a process of its own, and
# prints what it saw as JSON. Loading numpy once for all of them makes this quick.
RUNNER = """
import json, multiprocessing, os, sys, unittest
import numpy

class Outcomes(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.seen = {}
    def startTest(self, test):
        super().startTest(test)
        self.seen[test.id()] = ("passed", "")
    def addFailure(self, test, error):
        self.seen[test.id()] = ("failed", str(error[1]))
    def addError(self, test, error):
        self.seen[test.id()] = ("error", repr(error[1]))

def run(folder):
    os.chdir(folder)
    sys.path.insert(0, folder)
    worst = {}
    for _ in range(int(sys.argv[1])):
        outcomes = Outcomes()
        unittest.TestLoader().discover("test").run(outcomes)
        for name, verdict in outcomes.seen.items():
            if worst.get(name, ("passed",))[0] == "passed":
                worst[name] = verdict
    return worst

if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        print("\\nverdicts: " + json.dumps(pool.map(run, sys.argv[2:], chunksize=1)))
"""
MARK = "verdicts: "  # students' code prints, too


@dataclass(frozen=True)
class Change:
    """A change of the reference, as code that is added at the end of one of its modules."""

    about: str
    item: str
    code: str


def replace(item: str, about: str, code: str) -> Change:
    """Make a change that replaces methods: each function in `code` takes the place of its name."""
    classes = {
        "full": "FullLayer",
        "relu": "ReluLayer",
        "softmax": "SoftMaxLayer",
        "cross_entropy": "CrossEntropyLayer",
        "sequential": "Sequential",
    }
    code = textwrap.dedent(code)
    names = [node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)]
    methods = "".join(f"{classes[item]}.{name} = {name}\n" for name in names)
    return Change(about, item, f"\n\n{code}\n{methods}")


FIT = """
def fit(self, x, y, epochs=10, lr=0.1, batch_size=128):
    for _ in range(epochs):
        for start in range(0, len(x), batch_size):
            self.forward(x[start:start + batch_size], y[start:start + batch_size])
            self.backward()
            self.update_param(lr)
"""

# Right, though unusual. None may lose a test.
VARIANTS = [
    replace(
        "full",
        "biases as a flat vector, everything in place",
        """
        def __init__(self, n_i, n_o):
            self.W = np.random.randn(n_o, n_i) * np.sqrt(2 / (n_i + n_o))
            self.b = np.zeros(n_o)
        def backward(self, y_grad):
            self.W_grad = np.dot(y_grad.T, self.x)
            self.b_grad = y_grad.sum(axis=0)
            return np.dot(y_grad, self.W)
        def update_param(self, lr):
            self.W -= lr * self.W_grad
            self.b -= lr * self.b_grad
        """,
    ),
    replace(
        "full",
        "Glorot's formula as a variance, and a bias that begins as the number 0",
        """
        def __init__(self, n_i, n_o):
            self.W = np.random.normal(0, np.sqrt(np.sqrt(2 / (n_i + n_o))), (n_o, n_i))
            self.b = 0
        """,
    ),
    replace(
        "full",
        "a copy of x, and loops over samples",
        """
        def forward(self, x):
            self.x = np.array(x, dtype=float)
            return np.vstack([row @ self.W.T + self.b for row in self.x])
        def backward(self, y_grad):
            self.W_grad, self.b_grad = np.zeros(self.W.shape), np.zeros((1, len(self.W)))
            for row, grad in zip(self.x, y_grad):
                self.W_grad += np.outer(grad, row)
                self.b_grad += grad
            return np.array([grad @ self.W for grad in y_grad])
        """,
    ),
    replace(
        "relu",
        "a mask, products, and a gradient changed in a copy",
        """
        def forward(self, x):
            self.mask = x > 0
            return x * self.mask
        def backward(self, y_grad):
            y_grad = y_grad.copy()
            y_grad[~self.mask] = 0
            return y_grad
        """,
    ),
    replace(
        "softmax",
        "the largest score of the whole batch, and a Jacobian for each sample",
        """
        def forward(self, x):
            e = np.exp(x - np.max(x))
            self.y = e / e.sum(axis=1)[:, None]
            return self.y
        def backward(self, y_grad):
            return np.array(
                [g @ (np.diag(z) - np.outer(z, z)) for g, z in zip(y_grad, self.y)]
            )
        """,
    ),
    replace(
        "cross_entropy",
        "an epsilon of 1e-12, and the loss as an array with one element",
        """
        def forward(self, x, t):
            self.x, self.t = x, t
            return np.array([-np.sum(t * np.log(x + 1e-12)) / x.shape[0]])
        def backward(self, y_grad=None):
            return -self.t / (self.x + 1e-12) / self.x.shape[0]
        """,
    ),
    replace(
        "cross_entropy",
        "the loss as a 0-d array, from the right classes alone",
        """
        def forward(self, x, t):
            self.x, self.t = x, t
            return np.array(-np.mean(np.log(x[np.arange(len(x)), np.argmax(t, axis=1)])))
        """,
    ),
    replace(
        "sequential",
        "shuffled, without the last partial batch, with a look at the loss, and prints",
        """
        def fit(self, x, y, epochs=10, lr=0.1, batch_size=128):
            history = []
            for epoch in range(epochs):
                order = np.random.permutation(len(x))
                for k in range(len(x) // batch_size):
                    rows = order[k * batch_size : (k + 1) * batch_size]
                    self.forward(x[rows], y[rows])
                    self.backward()
                    self.update_param(lr)
                history.append(self.forward(x, y))
                print("epoch", epoch, "loss", history[-1])
            return np.array(history)
        def predict(self, x):
            return np.argmax(self.forward(x), axis=1).reshape(-1, 1).astype(float)
        """,
    ),
    replace(
        "sequential",
        "updates only what is a FullLayer, returns nothing, predicts a list",
        """
        def __init__(self, layers, loss):
            from layers.full import FullLayer
            self.layers, self.loss, self.kind = list(layers), loss, FullLayer
        def backward(self):
            grad = self.loss.backward()
            for k in range(len(self.layers) - 1, -1, -1):
                grad = self.layers[k].backward(grad)
        def update_param(self, lr):
            for layer in self.layers:
                if isinstance(layer, self.kind):
                    layer.update_param(lr)
        def predict(self, x):
            return [int(np.argmax(row)) for row in self.forward(x)]
        """
        + textwrap.indent(FIT, " " * 8),
    ),
]

# Wrong. Each must lose tests of its own item, and of no other.
BUGS = [
    replace(
        "full",
        "weights averaged over the batch",
        """
        def backward(self, y_grad):
            self.W_grad = y_grad.T @ self.x / len(self.x)
            self.b_grad = np.mean(y_grad, axis=0, keepdims=True)
            return y_grad @ self.W
        """,
    ),
    replace(
        "full",
        "gradients that add up",
        """
        def backward(self, y_grad):
            self.W_grad = getattr(self, "W_grad", 0) + y_grad.T @ self.x
            self.b_grad = getattr(self, "b_grad", 0) + y_grad.sum(axis=0)
            return y_grad @ self.W
        """,
    ),
    replace(
        "full",
        "uphill",
        """
        def update_param(self, lr):
            self.W = self.W + lr * self.W_grad
            self.b = self.b + lr * self.b_grad
        """,
    ),
    replace(
        "full",
        "biases never updated",
        """
        def update_param(self, lr):
            self.W = self.W - lr * self.W_grad
        """,
    ),
    replace(
        "full",
        "weights by the number of inputs alone",
        """
        def __init__(self, n_i, n_o):
            self.W, self.b = np.random.randn(n_o, n_i) / np.sqrt(n_i), np.zeros((1, n_o))
        """,
    ),
    replace(
        "full",
        "evenly distributed weights",
        """
        def __init__(self, n_i, n_o):
            bound = np.sqrt(6 / (n_i + n_o))
            self.W, self.b = np.random.uniform(-bound, bound, (n_o, n_i)), np.zeros((1, n_o))
        """,
    ),
    replace(
        "full",
        "no bias",
        """
        def forward(self, x):
            self.x = x
            return x @ self.W.T
        """,
    ),
    replace(
        "relu",
        "derivative 1 at 0",
        """
        def backward(self, y_grad):
            return np.where(self.y >= 0, y_grad, 0.0)
        """,
    ),
    replace(
        "relu",
        "the gradient's own sign",
        """
        def backward(self, y_grad):
            return np.where(y_grad > 0, y_grad, 0.0)
        """,
    ),
    replace(
        "relu",
        "writes into its argument",
        """
        def forward(self, x):
            x[x < 0] = 0
            self.y = x
            return x
        """,
    ),
    replace(
        "relu",
        "the derivative without the chain",
        """
        def backward(self, y_grad):
            return (self.y > 0).astype(float)
        """,
    ),
    replace(
        "softmax",
        "by column",
        """
        def forward(self, x):
            e = np.exp(x - np.max(x, axis=0))
            self.y = e / np.sum(e, axis=0)
            return self.y
        """,
    ),
    replace(
        "softmax",
        "overflow",
        """
        def forward(self, x):
            with np.errstate(all="ignore"):
                self.y = np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)
            return self.y
        """,
    ),
    replace(
        "softmax",
        "the Jacobian's diagonal alone",
        """
        def backward(self, y_grad):
            return y_grad * self.y * (1 - self.y)
        """,
    ),
    replace(
        "softmax",
        "integer truncation",
        """
        def forward(self, x):
            self.y = np.zeros_like(x)
            for i, row in enumerate(x):
                self.y[i] = np.exp(row - row.max()) / np.exp(row - row.max()).sum()
            return self.y
        """,
    ),
    replace(
        "cross_entropy",
        "a sum in place of an average",
        """
        def forward(self, x, t):
            self.x, self.t = x, t
            return -np.sum(t * np.log(x))
        """,
    ),
    replace(
        "cross_entropy",
        "an average over classes, too",
        """
        def forward(self, x, t):
            self.x, self.t = x, t
            return -np.mean(t * np.log(x))
        """,
    ),
    replace(
        "cross_entropy",
        "a gradient that is not averaged",
        """
        def backward(self, y_grad=None):
            return -self.t / self.x
        """,
    ),
    replace(
        "cross_entropy",
        "the gradient of softmax and cross entropy in one",
        """
        def backward(self, y_grad=None):
            return (self.x - self.t) / len(self.x)
        """,
    ),
    replace(
        "sequential",
        "backward in the order of forward",
        """
        def backward(self):
            grad = self.loss.backward()
            for layer in self.layers:
                grad = layer.backward(grad)
        """,
    ),
    replace(
        "sequential",
        "exactly three layers",
        """
        def forward(self, x, target=None):
            x = self.layers[2].forward(self.layers[1].forward(self.layers[0].forward(x)))
            return x if target is None else self.loss.forward(x, target)
        """,
    ),
    replace(
        "sequential",
        "the last layer never updated",
        """
        def update_param(self, lr):
            for layer in self.layers[:-1]:
                layer.update_param(lr)
        """,
    ),
    replace("sequential", "one epoch only", FIT.replace("range(epochs)", "range(1)")),
    replace("sequential", "the learning rate ignored", FIT.replace("param(lr)", "param(0.1)")),
    replace(
        "sequential",
        "the batch size ignored",
        FIT.replace("epochs):", "epochs):\n        batch_size = 128"),
    ),
    replace("sequential", "no backward in fit", FIT.replace("self.backward()", "pass")),
    replace(
        "sequential",
        "x shuffled without y",
        FIT.replace("epochs):", "epochs):\n        x = x[np.random.permutation(len(x))[::-1]]"),
    ),
    replace(
        "sequential",
        "shuffled in the caller's own array",
        FIT.replace("epochs):", "epochs):\n        x[:], y[:] = x[::-1].copy(), y[::-1].copy()"),
    ),
    replace(
        "sequential",
        "classes by column",
        """
        def predict(self, x):
            return np.argmax(self.forward(x), axis=0)
        """,
    ),
    replace(
        "sequential",
        "the least probable class",
        """
        def predict(self, x):
            return np.argmin(self.forward(x), axis=1)
        """,
    ),
    replace(
        "full",
        "biases that begin at 1",
        """
        def __init__(self, n_i, n_o):
            self.W = np.random.randn(n_o, n_i) * np.sqrt(2 / (n_i + n_o))
            self.b = np.ones((1, n_o))
        """,
    ),
    replace(
        "full",
        "backward that returns the weights' gradient",
        """
        def backward(self, y_grad):
            self.W_grad, self.b_grad = y_grad.T @ self.x, y_grad.sum(axis=0)
            return self.W_grad
        """,
    ),
    replace(
        "full",
        "an update within backward",
        """
        def backward(self, y_grad):
            self.W_grad, self.b_grad = y_grad.T @ self.x, y_grad.sum(axis=0)
            self.W = self.W - 0.1 * self.W_grad
            return y_grad @ self.W
        """,
    ),
    replace(
        "full",
        "a gradient overwritten once it is used",
        """
        def backward(self, y_grad):
            self.W_grad, self.b_grad, x_grad = y_grad.T @ self.x, y_grad.sum(0), y_grad @ self.W
            y_grad *= 0
            return x_grad
        """,
    ),
    replace(
        "relu",
        "leaky",
        """
        def forward(self, x):
            self.y = np.where(x > 0, x, 0.01 * x)
            return self.y
        """,
    ),
    replace(
        "relu",
        "the full layer's update",
        """
        def update_param(self, lr):
            self.W = self.W - lr * self.W_grad
        """,
    ),
    replace(
        "softmax",
        "the maximum subtracted in place",
        """
        def forward(self, x):
            x -= np.max(x, axis=1, keepdims=True).astype(x.dtype)
            self.y = np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)
            return self.y
        """,
    ),
    replace(
        "cross_entropy",
        "an epsilon added in place",
        """
        def forward(self, x, t):
            x += 1e-12
            self.x, self.t = x, t
            return -np.sum(t * np.log(x)) / len(x)
        """,
    ),
    replace(
        "sequential",
        "no loss",
        """
        def forward(self, x, target=None):
            for layer in self.layers:
                x = layer.forward(x)
            if target is not None:
                self.loss.forward(x, target)
            return x
        """,
    ),
    replace(
        "sequential",
        "the target of an earlier call",
        """
        def forward(self, x, target=None):
            self.target = getattr(self, "target", None) if target is None else target
            for layer in self.layers:
                x = layer.forward(x)
            return x if self.target is None else self.loss.forward(x, self.target)
        def predict(self, x):
            self.target = None
            return np.argmax(self.forward(x), axis=1)
        """,
    ),
]

# What a method may return that is no answer at all.
NONSENSE = [
    "None",
    "[[0.0, 2.0, 0.0], [0.5, 0.0, 3.0]]",
    "object()",
    "'text'",
    "np.array('text')",
    "np.array([[1.0, 2.0], None], dtype=object)",
    "np.array([[1 + 2j]])",
    "np.full((2, 3), np.nan)",
    "np.zeros((0, 3))",
    "np.ones((3, 2, 1))",
    "float('inf')",
    "10**400",
]
RETURNING = {
    "relu": "def forward(self, x): return {}\ndef backward(self, y_grad): return {}",
    "cross_entropy": "def forward(self, x, t): return {}\ndef backward(self): return {}",
    "softmax": "def forward(self, x): return {}\ndef backward(self, y_grad): return {}",
    "full": "def __init__(self, n_i, n_o): self.W = self.b = {0}\n"
    "def forward(self, x): return {0}\n"
    "def backward(self, y_grad):\n    self.W_grad = self.b_grad = {0}\n    return {0}\n"
    "def update_param(self, lr): self.W = self.b = {0}",
    "sequential": "def forward(self, x, target=None): return {}\ndef predict(self, x): return {}",
}
ANSWERLESS = [
    replace(item, f"{item} answers {value}", code.format(value, value))
    for item, code in RETURNING.items()
    for value in NONSENSE
]


def make_lab(folder: Path, change: Change | None = None, *, source: Path = REFERENCE) -> Path:
    """Make a lab folder that holds the layers of `source`, changed, and the public tests."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source / "layers", folder / "layers", ignore=ignored)
    shutil.copytree(PUBLIC_TESTS, folder / "test", ignore=ignored)
    if change is not None:
        with (folder / "layers" / f"{change.item}.py").open("a") as module:
            module.write(change.code)
    return folder


def run(*command: str | Path, cwd: Path, path: tuple[Path, ...] = ()) -> str:
    """Run Python with these arguments and return all that it prints, whether it fails or not."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(str(place) for place in path),
    }
    result = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    return result.stdout + result.stderr


def run_public_tests(folders: list[Path], runs: int = 1) -> list[Verdicts]:
    """Run the public tests in each lab folder; of several runs, a failure is what is returned."""
    printed = run("-c", RUNNER, str(runs), *folders, cwd=folders[0])
    [line] = [line for line in printed.splitlines() if line.startswith(MARK)]
    verdicts: list[Verdicts] = json.loads(line.removeprefix(MARK))
    return verdicts


def item_of(test: str) -> str:
    return test.split(".")[0].removeprefix("test_")


def wrong(verdicts: Verdicts) -> set[str]:
    return {test for test, (outcome, _) in verdicts.items() if outcome != "passed"}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdicts]:
    """Verdicts by what a change is about; those on the reference and the template, too."""
    home = tmp_path_factory.mktemp("labs")
    labs = {
        "reference": make_lab(home / "reference"),
        "template": make_lab(home / "template", source=TEMPLATE),
    }
    for number, change in enumerate([*VARIANTS, *BUGS, *ANSWERLESS]):
        assert change.about not in labs
        labs[change.about] = make_lab(home / str(number), change)
    return dict(zip(labs, run_public_tests(list(labs.values())), strict=True))


def test_the_reference_passes_every_public_test(verdicts: dict[str, Verdicts]) -> None:
    assert {item_of(test) for test in verdicts["reference"]} == set(ITEMS)
    assert wrong(verdicts["reference"]) == set()


def test_the_template_fails_every_public_test(verdicts: dict[str, Verdicts]) -> None:
    assert wrong(verdicts["template"]) == set(verdicts["reference"])
    for test, (_, message) in verdicts["template"].items():
        assert "NotImplementedError" in message, test


@pytest.mark.parametrize("about", [change.about for change in VARIANTS])
def test_a_right_but_unusual_solution_passes_every_public_test(
    about: str, verdicts: dict[str, Verdicts]
) -> None:
    assert {test: verdicts[about][test][1] for test in wrong(verdicts[about])} == {}


@pytest.mark.parametrize("change", BUGS, ids=[change.about for change in BUGS])
def test_a_bug_fails_public_tests_of_its_own_item_and_no_others(
    change: Change, verdicts: dict[str, Verdicts]
) -> None:
    assert {item_of(test) for test in wrong(verdicts[change.about])} == {change.item}


@pytest.mark.parametrize("item", ITEMS)
@pytest.mark.parametrize("value", NONSENSE)
def test_an_answer_that_makes_no_sense_gets_a_sentence_in_place_of_a_traceback(
    item: str, value: str, verdicts: dict[str, Verdicts]
) -> None:
    answers = verdicts[f"{item} answers {value}"]
    assert {item_of(test) for test in wrong(answers)} == {item}
    errors = {test: message for test, (outcome, message) in answers.items() if outcome == "error"}
    assert errors == {}


def test_a_method_that_returns_nothing_passes_no_test_of_a_layer(
    verdicts: dict[str, Verdicts],
) -> None:
    for item in ("full", "relu", "softmax", "cross_entropy"):
        answers = verdicts[f"{item} answers None"]
        assert wrong(answers) == {test for test in answers if item_of(test) == item}


def test_every_public_test_catches_a_bug(verdicts: dict[str, Verdicts]) -> None:
    caught = set().union(*(wrong(verdicts[change.about]) for change in BUGS))
    assert set(verdicts["reference"]) - caught == set()


def test_each_file_has_some_tests_and_each_test_a_sentence_about_it() -> None:
    files = sorted(PUBLIC_TESTS.glob("test_*.py"))
    assert {file.stem.removeprefix("test_") for file in files} == set(ITEMS)
    for file in files:
        tests = [
            node
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        ]
        assert 6 <= len(tests) <= 14, file.name
        for test in tests:
            sentence = ast.get_docstring(test) or ""
            assert sentence.endswith("."), f"{file.name}: {test.name}"
            assert "\n" not in sentence, f"{file.name}: {test.name}"


def test_the_handout_shows_a_message_as_students_will_see_it(
    verdicts: dict[str, Verdicts],
) -> None:
    _, message = verdicts["a gradient that is not averaged"][
        "test_cross_entropy.TestCrossEntropyLayer.test_backward_worked_example"
    ]
    assert textwrap.indent(message, "    ") in HANDOUT.read_text()


def test_the_handout_has_the_sections_that_the_template_names() -> None:
    headings = re.findall(r"^## (\d+)\. (.+)$", HANDOUT.read_text(), re.MULTILINE)
    assert [int(number) for number, _ in headings] == list(range(1, 15))
    files = [*(TEMPLATE / "layers").glob("*.py"), TEMPLATE / "better_cifar.py"]
    named = {
        reference
        for file in files
        for reference in re.findall(r"section (\d+), [\"']([^\"']+)[\"']", file.read_text())
    }
    assert len(named) >= 6
    assert named <= set(headings)


def test_the_links_of_the_handout_lead_to_its_headings() -> None:
    text = HANDOUT.read_text()
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) == anchors


LABS = pytest.mark.parametrize(
    ("lab", "summary"), [("reference", "53 passed"), ("template", "53 failed")]
)


def lab_named(name: str, folder: Path) -> Path:
    # A copy outside the project, whose settings for pytest would count otherwise.
    return make_lab(folder / "lab", source={"reference": REFERENCE, "template": TEMPLATE}[name])


@LABS
def test_pytest_runs_them_in_the_lab_folder(lab: str, summary: str, tmp_path: Path) -> None:
    folder = lab_named(lab, tmp_path)
    printed = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "test", cwd=folder)
    assert summary in printed


@LABS
def test_pytest_runs_them_from_any_other_folder(lab: str, summary: str, tmp_path: Path) -> None:
    tests = lab_named(lab, tmp_path) / "test"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    printed = run("-m", "pytest", "-q", "-p", "no:cacheprovider", tests, cwd=elsewhere)
    assert summary in printed


@LABS
def test_pytest_runs_them_in_importlib_mode_with_the_folders_on_the_path(
    lab: str, summary: str, tmp_path: Path
) -> None:
    layers = lab_named(lab, tmp_path)
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib")
    printed = run(*command, PUBLIC_TESTS, cwd=tmp_path, path=(PUBLIC_TESTS, layers))
    assert summary in printed


@LABS
def test_unittest_discovers_them_in_the_lab_folder(lab: str, summary: str, tmp_path: Path) -> None:
    folder = lab_named(lab, tmp_path)
    printed = run("-m", "unittest", "discover", "-s", "test", cwd=folder)
    assert "Ran 53 tests" in printed
    last = "FAILED (errors=53)" if summary.endswith("failed") else "OK"
    assert printed.strip().splitlines()[-1] == last


@pytest.mark.parametrize("item", ITEMS)
def test_a_test_file_runs_as_a_script(item: str, tmp_path: Path) -> None:
    script = make_lab(tmp_path / "lab") / "test" / f"test_{item}.py"
    printed = run(script, cwd=tmp_path)
    assert printed.strip().splitlines()[-1] == "OK"


def test_a_package_layers_that_is_there_already_is_used_and_the_path_left_alone(
    tmp_path: Path,
) -> None:
    # Like the grader's: made at run time, without a file or a spec, with factories for classes.
    program = textwrap.dedent(
        """
        import sys, types, unittest
        import layers as real
        package = types.ModuleType("layers")
        for name in real.__all__:
            setattr(package, name, lambda *given, make=getattr(real, name): make(*given))
        for name in [name for name in sys.modules if name.split(".")[0] == "layers"]:
            del sys.modules[name]
        sys.modules["layers"] = package
        path = list(sys.path)
        import util
        assert sys.path == path
        unittest.main(None, argv=["", "discover", "-s", sys.argv[1]], exit=False)
        assert sys.modules["layers"] is package
        print("the package stayed")
        """
    )
    printed = run("-c", program, PUBLIC_TESTS, cwd=tmp_path, path=(REFERENCE, PUBLIC_TESTS))
    assert "\nOK\n" in printed
    assert "the package stayed" in printed


def main() -> None:
    """Run the public tests on the reference many times and print how many failed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as home:
        start = time.monotonic()
        [verdicts] = run_public_tests([make_lab(Path(home) / "lab")], runs)
        seconds = time.monotonic() - start
    failed = wrong(verdicts)
    print(
        f"{runs} runs of {len(verdicts)} tests in {seconds:.0f} s; failed at least once: ", end=""
    )
    print(", ".join(sorted(failed)) or "none")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
