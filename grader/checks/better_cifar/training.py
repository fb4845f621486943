"""One training of better_cifar.py in a sandbox of its own, and what its networks are worth."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from grader.baseline.measure import baseline_widths
from grader.bridge.faults import BrokenProtocol, StudentFault, StudentRaised
from grader.bridge.made_up_time import MadeUpTime
from grader.bridge.service_client import ServiceClient
from grader.checks.better_cifar.desk import REACH, Desk, TestImages
from grader.checks.better_cifar.measuring import Described, Way, answered, predicted
from grader.dataset.split import Split
from grader.lab import BaselineSettings, Lab
from grader.model import Outcome
from grader.picture import as_png
from grader.sandbox.cell import Cell

QUESTION_SECONDS = 30.0
GRACE_SECONDS = 30.0
"""For a script that is told to end, and for networks that go on a moment."""
MOST_NETWORKS = 12
MOST_FIGURES = 12
LARGEST_PICTURE = 3 * 2000 * 2000
GIVEN_LAYERS = ("FullLayer", "ReluLayer", "FullLayer", "SoftMaxLayer")


class Ending(StrEnum):
    """How the script ended."""

    FINISHED = "finished"
    RAISED = "raised"
    CPU = "cpu"
    WALL = "wall"
    LOST = "lost"


class Measured(msgspec.Struct, frozen=True):
    """A trained network, and which test images it gets right.

    Attributes
    ----------
    described : Described
        What the sandbox says of it.
    seed : int
        Of the data that it was measured on.
    way : Way or None
        How its answers were had; None if it gave none.
    correct : bytes
        One byte a test image, 1 where it is right; empty if it gave no answers.
    given : bool
        Whether it has the given network's own layers and widths.
    """

    described: Described
    seed: int
    way: Way | None
    correct: bytes = b""
    given: bool = False

    @property
    def hits(self) -> npt.NDArray[np.float64]:
        """The test images, 1.0 where the network is right."""
        return np.frombuffer(self.correct, np.uint8).astype(np.float64)

    @property
    def accuracy(self) -> float | None:
        """Fraction of the test images that it gets right."""
        return float(self.hits.mean()) if self.correct else None


class Training(msgspec.Struct, frozen=True):
    """What came of one run of the script: plain data, which can be kept and sent.

    Attributes
    ----------
    ending : Ending
        How it ended.
    outcome : Outcome
        What that is as an outcome, were nothing else known.
    said : str
        What went wrong, for the student; empty if nothing did.
    networks : tuple of Measured
        The trained networks.
    seeds : tuple of int
        The seeds whose data the script took.
    cpu_seconds, wall_seconds : float
        What the script used.
    output : str
        What it printed.
    shown : TestImages
        What it got as its test set.
    figures : tuple of bytes
        What it drew, as PNG files.
    """

    ending: Ending
    outcome: Outcome
    said: str
    networks: tuple[Measured, ...]
    seeds: tuple[int, ...]
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    output: str = ""
    shown: TestImages = TestImages.SLICE
    figures: tuple[bytes, ...] = ()

    @property
    def best(self) -> Measured | None:
        """The network to compare: of the student's own the most accurate, else the given one."""
        known = [network for network in self.networks if network.accuracy is not None]
        own = [network for network in known if not network.given]
        return max(own or known, key=lambda network: network.accuracy or 0.0, default=None)

    @property
    def transformed(self) -> bool:
        """Whether a network was asked about inputs that are not the ones given."""
        return any(network.described.transformed for network in self.networks)


class _Run(msgspec.Struct, frozen=True):
    stopped: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0


def train(cell: Cell, lab: Lab, desk: Desk, shown: TestImages) -> Training:
    """Run the script and measure what it trained.

    Parameters
    ----------
    cell : Cell
        Live, with the submission's files.
    lab : Lab
        For the limits.
    desk : Desk
        What the script asks for its data.
    shown : TestImages
        What the desk hands out as test images.

    Raises
    ------
    GraderError
        If the sandbox or the data fail.
    """
    return _Trainer(cell, lab, desk, shown).train()


