"""Tests that the hidden tests accept right solutions, catch wrong ones, and repeat exactly."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.lab import Project
from grader.model import Suite
from grader.suite.implementations import right_solution
from grader.suite.observation import Job, Observation
from grader.suite.parallel import observe_all

ROOT = Path(__file__).resolve().parent.parent
SUITE = ROOT / "hidden_tests"
ITEMS = ("full", "relu", "softmax", "cross_entropy", "sequential")


@dataclass(frozen=True)
class Run:
    """Outcome of each case of one run, as `(item, node)`, and the run's output."""

    outcomes: Mapping[tuple[str, str], str]
    output: str
    exit_code: int

    def items_that_lost(self) -> set[str]:
        """Return the rubric items with a case that did not pass."""
        return {item for (item, _), outcome in self.outcomes.items() if outcome != "passed"}


def pytest_run(layers: Path, suite: Path, workspace: Path, *options: str) -> Run:
    """Run a suite against the `layers` package in a folder, in a process of its own."""
    workspace.mkdir()
    (workspace / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    report = workspace / "report.json"
    command = [
        *(sys.executable, "-m", "pytest", "-q", "--tb=short", "--import-mode=importlib"),
        *("-c", str(workspace / "pytest.ini"), "--rootdir", str(suite)),
        *(
            "-p",
            "no:cacheprovider",
            "-p",
            "pytest_jsonreport.plugin",
            "--json-report",
            f"--json-report-file={report}",
        ),
        *options,
        *(str(path) for path in sorted(suite.glob("test_*.py"))),
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": str(layers),
        "OMP_NUM_THREADS": "1",
        # Plugins that the suite does not use take longer to load than its cases to run.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    done = subprocess.run(
        command, env=environment, cwd=workspace, capture_output=True, text=True, check=False
    )
    outcomes = {}
    if report.exists():
        for case in json.loads(report.read_text(encoding="utf-8")).get("tests", []):
            file, _, node = case["nodeid"].partition("::")
            item = Path(file).stem.removeprefix("test_")
            outcomes[item, node] = case["outcome"]
    return Run(outcomes, done.stdout + done.stderr, done.returncode)


def solution(folder: Path, changes: Mapping[str, str]) -> Path:
    """Copy the reference into a folder with code added at the end of some modules."""
    shutil.copytree(
        ROOT / "reference" / "layers",
        folder / "layers",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for item, code in changes.items():
        path = folder / "layers" / f"{item}.py"
        path.write_bytes(path.read_bytes() + added(code))
    return folder


def added(code: str) -> bytes:
    """Return what comes after a module's own code."""
    return f"\n\nimport numpy as np\n\n{textwrap.dedent(code)}".encode()


@dataclass(frozen=True)
class Bug:
    """A wrong implementation: code added to the reference's module of one item."""

    item: str
    name: str
    code: str

    def __str__(self) -> str:
        return f"{self.item}-{self.name}"


FIT = """
    def fit(self, x, y, epochs=10, lr=0.1, batch_size=128):
        n = len(x)
        for epoch in range(epochs):
            {each_epoch}
            for i in range({starts}):
                rows, targets = x[i : i + batch_size], y[{targets}]
                self.forward(rows, targets)
                {step}
    Sequential.fit = fit
    """


def wrong_fit(
    *,
    each_epoch: str = "pass",
    starts: str = "0, n, batch_size",
    targets: str = "i : i + batch_size",
    step: str = "self.backward(); self.update_param(lr)",
) -> str:
    """Return a right `fit` with one part of it replaced."""
    return FIT.format(each_epoch=each_epoch, starts=starts, targets=targets, step=step)


BUGS = (
    Bug(
        "full",
        "transposes-when-square",
        """
        right = FullLayer.backward
        def backward(self, y_grad):
            x_grad = right(self, y_grad)
            if self.W.shape[0] == self.W.shape[1]:
                self.W_grad = self.W_grad.T
            return x_grad
        FullLayer.backward = backward
        """,
    ),
    Bug(
        "full",
        "averages-the-bias-gradient",
        """
        right = FullLayer.backward
        def backward(self, y_grad):
            x_grad = right(self, y_grad)
            self.b_grad = y_grad.mean(axis=0, keepdims=True)
            return x_grad
        FullLayer.backward = backward
        """,
    ),
    Bug(
        "full",
        "accumulates-gradients",
        """
        right = FullLayer.backward
        def backward(self, y_grad):
            before = getattr(self, "W_grad", 0.0)
            x_grad = right(self, y_grad)
            self.W_grad = self.W_grad + before
            return x_grad
        FullLayer.backward = backward
        """,
    ),
    Bug(
        "full",
        "ascends",
        """
        right = FullLayer.update_param
        FullLayer.update_param = lambda self, lr: right(self, -lr)
        """,
    ),
    Bug(
        "full",
        "squeezes-one-row",
        """
        right = FullLayer.forward
        FullLayer.forward = lambda self, x: right(self, x)[0] if len(x) == 1 else right(self, x)
        """,
    ),
    Bug(
        "full",
        "starts-uniform-with-glorots-deviation",
        """
        def start(self, n_i, n_o):
            limit = np.sqrt(6.0 / (n_i + n_o))
            self.W, self.b = np.random.uniform(-limit, limit, (n_o, n_i)), np.zeros((1, n_o))
        FullLayer.__init__ = start
        """,
    ),
    Bug(
        "full",
        "starts-with-the-variance-as-deviation",
        """
        def start(self, n_i, n_o):
            self.W = np.random.normal(0.0, 2.0 / (n_i + n_o), (n_o, n_i))
            self.b = np.zeros((1, n_o))
        FullLayer.__init__ = start
        """,
    ),
    Bug(
        "relu",
        "derivative-one-at-zero",
        "ReluLayer.backward = lambda self, y_grad: y_grad * (self.y >= 0)",
    ),
    Bug(
        "relu",
        "gates-on-the-gradient",
        "ReluLayer.backward = lambda self, y_grad: np.maximum(y_grad, 0.0)",
    ),
    Bug(
        "relu",
        "truncates-to-the-inputs-integers",
        """
        def backward(self, y_grad):
            x_grad = np.zeros_like(self.y)
            x_grad[self.y > 0] = y_grad[self.y > 0]
            return x_grad
        def forward(self, x):
            self.y = np.where(x > 0, x, 0)
            return self.y
        ReluLayer.forward, ReluLayer.backward = forward, backward
        """,
    ),
    Bug(
        "relu",
        "overwrites-its-input",
        """
        def forward(self, x):
            x[x < 0] = 0
            self.y = x
            return x
        ReluLayer.forward = forward
        """,
    ),
    Bug(
        "relu",
        "returns-float32",
        """
        right = ReluLayer.backward
        ReluLayer.backward = lambda self, y_grad: right(self, y_grad).astype(np.float32)
        """,
    ),
    Bug(
        "softmax",
        "is-not-stabilised",
        """
        def forward(self, x):
            self.y = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
            return self.y
        SoftMaxLayer.forward = forward
        """,
    ),
    Bug(
        "softmax",
        "normalises-columns",
        """
        def forward(self, x):
            exponentials = np.exp(x - x.max())
            self.y = exponentials / exponentials.sum(axis=0)
            return self.y
        SoftMaxLayer.forward = forward
        """,
    ),
    Bug(
        "softmax",
        "has-the-jacobians-diagonal-only",
        "SoftMaxLayer.backward = lambda self, y_grad: y_grad * self.y * (1.0 - self.y)",
    ),
    Bug("softmax", "has-no-gradient", "SoftMaxLayer.backward = lambda self, y_grad: 0.0 * y_grad"),
    Bug(
        "softmax",
        "keeps-the-output-in-the-class",
        """
        right = SoftMaxLayer.forward
        def forward(self, x):
            SoftMaxLayer.y = right(self, x)
            del self.y
            return SoftMaxLayer.y
        SoftMaxLayer.forward = forward
        """,
    ),
    Bug(
        "cross_entropy",
        "forgets-to-average-the-gradient",
        "CrossEntropyLayer.backward = lambda self, y_grad=None: -self.t / self.x",
    ),
    Bug(
        "cross_entropy",
        "returns-a-loss-for-each-row",
        """
        def forward(self, x, t):
            self.x, self.t = x, t
            return -(t * np.log(x)).sum(axis=1)
        CrossEntropyLayer.forward = forward
        """,
    ),
    Bug(
        "cross_entropy",
        "remembers-the-first-batchs-size",
        """
        def forward(self, x, t):
            self.x, self.t = x, t
            self.n = getattr(self, "n", len(x))
            return -(t * np.log(x)).sum() / self.n
        CrossEntropyLayer.forward = forward
        """,
    ),
    Bug(
        "cross_entropy",
        "adds-a-coarse-epsilon",
        """
        def forward(self, x, t):
            self.x, self.t = x, t
            return -(t * np.log(x + 1e-8)).sum() / len(x)
        CrossEntropyLayer.forward = forward
        """,
    ),
    Bug("sequential", "shuffles-x-only", wrong_fit(each_epoch="x = x[np.random.permutation(n)]")),
    Bug(
        "sequential",
        "mispairs-the-last-batch",
        wrong_fit(targets="min(i, n - batch_size) : min(i, n - batch_size) + len(rows)"),
    ),
    Bug("sequential", "loses-the-last-batch", wrong_fit(starts="0, n - batch_size, batch_size")),
    Bug(
        "sequential",
        "updates-twice",
        wrong_fit(step="self.backward(); self.update_param(lr); self.update_param(lr)"),
    ),
    Bug(
        "sequential",
        "ignores-the-rate",
        wrong_fit(step="self.backward(); self.update_param(0.1)"),
    ),
    Bug("sequential", "never-goes-backward", wrong_fit(step="pass")),
    Bug(
        "sequential",
        "predicts-the-least-likely",
        "Sequential.predict = lambda self, x: np.argmin(self.forward(x), axis=1)",
    ),
    Bug(
        "sequential",
        "has-four-layers",
        """
        def forward(self, x, target=None):
            for layer in self.layers[:4]:
                x = layer.forward(x)
            return x if target is None else self.loss.forward(x, target)
        Sequential.forward = forward
        """,
    ),
)

A_BUG = next(bug for bug in BUGS if bug.name == "averages-the-bias-gradient")


# Each list holds right but unusual solutions of one module; the n-th of all are tried together.
VARIANTS: dict[str, tuple[str, ...]] = {
    "full": (
        # A flat bias, in-place updates, prints.
        """
        class FullLayer:
            def __init__(self, n_i, n_o):
                self.W = np.random.randn(n_o, n_i) * np.sqrt(2 / (n_i + n_o))
                self.b = np.zeros(n_o)
            def forward(self, x):
                print("forward", x.shape)
                self.x = x
                return np.dot(x, self.W.T) + self.b
            def backward(self, y_grad):
                self.W_grad, self.b_grad = np.dot(y_grad.T, self.x), y_grad.sum(axis=0)
                return np.dot(y_grad, self.W)
            def update_param(self, lr):
                self.W -= lr * self.W_grad
                self.b -= lr * self.b_grad
        """,
        # Glorot's formula as a variance, a scalar bias, loops, state thrown away after use.
        """
        class FullLayer:
            def __init__(self, n_i, n_o):
                self.W, self.b = np.random.normal(0, (2 / (n_i + n_o)) ** 0.25, (n_o, n_i)), 0
            def forward(self, x):
                self.x = x.copy()
                y = np.zeros((len(x), len(self.W)))
                for row in range(len(x)):
                    y[row] = self.W @ x[row]
                return y + self.b
            def backward(self, y_grad):
                self.W_grad = sum(np.outer(dy, x) for dy, x in zip(y_grad, self.x))
                self.b_grad = y_grad.sum(axis=0, keepdims=True)
                self.x = None
                return y_grad @ self.W
            def update_param(self, lr):
                self.W, self.b = self.W - lr * self.W_grad, self.b - lr * self.b_grad
                self.W_grad = self.b_grad = 0
        """,
    ),
    "relu": (
        # Gates on the input, computes by absolute value.
        """
        def forward(self, x):
            self.x = x
            return (np.abs(x) + x) / 2
        ReluLayer.forward = forward
        ReluLayer.backward = lambda self, y_grad: y_grad * np.heaviside(self.x, 0)
        """,
        # Turns the array that it returned into the mask.
        """
        def forward(self, x):
            self.y = np.clip(x, 0, None)
            return self.y
        def backward(self, y_grad):
            mask = self.y
            mask[mask > 0] = 1
            return mask * y_grad
        ReluLayer.forward, ReluLayer.backward = forward, backward
        """,
    ),
    "softmax": (
        # The maximum of the whole batch; a Jacobian for each row.
        """
        def forward(self, x):
            exponentials = np.exp(x - np.max(x))
            self.y = exponentials / exponentials.sum(axis=1, keepdims=True)
            return self.y
        def backward(self, y_grad):
            rows = zip(y_grad, self.y)
            return np.array([dy @ (np.diag(z) - np.outer(z, z)) for dy, z in rows])
        SoftMaxLayer.forward, SoftMaxLayer.backward = forward, backward
        """,
        # Through the logarithm of the sum.
        """
        def forward(self, x):
            shifted = x - x.max(axis=1)[:, None]
            self.y = np.exp(shifted - np.log(np.exp(shifted).sum(axis=1))[:, None])
            return self.y
        SoftMaxLayer.forward = forward
        """,
    ),
    "cross_entropy": (
        # An epsilon in both directions, no update_param.
        """
        def forward(self, x, t):
            self.x, self.t = x, t
            return -np.mean(np.sum(t * np.log(x + 1e-12), axis=1))
        CrossEntropyLayer.forward = forward
        CrossEntropyLayer.backward = lambda self, y_grad=None: (
            -(1 / self.x.shape[0]) * self.t / (self.x + 1e-12)
        )
        del CrossEntropyLayer.update_param
        """,
        # Picks the true class; an array of one element.
        """
        def forward(self, x, t):
            self.x, self.t = x, t
            return np.array([-np.mean(np.log(x[np.arange(len(x)), t.argmax(axis=1)]))])
        CrossEntropyLayer.forward = forward
        """,
        # A 0-d array, clipped probabilities.
        """
        def forward(self, x, t):
            self.x, self.t = np.clip(x, 1e-12, 1 - 1e-12), t
            return np.array(-np.sum(t * np.log(self.x)) / len(x))
        CrossEntropyLayer.forward = forward
        """,
    ),
    "sequential": (
        # Asks which layers have parameters, passes an argument to the loss's backward, watches
        # the loss of all data, predicts a column.
        """
        from .full import FullLayer
        def backward(self):
            grad = self.loss.backward(None)
            for index in range(len(self.layers) - 1, -1, -1):
                grad = self.layers[index].backward(grad)
        def update_param(self, lr):
            for layer in self.layers:
                if isinstance(layer, FullLayer):
                    layer.update_param(lr=lr)
        def fit(self, x, y, epochs=10, lr=0.1, batch_size=128):
            losses = [self.forward(x, y)]
            for _ in range(epochs):
                for i in range(0, len(x), batch_size):
                    self.forward(x[i : i + batch_size], y[i : i + batch_size])
                    self.backward()
                    self.update_param(lr)
                losses.append(self.forward(x, y))
            return np.array(losses)
        Sequential.backward, Sequential.update_param, Sequential.fit = backward, update_param, fit
        Sequential.predict = lambda self, x: self.forward(x).argmax(axis=1).reshape(-1, 1)
        """,
        # Shuffles, drops the last partial batch, the handout's other spelling, a list of floats.
        """
        def update_param(self, lr):
            for layer in self.layers:
                if type(layer).__name__ == "FullLayer":
                    layer.update_params(lr)
        def fit(self, x, y, epochs=10, lr=0.1, batch_size=128):
            for _ in range(epochs):
                order = np.random.permutation(len(x))
                for i in range(len(x) // batch_size):
                    rows = order[i * batch_size : (i + 1) * batch_size]
                    self.forward(x[rows], target=y[rows])
                    self.backward()
                    self.update_param(lr)
        Sequential.update_param, Sequential.fit = update_param, fit
        Sequential.predict = lambda self, x: [float(np.argmax(row)) for row in self.forward(x)]
        """,
        # Goes through the layers itself, updates each as soon as it has its gradient, and
        # computes the accuracy between forward and backward.
        """
        def fit(self, x, y, epochs=10, lr=0.1, batch_size=128):
            accuracies = []
            for _ in range(epochs):
                for start in range(0, x.shape[0], batch_size):
                    rows, labels = x[start : start + batch_size], y[start : start + batch_size]
                    values = rows
                    for layer in self.layers:
                        values = layer.forward(values)
                    self.loss.forward(x=values, t=labels)
                    accuracies.append(np.mean(self.predict(rows) == labels.argmax(axis=1)))
                    grad = self.loss.backward()
                    for layer in self.layers[::-1]:
                        grad = layer.backward(grad)
                        layer.update_param(lr)
            return accuracies, "done"
        Sequential.fit = fit
        """,
        # Batches of nearly equal size.
        """
        def fit(self, x, y, epochs=10, lr=0.1, batch_size=128):
            batches = -(-len(x) // batch_size)
            for _ in range(epochs):
                for rows in np.array_split(np.arange(len(x)), batches):
                    print("loss", self.forward(x[rows], y[rows]).item())
                    self.backward()
                    self.update_param(lr)
        Sequential.fit = fit
        """,
    ),
}
VARIANT_SETS = [
    {item: codes[n % len(codes)] for item, codes in VARIANTS.items()}
    for n in range(max(len(codes) for codes in VARIANTS.values()))
]
SEEDS = (None, 1, 2)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Run]]:
    """Start runs two at a time, in the order of the tests, and give each out by name."""
    folder = tmp_path_factory.mktemp("runs")
    jobs: dict[str, tuple[Path, tuple[str, ...]]] = {}
    for seed in SEEDS:
        options = () if seed is None else ("--seed", str(seed))
        jobs[f"reference {seed}"] = (ROOT / "reference", options)
    jobs["template"] = (ROOT / "student_template", ())
    jobs["a bug"] = (solution(folder / "a bug", {A_BUG.item: A_BUG.code}), ())
    for number, codes in enumerate(VARIANT_SETS):
        jobs[f"variants {number}"] = (solution(folder / f"variants-{number}", codes), ())

    with ThreadPoolExecutor(max_workers=2) as pool:
        started: dict[str, Future[Run]] = {
            name: pool.submit(pytest_run, layers, SUITE, folder / f"run-{number}", *options)
            for number, (name, (layers, options)) in enumerate(jobs.items())
        }
        yield lambda name: started[name].result()
        for future in started.values():
            future.cancel()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_reference_passes_every_case(seed: int | None, runs: Callable[[str], Run]) -> None:
    run = runs(f"reference {seed}")
    assert run.items_that_lost() == set(), run.output
    assert {item for item, _ in run.outcomes} == set(ITEMS)


