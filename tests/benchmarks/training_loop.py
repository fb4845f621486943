"""Compares the reference's training loop with the matrix products that it cannot do without.

    python tests/benchmarks/training_loop.py [--rounds 15] [--rows 1600] [--threads 1]

The floor is numpy alone taking one epoch's products of the given network, 3072-500-4, in batches of
128, as float64, into arrays that exist already. There are two: with the product that gives the
gradient of the images, which the reference's `backward` returns, and without it, since nobody needs
it to train: scikit-learn never computes it, PyTorch only when asked.

Every contender is a process of its own with the same data and number of threads. They take turns,
an epoch each, so that a slow moment of the machine meets all of them. It prints the medians of the
CPU seconds of an epoch, the ratio to the floor that takes the same products (the median over the
rounds, each against that round's floor), and the memory that training needs at its peak beyond the
data and the network. PyTorch and scikit-learn are left out where they are not installed:
pip install -e '.[bench]'.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[2]
INPUTS, HIDDEN, CLASSES, BATCH, LR = 3072, 500, 4, 128, 0.1

Floats = npt.NDArray[np.float64]
Epoch = Callable[[], object]
Contender = Callable[[Floats, Floats], Epoch]


def products(x: Floats, y: Floats, input_gradient: bool) -> Epoch:
    """Return the floor: an epoch's products and nothing else, each into an array kept for it."""
    rng = np.random.default_rng(1)
    w1, w2 = rng.normal(size=(HIDDEN, INPUTS)), rng.normal(size=(CLASSES, HIDDEN))
    dw1, dw2 = np.empty_like(w1), np.empty_like(w2)
    z1, dz1 = np.empty((BATCH, HIDDEN)), rng.normal(size=(BATCH, HIDDEN))
    z2, dz2 = np.empty((BATCH, CLASSES)), rng.normal(size=(BATCH, CLASSES))
    da1, dx = np.empty((BATCH, HIDDEN)), np.empty((BATCH, INPUTS))

    def epoch() -> None:
        for start in range(0, len(x), BATCH):
            batch = x[start : start + BATCH]
            n = len(batch)
            np.matmul(batch, w1.T, out=z1[:n])
            np.matmul(z1[:n], w2.T, out=z2[:n])
            np.matmul(dz2[:n].T, z1[:n], out=dw2)
            np.matmul(dz2[:n], w2, out=da1[:n])
            np.matmul(dz1[:n].T, batch, out=dw1)
            if input_gradient:
                np.matmul(dz1[:n], w1, out=dx[:n])

    return epoch


def floor_with(x: Floats, y: Floats) -> Epoch:
    """Return the products with the images' gradient."""
    return products(x, y, input_gradient=True)


def floor_without(x: Floats, y: Floats) -> Epoch:
    """Return the products without the images' gradient."""
    return products(x, y, input_gradient=False)


def reference(x: Floats, y: Floats) -> Epoch:
    """Return the reference's `fit`."""
    sys.path.insert(0, str(ROOT / "reference"))
    layers: Any = importlib.import_module("layers")
    network = layers.Sequential(
        [
            layers.FullLayer(INPUTS, HIDDEN),
            layers.ReluLayer(),
            layers.FullLayer(HIDDEN, CLASSES),
            layers.SoftMaxLayer(),
        ],
        layers.CrossEntropyLayer(),
    )
    return lambda: network.fit(x, y, epochs=1, lr=LR, batch_size=BATCH)


def scikit_learn(x: Floats, y: Floats) -> Epoch:
    """Return scikit-learn's loop, without momentum, penalty and shuffling."""
    network: Any = importlib.import_module("sklearn.neural_network").MLPClassifier(
        (HIDDEN,),
        solver="sgd",
        alpha=0.0,
        momentum=0.0,
        batch_size=BATCH,
        learning_rate_init=LR,
        shuffle=False,
    )
    labels, classes = y.argmax(axis=1), np.arange(CLASSES)
    return lambda: network.partial_fit(x, labels, classes=classes)


