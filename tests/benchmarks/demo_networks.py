"""Judges three kinds of networks on the small synthetic data, for ten students each.

    python tests/benchmarks/demo_networks.py [--students 10] [--sandbox process]

Each network is the demo's better_cifar.py, changed to train that network and with the student's
number, and goes through the whole check: a training in a sandbox, a measurement, a comparison with
the baseline. The better network is the reference's, the given one is the baseline's own, and the
linear one has no hidden layer. The check must pass all of the first and none of the others, or the
exit code is 1.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import Counter

from grader.baseline.measure import measure_baseline
from grader.checks.better_cifar import Exam, judge_training, train_better_cifar
from grader.dataset.split import make_split
from grader.dataset.store import demo_dataset
from grader.demo import EXAMPLES, example_files
from grader.lab import Project, find_project
from grader.model import Identity, Outcome, Submission
from grader.sandbox.choice import SandboxKind, choose_sandbox
from grader.sandbox.launch import Sandbox

SCRIPT = "better_cifar.py"
BETTER = "    better = train_better_network(x_train, y_train)"
HIDDEN = "[FullLayer(x.shape[1], 500), ReluLayer(), FullLayer(500, y.shape[1]), SoftMaxLayer()]"
KINDS = {
    "better": (),
    "given": ((BETTER, BETTER.replace("better_network", "given_network")),),
    "linear": (
        (BETTER, BETTER.replace("better_network", "given_network")),
        (HIDDEN, "[FullLayer(x.shape[1], y.shape[1]), SoftMaxLayer()]"),
    ),
}
"""Each kind's changes to the reference's script."""


def script(project: Project, kind: str, student: int) -> bytes:
    """Return better_cifar.py of one kind, with a student's number."""
    source = example_files(project, EXAMPLES[0])[SCRIPT].decode()
    for old, new in (*KINDS[kind], ("SEED = 1", f"SEED = {student}")):
        if source.count(old) != 1:
            raise SystemExit(f"the reference's better_cifar.py lacks: {old.strip()}")
        source = source.replace(old, new)
    return source.encode()


def judged(project: Project, sandbox: Sandbox, kind: str, student: int) -> tuple[float, float, str]:
    """Return a network's accuracy, the baseline's for the same student, and the outcome."""
    files = {**example_files(project, EXAMPLES[0]), SCRIPT: script(project, kind, student)}
    submission = Submission("A_B_LAB3.zip", "0" * 64, Identity("A", "B"), files)
    exam = Exam(demo_dataset(), project.lab.suite.seed)
    training = train_better_cifar(submission, project, sandbox, exam, lambda text: None)
    if training is None or training.best is None or training.best.accuracy is None:
        raise SystemExit(f"nothing could be measured: {kind}, student {student}")
    split = make_split(project.lab, exam.dataset, student, exam.grading_seed)
    baseline = measure_baseline(project, split, lambda done, of: None)
    verdict = judge_training(submission, project, exam, training, baseline)
    return training.best.accuracy, baseline.mean, verdict.result.outcome


def main() -> None:
    """Judge, and print a line for each kind of network."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--students", type=int, default=10)
    parser.add_argument("--sandbox", type=SandboxKind, default=SandboxKind.PROCESS)
    arguments = parser.parse_args()
    project = find_project()
    sandbox = choose_sandbox(arguments.sandbox, project.root, log=print)
    students = range(1, arguments.students + 1)
    print(f"demo data {demo_dataset().digest[:12]}, students 1 to {arguments.students}")
    print(f"{'network':10}{'accuracy':>10}{'from':>7}{'to':>7}{'baseline':>10}   outcomes")
    right = True
    for kind in KINDS:
        found = [judged(project, sandbox, kind, student) for student in students]
        accuracies, baselines, outcomes = zip(*found, strict=True)
        counted = ", ".join(f"{n} {outcome}" for outcome, n in Counter(outcomes).items())
        print(
            f"{kind:10}{statistics.mean(accuracies):10.3f}{min(accuracies):7.3f}"
            f"{max(accuracies):7.3f}{statistics.mean(baselines):10.3f}   {counted}",
            flush=True,
        )
        passed = [outcome == Outcome.PASSED for outcome in outcomes]
        right = right and (all(passed) if kind == "better" else not any(passed))
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