def test_the_untouched_template_passes_no_case(runs: Callable[[str], Run]) -> None:
    run = runs("template")
    assert set(run.outcomes) == set(runs("reference None").outcomes)
    assert set(run.outcomes.values()) == {"failed"}


@pytest.fixture(scope="module")
def observed(project: Project) -> Mapping[str, tuple[Observation, ...]]:
    """Run the hidden cases on the reference and on every bug, each in a fork.

    A pytest for each would take longer to start than to run the cases.
    """
    right, seeds = right_solution(project), (project.lab.suite.seed,)
    jobs = {"reference": Job(right, ITEMS, seeds)}
    for bug in BUGS:
        path = f"layers/{bug.item}.py"
        jobs[str(bug)] = Job({**right, path: right[path] + added(bug.code)}, ITEMS, seeds)
    tasks = [*jobs.items()]
    return dict(observe_all(tasks, project, None, 2, lambda *_: None, (Suite.HIDDEN,)))


def test_forks_run_what_a_pytest_of_its_own_runs(
    observed: Mapping[str, tuple[Observation, ...]], runs: Callable[[str], Run]
) -> None:
    for name, run in (("reference", runs("reference None")), (str(A_BUG), runs("a bug"))):
        assert Counter(one.item for one in observed[name]) == Counter(i for i, _ in run.outcomes)
        lost = Counter(one.item for one in observed[name] if not one.passed)
        assert lost == Counter(i for (i, _), how in run.outcomes.items() if how != "passed")