def torch_loop(x: Floats, y: Floats, input_gradient: bool) -> Epoch:
    """Return PyTorch's loop as its tutorials write it."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    images, labels = torch.from_numpy(x), torch.from_numpy(y.argmax(axis=1))
    network = torch.nn.Sequential(
        torch.nn.Linear(INPUTS, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, CLASSES)
    ).double()
    loss = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=LR)

    def epoch() -> None:
        for start in range(0, len(x), BATCH):
            batch = images[start : start + BATCH]
            if input_gradient:
                batch = batch.detach().requires_grad_()
            optimizer.zero_grad()
            loss(network(batch), labels[start : start + BATCH]).backward()
            optimizer.step()

    return epoch


def torch_with(x: Floats, y: Floats) -> Epoch:
    """Return PyTorch's loop, the images' gradient asked for."""
    return torch_loop(x, y, input_gradient=True)


def torch_without(x: Floats, y: Floats) -> Epoch:
    """Return PyTorch's loop as it is."""
    return torch_loop(x, y, input_gradient=False)


CONTENDERS: dict[str, tuple[Contender, str]] = {
    "products, with the images' gradient": (floor_with, ""),
    "products, without": (floor_without, ""),
    "reference": (reference, "products, with the images' gradient"),
    "PyTorch, with the images' gradient": (torch_with, "products, with the images' gradient"),
    "PyTorch": (torch_without, "products, without"),
    "scikit-learn": (scikit_learn, "products, without"),
}
"""Each contender, and the floor that takes the same products."""


def contend(name: str, rows: int) -> None:
    """Be one contender: an epoch for each line of stdin, a line of JSON for each epoch."""
    rng = np.random.default_rng(1)
    x = rng.random((rows, INPUTS))
    x -= 0.5
    y = np.eye(CLASSES)[rng.integers(CLASSES, size=rows)]
    warnings.simplefilter("ignore")  # scikit-learn's remark that one epoch is few
    epoch = CONTENDERS[name][0](x, y)
    before = memory("VmRSS")
    for _ in sys.stdin:
        cpu, wall = time.process_time(), time.perf_counter()
        epoch()
        spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        print(json.dumps({**spent, "mib": memory("VmHWM") - before}), flush=True)


def memory(field: str) -> float:
    """Return a line of /proc/self/status in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"this system has no {field}")


@contextmanager
def started(name: str, rows: int, threads: int) -> Iterator[Callable[[], dict[str, float]]]:
    """Start a contender; yields what runs its next epoch."""
    pinned = {f"{library}_NUM_THREADS": str(threads) for library in ("OPENBLAS", "OMP", "MKL")}
    with subprocess.Popen(
        [sys.executable, __file__, "--contend", name, "--rows", str(rows)],
        env={**os.environ, **pinned},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def epoch() -> dict[str, float]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"{name} ended early")
            answer: dict[str, float] = json.loads(line)
            return answer

        yield epoch


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--rows", type=int, default=1600, help="training images")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--contend", choices=CONTENDERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contend:
        contend(arguments.contend, arguments.rows)
        return
    needs = {"scikit": "sklearn", "PyTorch": "torch"}
    names = [
        name
        for name in CONTENDERS
        if all(not name.startswith(n) or importlib.util.find_spec(m) for n, m in needs.items())
    ]
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(started(name, arguments.rows, arguments.threads))
            for name in names
        }
        for epoch in running.values():
            epoch()  # The first one finds its pages and its threads.
        rounds = [
            {name: epoch() for name, epoch in running.items()} for _ in range(arguments.rounds)
        ]
    print(
        f"{INPUTS}-{HIDDEN}-{CLASSES}, {arguments.rows} images, batches of {BATCH}, float64, "
        f"{arguments.threads} thread(s), {arguments.rounds} rounds"
    )
    print(f"{'':36}{'CPU s an epoch':>15}{'of its floor':>22}{'peak MiB':>10}")
    for name in names:
        cpu = statistics.median(each[name]["cpu"] for each in rounds)
        floor = CONTENDERS[name][1]
        shown = ""
        if floor:
            ratios = [each[name]["cpu"] / each[floor]["cpu"] for each in rounds]
            shown = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{name:36}{cpu:15.3f}{shown:>22}{rounds[-1][name]['mib']:10.0f}")


if __name__ == "__main__":
    main()