class _Trainer:
    def __init__(self, cell: Cell, lab: Lab, desk: Desk, shown: TestImages) -> None:
        self._cell = cell
        self._lab = lab
        self._desk = desk
        self._shown = shown
        self._ran = _Run()
        self._ending = Ending.FINISHED
        self._outcome = Outcome.FAILED
        self._said = ""
        self._networks: list[Measured] = []
        self._figures: tuple[bytes, ...] = ()
        self._made_up = MadeUpTime(cell.delay_seconds, lab.training.wall_seconds)
        self._deadline = 0.0

    def train(self) -> Training:
        client: ServiceClient | None = None
        try:
            stream = self._cell.start("training")
            stream.more_time = self._more_time
            self._made_up.begin()
            seconds = self._lab.limits.start_seconds
            client = ServiceClient(stream, "training", REACH, seconds, self._desk)
            self._run_script(client)
            self._measure(client)
            self._figures = _pictures(client.call("figures", seconds=QUESTION_SECONDS))
        except StudentFault as fault:
            # What was measured before the process was lost stays measured.
            self._ending, self._outcome, self._said = Ending.LOST, fault.outcome, str(fault)
        finally:
            if client is not None:
                client.close()
            ended = self._cell.end()
        if self._ending is Ending.LOST and ended.out_of_memory:
            self._outcome = Outcome.MEMORY
            self._said = f"it used more than {self._lab.training.memory_mib} MiB of memory"
        return Training(
            ending=self._ending,
            outcome=self._outcome,
            said=self._said,
            networks=tuple(self._networks),
            seeds=tuple(self._desk.splits),
            cpu_seconds=self._ran.cpu_seconds,
            wall_seconds=self._ran.wall_seconds,
            output=ended.output,
            shown=self._shown,
            figures=self._figures,
        )

    def _run_script(self, client: ServiceClient) -> None:
        limits = self._lab.training
        try:
            answer = client.call(
                "run",
                limits.cpu_seconds,
                limits.wall_seconds,
                seconds=limits.wall_seconds + GRACE_SECONDS,
            )
        except StudentRaised as error:
            self._ending, self._said = Ending.RAISED, str(error)
            return
        self._ran = _converted(answer, _Run)
        if self._ran.stopped:
            cpu = self._ran.stopped == "cpu"
            self._ending = Ending.CPU if cpu else Ending.WALL
            self._outcome = Outcome.TIMEOUT
            self._said = (
                f"it was stopped after {limits.cpu_seconds:g} s of computing"
                if cpu
                else f"it was stopped after {limits.wall_seconds:g} s"
            )

    def _measure(self, client: ServiceClient) -> None:
        """Measure the networks, the most promising first, as long as there is time for it."""
        self._deadline = time.monotonic() + self._lab.training.measure_seconds
        found = _converted(client.call("networks", seconds=QUESTION_SECONDS), list[Described])
        order = sorted(range(len(found)), key=lambda n: -(found[n].score or 0.0))
        for number in order[:MOST_NETWORKS]:
            network = found[number]
            split = self._split(network)
            if split is None or self._is_over():
                self._networks.append(Measured(network, network.seed or 0, None))
                continue
            asked_itself = network.transformed and self._shown is TestImages.REAL
            how = answered if asked_itself else predicted
            got = how(client, number, network, split, QUESTION_SECONDS)
            seed = self._seed(network)
            if got is None or len(got[1]) != len(split.test_y):
                self._networks.append(Measured(network, seed, None))
                continue
            correct = (got[1] == split.test_y).astype(np.uint8).tobytes()
            given = is_given(network, split, self._lab.baseline)
            self._networks.append(Measured(network, seed, got[0], correct, given))

    def _is_over(self) -> bool:
        """Return whether the time for measuring is used up."""
        if time.monotonic() > self._deadline:
            self._more_time()
        return time.monotonic() > self._deadline

    def _more_time(self) -> float:
        """Put the end of the measuring off by what was lost; return the seconds."""
        seconds = self._made_up.owed()
        if seconds:
            self._deadline = max(self._deadline, time.monotonic()) + seconds
        return seconds

    def _seed(self, network: Described) -> int:
        """Return the seed that a network says it was trained with, if it was handed out."""
        seeds = list(self._desk.splits)
        return network.seed if network.seed in self._desk.splits else seeds[-1]

    def _split(self, network: Described) -> Split | None:
        return self._desk.splits[self._seed(network)] if self._desk.splits else None


def is_given(network: Described, split: Split, settings: BaselineSettings) -> bool:
    """Tell whether a network has the given network's own shape."""
    names = [name for name, _ in network.layers]
    return network.widths == baseline_widths(split, settings) and len(names) <= len(GIVEN_LAYERS)


_T = TypeVar("_T")


def _converted(answer: object, kind: type[_T]) -> _T:
    """Check what the sandbox said of itself."""
    try:
        return msgspec.convert(answer, kind)
    except msgspec.ValidationError as error:
        raise BrokenProtocol(
            f"the process that ran your code sent something unexpected ({error})"
        ) from None


def _pictures(answer: object) -> tuple[bytes, ...]:
    """Encode what can be shown as a picture."""
    found = answer if isinstance(answer, list | tuple) else []
    return tuple(
        as_png(each)
        for each in found[:MOST_FIGURES]
        if isinstance(each, np.ndarray)
        and each.dtype == np.uint8
        and each.ndim == 3
        and each.shape[2] == 3
        and 0 < each.size <= LARGEST_PICTURE
    )