@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_a_bug_costs_points_in_its_own_item_alone(
    bug: Bug, observed: Mapping[str, tuple[Observation, ...]]
) -> None:
    cases = observed[str(bug)]
    assert [one.case for one in cases] == [one.case for one in observed["reference"]]
    lost = [(one.case, one.said) for one in cases if not one.passed]
    assert {one.item for one in cases if not one.passed} == {bug.item}, lost


@pytest.mark.parametrize("number", range(len(VARIANT_SETS)))
def test_right_but_unusual_solutions_lose_nothing(number: int, runs: Callable[[str], Run]) -> None:
    run = runs(f"variants {number}")
    assert set(run.outcomes) == set(runs("reference None").outcomes), run.output
    assert run.items_that_lost() == set(), run.output


def test_a_failure_tells_staff_the_case_the_seed_and_the_largest_error(
    runs: Callable[[str], Run],
) -> None:
    output = runs("a bug").output
    found = re.search(r"full/bias-gradient\[rectangular\] \(seed \d+\): (b_grad, shape .*)", output)
    assert found, output
    assert "Largest absolute error" in output
    assert "Largest relative error" in output


PROBE = """
    import pytest

    @pytest.mark.case(id="draws", weight=1, about="draws numbers")
    @pytest.mark.parametrize("size", [1, 2])
    def test_draws(rng, size):
        raise AssertionError(f"drew {rng.integers(10**15)}")
    """


