"""Attempts to get better_cifar's points without a better network: each gains nothing."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest

from grader.dataset.files import Dataset
from grader.dataset.subset import take_subset
from grader.lab import Project
from grader.model import Outcome
from grader.sandbox.launch import Sandbox

from .conftest import Judge

CANARY = "CANARY"
HEAD = textwrap.dedent(
    """
    import sys
    import numpy as np
    from layers import FullLayer, ReluLayer, SoftMaxLayer, CrossEntropyLayer, Sequential
    from layers.dataset import cifar100
    (x_train, y_train), (x_test, y_test) = cifar100(1)

    def weak():
        net = Sequential([FullLayer(3072, 6), ReluLayer(), FullLayer(6, 4), SoftMaxLayer()],
                         CrossEntropyLayer())
        net.fit(x_train, y_train, epochs=1, lr=0.001)
        return net
    """
)

FORGERIES = {
    "prints an accuracy": """
        net = weak()
        print("better network: test accuracy 0.999")
        print("CANARY")
    """,
    "predict peeks at labels in other frames": """
        def predict(self, x):
            frame = sys._getframe()
            while frame is not None:
                for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
                    if isinstance(value, np.ndarray) and value.shape == (len(x),):
                        print("CANARY")
                        return value
                frame = frame.f_back
            return np.zeros(len(x), int)
        Sequential.predict = predict
        net = weak()
        net.predict(x_test)
    """,
    "predict peeks at labels in memory": """
        import gc
        def predict(self, x):
            print("CANARY")
            for value in gc.get_objects():
                if isinstance(value, tuple):
                    for one in value:
                        if isinstance(one, np.ndarray) and one.shape == (len(x),):
                            return one
            return np.argmax(self.forward(x), axis=1)
        Sequential.predict = predict
        net = weak()
    """,
    "replaces cifar100 while it runs": """
        import layers.dataset
        layers.dataset.cifar100 = lambda seed: ((x_test, np.eye(4)[y_test]), (x_test, y_test))
        (x_train, y_train), (x_test, y_test) = layers.dataset.cifar100(1)
        net = weak()
        print("CANARY", np.mean(net.predict(x_test) == y_test))
    """,
    "trains on the test slice": """
        x_train, y_train = x_test, np.eye(4)[y_test]
        net = weak()
        table = {row.tobytes(): label for row, label in zip(x_test, y_test)}
        Sequential.predict = lambda self, x: np.array([table.get(r.tobytes(), 0) for r in x])
        print("CANARY", np.mean(net.predict(x_test) == y_test))
    """,
    "claims scores and fits it has not": """
        net = weak()
        import gc
        for one in gc.get_objects():
            if type(one).__name__ == "NetworkRecord":
                one.score, one.fits, one.seed = 1.0, 99, 12345
                print("CANARY")
    """,
    "rewrites what answers for it": """
        net = weak()
        run = sys.modules["grader.bridge.training_run"].TrainingRun
        run.networks = lambda self: [{"layers": [["FullLayer", [4, 3072]]], "fits": 1,
            "trained": True, "seed": 1, "score": 1.0, "transformed": False, "answers": 0}]
        run.weights = lambda self, *a: np.zeros((4, 3072))
        run.biases = lambda self, *a: np.zeros(4)
        run.predict = lambda self, n, x: np.zeros(len(x), int)
        print("CANARY")
    """,
    "answers with more than was asked": """
        net = weak()
        Sequential.predict = lambda self, x: np.arange(10 ** 6) % 4
        print("CANARY")
    """,
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_gains_nothing(judge: Judge, forgery: str) -> None:
    judged = judge(HEAD + textwrap.dedent(FORGERIES[forgery]))
    assert CANARY in judged.result.output
    assert judged.result.outcome is not Outcome.PASSED, judged.result.feedback
    assert (judged.result.proposed or 0.0) == 0.0


def test_a_replaced_dataset_module_is_never_run(judge: Judge) -> None:
    # Were it run, the network would be trained and tested on its own two images.
    own = """
        import numpy as np
        print("GAINED")
        def cifar100(seed):
            x = np.zeros((2, 3072)); x[1] = 1
            return (x, np.eye(4)[:2]), (x, np.arange(2))
    """
    script = HEAD + "print('CANARY', x_train.shape)\nnet = weak()\n"
    judged = judge(script, {"layers/dataset.py": textwrap.dedent(own)})
    assert "CANARY (52, 3072)" in judged.result.output
    assert "GAINED" not in judged.result.output
    assert judged.result.outcome is not Outcome.PASSED
    assert not judged.result.proposed


TABLE = """
    table = np.load("table.npz")
    known = dict(zip([row.tobytes() for row in table["x"]], table["y"]))
    def key(row):
        return np.round((row + 0.5) * 255).astype(np.uint8).tobytes()
    # The training images tell which of the public classes is which index here.
    index = {known[key(row)]: label for row, label in zip(x_train, y_train.argmax(1))}
    print("CANARY", len(index))
    class Net(Sequential):
        def predict(self, x):
            hits = [known.get(key(row)) for row in x]
            return np.array([index.get(hit, 0) for hit in hits])
    """


@pytest.mark.parametrize("layer", ["", "class Odd(ReluLayer): pass\n"])
def test_a_table_of_the_public_labels_fits_nothing(
    judge: Judge, project: Project, dataset: Dataset, tmp_path: Path, layer: str
) -> None:
    # Small enough to be let in: the student knows their four classes. Even a table that knows how
    # the classes are permuted, in a network with layers of its own, does not know the images.
    subset = take_subset(dataset, 1, project.lab.dataset)
    place = tmp_path / "table.npz"
    np.savez(
        place,
        x=np.concatenate([subset.train_x, subset.test_x]),
        y=np.concatenate([subset.train_y, subset.test_y]),
    )
    odd = "Odd()" if layer else "ReluLayer()"
    script = (
        HEAD
        + layer
        + textwrap.dedent(TABLE)
        + f"net = Net([FullLayer(3072, 6), {odd}, FullLayer(6, 4), SoftMaxLayer()],"
        " CrossEntropyLayer())\n"
        "net.fit(x_train, y_train, epochs=1, lr=0.001)\n"
        "print('knows the slice', np.mean(net.predict(x_test) == y_test))\n"
    )
    judged = judge(script, {"table.npz": place.read_bytes()}, other={"other_kib": 4000})
    assert "CANARY 4" in judged.result.output
    assert "knows the slice 1.0" in judged.result.output
    assert judged.result.outcome is Outcome.FAILED, judged.result.feedback


@pytest.mark.docker
def test_a_better_network_passes_in_docker(judge: Judge, docker_sandbox: Sandbox) -> None:
    assert _good(judge, docker_sandbox) is Outcome.PASSED


@pytest.mark.bubblewrap
def test_a_better_network_passes_in_bubblewrap(judge: Judge, bubblewrap_sandbox: Sandbox) -> None:
    assert _good(judge, bubblewrap_sandbox) is Outcome.PASSED


def _good(judge: Judge, sandbox: Sandbox) -> Outcome:
    script = HEAD + textwrap.dedent(
        """
        import matplotlib.pyplot as plt
        net = Sequential((FullLayer(3072, 300), ReluLayer(), FullLayer(300, 4), SoftMaxLayer()),
                         CrossEntropyLayer())
        plt.plot(net.fit(x_train, y_train, epochs=40, lr=0.05, batch_size=16))
        plt.show()
        """
    )
    judged = judge(script, sandbox=sandbox)
    assert judged.result.artefacts == ("better_cifar/figure-1.png",)
    return judged.result.outcome


@pytest.mark.docker
def test_a_training_that_takes_too_much_memory_is_told_so(
    judge: Judge, docker_sandbox: Sandbox
) -> None:
    script = HEAD + "hoard = [np.ones(10 ** 7) for _ in range(100)]\n"
    judged = judge(script, sandbox=docker_sandbox, memory_mib=512)
    assert judged.result.outcome is Outcome.MEMORY, judged.result.feedback
