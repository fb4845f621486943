"""Scripts as students write them: each is measured fairly, whatever its habits."""

from __future__ import annotations

import re

import pytest

from grader.model import Judged, Outcome

from .conftest import Judge

HEAD = """
import numpy as np
from layers import FullLayer, ReluLayer, SoftMaxLayer, CrossEntropyLayer, Sequential
from layers.dataset import cifar100
"""
DATA = HEAD + "(x_train, y_train), (x_test, y_test) = cifar100({seed})\n"
BETTER = (
    "Sequential((FullLayer(3072, 300), ReluLayer(), FullLayer(300, 100), ReluLayer(),"
    " FullLayer(100, 4), SoftMaxLayer()), CrossEntropyLayer())"
)
NAMED = BETTER.replace("Sequential((", "Sequential(layers=(").replace("), Cr", "), loss=Cr")
SCALED = BETTER.replace("ReluLayer(), FullLayer(100", "ReluLayer(), Scale(), FullLayer(100")
GIVEN = (
    "Sequential([FullLayer(3072, 500), ReluLayer(), FullLayer(500, 4), SoftMaxLayer()],"
    " CrossEntropyLayer())"
)
FIT = "net.fit(x_train, y_train, epochs=40, lr=0.05, batch_size=16)\n"
GOOD = f"net = {BETTER}\n" + FIT


def data(seed: int = 1) -> str:
    return DATA.format(seed=seed)


def outcome(judged: Judged) -> Outcome:
    return judged.result.outcome


def feedback(judged: Judged) -> str:
    return " ".join(judged.result.feedback)


def diagnostics(judged: Judged) -> str:
    return "\n".join(judged.result.cases[0].diagnostics)


# What passes


HABITS = {
    "tuple and keywords": GOOD,
    "keywords of Sequential": (f"net = {NAMED}\n" + FIT),
    "positional arguments": f"net = {BETTER}\nnet.fit(x_train, y_train, 40, 0.05, 16)\n",
    "three models in a loop": (
        "for width in (8, 300, 16):\n"
        "    model = Sequential([FullLayer(3072, width), ReluLayer(), FullLayer(width, 4),"
        " SoftMaxLayer()], CrossEntropyLayer())\n"
        "    model.fit(x_train, y_train, epochs=40, lr=0.05, batch_size=16)\n"
    ),
    "one model over learning rates": (
        f"net = {BETTER}\n" + FIT + "net.fit(x_train, y_train, epochs=3, lr=1000.0)\n"
    ),
    "one epoch at a time": (
        f"net = {BETTER}\n"
        "for epoch in range(40):\n"
        "    net.fit(x_train, y_train, epochs=1, lr=0.05, batch_size=16)\n"
        "    print(epoch, np.mean(net.predict(x_test) == y_test))\n"
    ),
    "own loop without fit": (
        f"net = {BETTER}\n"
        "for epoch in range(40):\n"
        "    for i in range(0, len(x_train), 16):\n"
        "        net.forward(x_train[i:i+16], y_train[i:i+16])\n"
        "        net.backward()\n"
        "        net.update_param(0.05)\n"
    ),
    "a class of its own": (
        "class Net(Sequential):\n"
        "    def __init__(self):\n"
        f"        super().__init__({BETTER[len('Sequential(') : -1]})\n"
        "    def fit(self, x, y, rate):\n"
        "        for _ in range(40):\n"
        "            super().fit(x, y, epochs=1, lr=rate, batch_size=16)\n"
        "net = Net()\nnet.fit(x_train, y_train, 0.05)\n"
    ),
    "a layer of its own": (
        "class Scale:\n"
        "    def forward(self, x): return 2 * x\n"
        "    def backward(self, g): return 2 * g\n"
        "    def update_param(self, lr): pass\n"
        f"net = {SCALED}\n" + FIT
    ),
    "everything in main": (
        "def main():\n"
        + "".join(f"    {line}\n" for line in GOOD.splitlines())
        + "if __name__ == '__main__':\n    main()\n"
    ),
    "plots, windows and metrics": (
        "import matplotlib\nmatplotlib.use('TkAgg')\nimport matplotlib.pyplot as plt\n"
        "from sklearn.metrics import accuracy_score, confusion_matrix\n"
        + GOOD
        + "plt.plot([1, 2, 3])\nplt.show()\n"
        "print(accuracy_score(y_test, net.predict(x_test)))\n"
        "print(confusion_matrix(y_test, net.predict(x_test)))\n"
    ),
    "much printed": GOOD + "for i in range(50000):\n    print('epoch', i, 'loss', 0.5)\n",
    "ends by sys.exit": GOOD + "import sys\nsys.exit(3)\n",
    "fails after the training": GOOD + "open('no such file')\n",
    "copies the best": ("import copy\n" + GOOD + "best = copy.deepcopy(net)\ndel net\n"),
}