def probe(folder: Path, tests: str, *options: str, file: str = "test_probe.py") -> Run:
    """Run one test file under the suite's conftest."""
    suite = folder / "suite"
    suite.mkdir(parents=True)
    for path in SUITE.glob("*.py"):
        if not path.name.startswith("test_"):
            shutil.copy(path, suite)
    shutil.copy(ROOT / "student_template" / "test" / "diagnosis.py", suite)
    shutil.copy(ROOT / "lab.toml", folder)
    (suite / file).write_text(textwrap.dedent(tests), encoding="utf-8")
    return pytest_run(ROOT / "reference", suite, folder / "run", *options)


def drawn(run: Run) -> list[str]:
    """Return what the tests of `PROBE` drew."""
    return list(dict.fromkeys(re.findall(r"(?m)^E .*drew (\d+)$", run.output)))


def test_random_inputs_depend_on_the_seed_and_the_case_alone(tmp_path: Path) -> None:
    first = drawn(probe(tmp_path / "first", PROBE, "--seed", "5"))
    assert len(first) == 2
    reordered = PROBE.replace("[1, 2]", "[2, 1]")
    assert drawn(probe(tmp_path / "reordered", reordered, "--seed", "5")) == first[::-1]
    other = drawn(probe(tmp_path / "other", PROBE, "--seed", "6"))
    assert len(set(first + other)) == 4
    alone = drawn(probe(tmp_path / "alone", PROBE, "--seed", "5", "-k", "2"))
    assert alone == first[1:]