@pytest.mark.parametrize("habit", HABITS)
def test_a_better_network_passes_whatever_the_script_s_habits(judge: Judge, habit: str) -> None:
    judged = judge(data() + HABITS[habit])
    assert outcome(judged) is Outcome.PASSED, f"{feedback(judged)}\n{diagnostics(judged)}"


@pytest.mark.parametrize("draw", ["with_replacement", "without_replacement"])
@pytest.mark.parametrize("encoding", ["integer", "one_hot"])
def test_each_year_s_labels_and_draw_can_be_graded(judge: Judge, draw: str, encoding: str) -> None:
    script = data() + GOOD + "print('SHAPES', y_train.shape, y_test.shape)\n"
    judged = judge(script, subset={"draw": draw, "test_labels": encoding})
    assert outcome(judged) is Outcome.PASSED, f"{feedback(judged)}\n{diagnostics(judged)}"
    shown = "(12, 4)" if encoding == "one_hot" else "(12,)"
    assert f"SHAPES (52, 4) {shown}" in judged.result.output


def test_transformed_images_are_noticed_and_the_script_s_own_answers_count(judge: Judge) -> None:
    script = (
        data()
        + "mean, std = x_train.mean(axis=0), x_train.std(axis=0) + 1e-6\n"
        + "x_train, x_test = (x_train - mean) / std / 4, (x_test - mean) / std / 4\n"
        + GOOD
        + "print(np.mean(net.predict(x_test) == y_test))\n"
    )
    judged = judge(script)
    assert outcome(judged) is Outcome.PASSED, diagnostics(judged)
    assert "transforms its images" in feedback(judged)


def test_answers_in_several_batches_count_as_one(judge: Judge) -> None:
    script = (
        data()
        + "x_train, x_test = x_train * 3, x_test * 3\n"
        + GOOD.replace("0.05", "0.01")
        + "p = np.concatenate([net.predict(x_test[i:i+7]) for i in range(0, len(x_test), 7)])\n"
    )
    judged = judge(script)
    assert outcome(judged) is Outcome.PASSED, diagnostics(judged)
    assert "answered to the script" in diagnostics(judged)


CURVES = {
    "fit": f"net = {BETTER}\n" + FIT.replace("40", "5"),
    "one epoch at a time": (
        f"net = {BETTER}\nfor epoch in range(5):\n    " + FIT.replace("40", "1")
    ),
    "own loop without fit": HABITS["own loop without fit"].replace("40", "5"),
}


@pytest.mark.parametrize("habit", CURVES)
def test_a_training_s_loss_is_carried_for_people_to_see(judge: Judge, habit: str) -> None:
    judged = judge(data() + CURVES[habit])
    own, *others, given = judged.result.curves
    assert own.name == "3072-300-100-4, the one that is compared"
    # Of a network that is fitted again and again, the best moment may be an earlier one.
    assert max(curve.passes[-1] for curve in (own, *others)) == 5.0
    assert len(others) <= (habit == "one epoch at a time")
    assert len(own.losses) == len(own.passes) >= 4
    # ln 4 for four classes, before anything is learned.
    assert own.losses[-1] < own.losses[0] < 3
    assert not own.diverged
    assert given.name.startswith("the given network")
    assert given.passes[:2] == (1.0, 2.0)


def test_a_diverged_training_s_curve_ends_where_it_diverged(judge: Judge) -> None:
    script = data() + f"net = {BETTER}\nnet.fit(x_train, y_train, epochs=5, lr=1e6)\n"
    (own, *_) = judge(script).result.curves
    assert own.diverged
    assert own.passes == () or own.passes[-1] < 5.0


def test_figures_are_collected_for_staff(judge: Judge) -> None:
    script = (
        data()
        + GOOD
        + "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.figure()\nplt.show()"
    )
    judged = judge(script)
    assert judged.result.artefacts == ("better_cifar/figure-1.png", "better_cifar/figure-2.png")
    assert all(png.startswith(b"\x89PNG") for png in judged.artefacts.values())


def test_the_person_who_waits_hears_of_fits_epochs_time_and_limit(judge: Judge) -> None:
    script = (
        data()
        + f"net = {BETTER}\n"
        + "".join(f"net.fit(x_train, y_train, epochs={epochs}, lr=0.01)\n" for epochs in (2, 300))
    )
    heard: list[str] = []
    judge(script, watch=heard.append, cpu_seconds=77.0)
    assert heard[0] == "training, limit 77 s"
    told = [text for text in heard if text.startswith("fit ")]
    assert re.fullmatch(r"fit 1, epoch 0 of 2; \d+ s of training, limit 77 s", told[0])
    assert any(text.startswith("fit 2, epoch 0 of 300; ") for text in told)
    epochs = [int(text.split()[3]) for text in told if text.startswith("fit 2")]
    assert epochs == sorted(epochs)
    assert epochs[-1] > 0


# What fails, and what a person decides


def test_the_given_network_does_not_pass(judge: Judge) -> None:
    judged = judge(data() + f"net = {GIVEN}\nnet.fit(x_train, y_train, epochs=15, lr=0.1)\n")
    assert outcome(judged) in (Outcome.FAILED, Outcome.NEEDS_REVIEW)


def test_the_given_shape_trained_better_is_for_a_person(judge: Judge) -> None:
    judged = judge(data() + f"net = {GIVEN}\n" + FIT)
    assert outcome(judged) is Outcome.NEEDS_REVIEW
    assert judged.result.proposed == 10.0
    assert "given network's own layers" in feedback(judged)


def test_a_worse_network_fails(judge: Judge) -> None:
    script = data() + (
        "net = Sequential([FullLayer(3072, 4), SoftMaxLayer()], CrossEntropyLayer())\n"
        "net.fit(x_train, y_train, epochs=15, lr=0.1)\n"
    )
    judged = judge(script)
    assert outcome(judged) is Outcome.FAILED
    assert "not better" in feedback(judged)