CASE = """
    import pytest

    {marker}
    def test_one_row():
        pass
    """


@pytest.mark.parametrize(
    ("marker", "problem"),
    [
        ("", "has no case marker"),
        ('@pytest.mark.case(id="a", weight=0, about="a")', "the weight 0 must be above 0"),
        ('@pytest.mark.case(id="a", weight=-1, about="a")', "the weight -1 must be above 0"),
        ('@pytest.mark.case(id="a", weight=float("nan"), about="a")', "the weight nan must be"),
        ('@pytest.mark.case(id="a", weight="2", about="a")', "the weight '2' must be a number"),
        ('@pytest.mark.case(id="a", about="a")', "takes id, weight and about"),
        ('@pytest.mark.case(id="A b", weight=1, about="a")', "the case id 'A b' must be"),
        ('@pytest.mark.case(id="a", weight=1, about=" ")', "about is empty"),
    ],
)
def test_a_test_that_cannot_be_graded_is_refused_before_any_runs(
    marker: str, problem: str, tmp_path: Path
) -> None:
    run = probe(tmp_path, CASE.format(marker=marker))
    assert run.exit_code == pytest.ExitCode.USAGE_ERROR
    assert run.outcomes == {}
    assert re.search(r"test_probe\.py:\d+: test_one_row: ", run.output)
    assert problem in run.output


def test_two_tests_of_a_file_with_one_id_are_refused(tmp_path: Path) -> None:
    marker = '@pytest.mark.case(id="a", weight=1, about="a")'
    twice = CASE.format(marker=marker) + f"\n    {marker}\n    def test_two_rows():\n        pass\n"
    run = probe(tmp_path, twice)
    assert run.exit_code == pytest.ExitCode.USAGE_ERROR
    assert "test_two_rows: the case id 'a' is taken by another test" in run.output