FAULTS = {
    "no Sequential": (data() + "print(0.99)\n", Outcome.FAILED, "trained no Sequential"),
    "no data": (HEAD + "print('0.99')\n", Outcome.FAILED, "never called cifar100"),
    "another library's network": (
        data()
        + "from sklearn.neural_network import MLPClassifier\n"
        + "net = MLPClassifier((20,), max_iter=3).fit(x_train, y_train.argmax(axis=1))\n"
        + "print(net.score(x_test, y_test))\n",
        Outcome.FAILED,
        'imports "sklearn.neural_network.MLPClassifier", and trained no Sequential',
    ),
    "a library that is not there": (
        "import tensorflow as tf\n" + data() + GOOD,
        Outcome.FAILED,
        'imports "tensorflow", and trained no Sequential',
    ),
    "an import that fails": (
        "import no_such_module\n" + data() + GOOD,
        Outcome.FAILED,
        "ModuleNotFoundError: No module named 'no_such_module'",
    ),
    "an error": (data() + "x_trian\n", Outcome.FAILED, "NameError"),
    "a syntax error": (data() + "def\n", Outcome.FAILED, "SyntaxError"),
    "input": (data() + "input()\n", Outcome.FAILED, "EOFError"),
    "the process ended": (data() + GOOD + "import os\nos._exit(0)\n", Outcome.CRASHED, "ended"),
    "a seed that is none": (HEAD + "cifar100(-1)\n", Outcome.FAILED, "ValueError"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_keeps_a_network_from_being_measured_is_named(judge: Judge, fault: str) -> None:
    script, expected, said = FAULTS[fault]
    judged = judge(script)
    assert outcome(judged) is expected
    assert said in feedback(judged)


def test_a_missing_script_fails_without_a_sandbox(judge: Judge) -> None:
    judged = judge(None)
    assert outcome(judged) is Outcome.FAILED
    assert "There is no better_cifar.py" in feedback(judged)


def test_training_that_hits_the_limit_is_measured_as_far_as_it_came(judge: Judge) -> None:
    script = data() + GOOD + "net.fit(x_train, y_train, epochs=10**9, lr=1e-9)\n"
    judged = judge(script, cpu_seconds=4.0)
    assert outcome(judged) is Outcome.PASSED, diagnostics(judged)
    assert "was stopped after 4 s" in feedback(judged)


def test_training_that_only_waits_is_stopped_by_the_clock(judge: Judge) -> None:
    judged = judge(data() + "import time\ntime.sleep(1000)\n", wall_seconds=1.0)
    assert outcome(judged) is Outcome.TIMEOUT


def test_a_script_that_swallows_its_end_is_told_again(judge: Judge) -> None:
    script = data() + (
        "for n in range(3):\n"
        "    try:\n"
        "        while True: sum(range(1000))\n"
        "    except BaseException as error:\n"
        "        print('swallowed', type(error).__name__)\n"
    )
    judged = judge(script, cpu_seconds=0.5)
    assert judged.result.output.count("swallowed") == 3


def test_another_student_s_number_is_for_a_person(judge: Judge) -> None:
    judged = judge(data(1) + GOOD, student_seed=2)
    assert outcome(judged) is Outcome.NEEDS_REVIEW
    assert "your number is 2" in feedback(judged)


def test_the_student_s_own_number_passes(judge: Judge) -> None:
    assert outcome(judge(data(2) + GOOD, student_seed=2)) is Outcome.PASSED


@pytest.mark.parametrize("path", ["weights.npy", "layers/model.bin", "helpers.py"])
def test_what_may_be_a_trained_network_is_for_a_person(judge: Judge, path: str) -> None:
    judged = judge(data() + GOOD, {path: b"# " + b"7" * 400_000})
    assert outcome(judged) is Outcome.NEEDS_REVIEW
    assert path in feedback(judged)


def test_a_large_picture_or_notebook_is_no_trained_network(judge: Judge) -> None:
    files: dict[str, str | bytes] = {"results/loss.png": b"0" * 400_000, "lab.ipynb": "0" * 400_000}
    assert outcome(judge(data() + GOOD, files)) is Outcome.PASSED


@pytest.mark.parametrize("policy", ["lenient", "strict", "review"])
def test_the_policy_decides_where_the_interval_does_not(judge: Judge, policy: str) -> None:
    # Little trained: a few points above the given network, which 32 images do not show.
    script = (
        data() + f"net = {BETTER}\nnet.fit(x_train, y_train, epochs=10, lr=0.05, batch_size=16)\n"
    )
    judged = judge(script, other={"policy": policy})
    expected = {"lenient": Outcome.PASSED, "strict": Outcome.FAILED, "review": Outcome.NEEDS_REVIEW}
    assert "too close to call" in diagnostics(judged), diagnostics(judged)
    assert outcome(judged) is expected[policy]
