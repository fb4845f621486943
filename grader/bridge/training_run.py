"""Runs better_cifar.py in the sandbox and answers for the networks that it trained."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from grader.bridge.desk_dataset import DeskDataset
from grader.bridge.headless import make_headless
from grader.bridge.network_watch import Kept, NetworkWatch
from grader.bridge.run_delay import LEAST_SECONDS, delay_seconds
from grader.bridge.values import AnyArray

SCRIPT = "better_cifar.py"
MOST_FIGURES = 12
FIGURE_WIDTH = 900
"""Pixels."""
AGAIN = 1.0
"""Seconds after which a script that swallowed its end is told again."""


class TrainingEnded(BaseException):
    """The script has used up its time."""


class TrainingRun:
    """One run of the script.

    Parameters
    ----------
    desk : object
        On the trusted side: `data(seed)` returns what `DeskDataset` needs, `progress(fit, done,
        epochs)` tells how far a fit has come.
    """

    def __init__(self, desk: Any) -> None:
        self._desk = desk
        self._root = Path.cwd()
        self._clock = _Clock()
        self._watch = NetworkWatch(self._tell)
        self._networks: list[Kept] = []
        self._main = ModuleType("__main__")

    def run(self, cpu_seconds: float, wall_seconds: float) -> dict[str, Any]:
        """Run the script to its end, or until its time is used up.

        Parameters
        ----------
        cpu_seconds, wall_seconds : float
            What it may use.

        Returns
        -------
        dict
            `stopped` (`cpu`, `wall` or an empty string), `cpu_seconds`, `wall_seconds`.

        Raises
        ------
        BaseException
            Whatever the script raised, but for SystemExit.
        """
        with contextlib.suppress(ImportError):
            importlib.import_module("matplotlib")
        make_headless()
        sys.meta_path.insert(0, DeskDataset(self._root, self._fetch, self._watch.take_data))
        self._watch_layers()
        sys.argv = [SCRIPT]
        started, cpu = time.monotonic(), time.process_time()
        stopped = ""
        try:
            with self._clock.running(cpu_seconds, wall_seconds), contextlib.suppress(SystemExit):
                self._run_script()
        except TrainingEnded as ended:
            stopped = str(ended)
        finally:
            self._networks = self._watch.networks()
        return {
            "stopped": stopped,
            "cpu_seconds": time.process_time() - cpu,
            "wall_seconds": time.monotonic() - started,
        }

    def networks(self) -> list[dict[str, Any]]:
        """Describe the trained networks, in no order.

        Returns
        -------
        list of dict
            For each its `layers`, a list of (class name, shape of W or an empty list); `fits`,
            `seed`, `score` on the held-back slice, `transformed` inputs, number of `answers`;
            `losses`, a list of (rows so far, average loss since), and the `pass_rows` of an epoch;
            `copied`, whether it is the watch's copy of one that was trained on.
        """
        return [
            {
                "layers": _layers_of(kept.network),
                "fits": kept.record.fits,
                "trained": kept.record.trained,
                "seed": kept.record.seed,
                "score": self._score(kept),
                "transformed": kept.record.transformed,
                "answers": len(kept.record.answers),
                "losses": kept.record.losses.points(),
                "pass_rows": kept.record.losses.pass_rows,
                "copied": kept.original is not None,
            }
            for kept in self._networks
        ]

    def weights(self, network: int, layer: int, start: int, stop: int) -> AnyArray:
        """Return some rows of a layer's W."""
        rows: AnyArray = np.asarray(self._layer(network, layer).W)[start:stop]
        return rows

    def biases(self, network: int, layer: int) -> AnyArray:
        """Return a layer's b."""
        return np.asarray(self._layer(network, layer).b)

    def predict(self, network: int, x: AnyArray) -> AnyArray:
        """Return what a network predicts."""
        with self._watch.unwatched(), np.errstate(all="ignore"):
            return np.asarray(self._networks[network].network.predict(x))

    def answer(self, network: int, number: int) -> AnyArray:
        """Return what a network answered the script since its last fit."""
        return self._networks[network].record.answers[number]

    def figures(self) -> list[AnyArray]:
        """Return the figures that the script left open, as uint8 arrays of (rows, columns, 3)."""
        pyplot: Any = sys.modules.get("matplotlib.pyplot")
        if pyplot is None:
            return []
        drawn = []
        for number in pyplot.get_fignums()[:MOST_FIGURES]:
            with contextlib.suppress(Exception):
                drawn.append(_pixels(pyplot.figure(number)))
        return drawn

    def _run_script(self) -> None:
        path = self._root / SCRIPT
        source = path.read_bytes()
        self._main.__file__ = str(path)
        sys.modules["__main__"] = self._main
        exec(compile(source, str(path), "exec"), vars(self._main))  # noqa: S102 - what it is for

    def _watch_layers(self) -> None:
        """Watch the student's classes; that they cannot be imported, the script will say itself."""
        with contextlib.suppress(Exception):
            importlib.import_module("layers")
        for module, name, watch in (
            ("layers.sequential", "Sequential", self._watch.watch),
            ("layers.cross_entropy", "CrossEntropyLayer", self._watch.watch_loss),
        ):
            with contextlib.suppress(Exception):
                found = getattr(sys.modules["layers"], name, None)
                watch(found or getattr(importlib.import_module(module), name))

    def _score(self, kept: Kept) -> float | None:
        if kept.record.score is None and not kept.record.transformed:
            kept.record.score = self._watch.score(kept.network)
        return kept.record.score

    def _layer(self, network: int, layer: int) -> Any:
        return list(self._networks[network].network.layers)[layer]

    def _fetch(self, seed: int) -> dict[str, Any]:
        with self._clock.held():
            given: dict[str, Any] = self._desk.data(seed)
            return given

    def _tell(self, fit: int, done: float, epochs: float) -> None:
        with self._clock.held():
            self._desk.progress(fit, done, epochs)


class _Clock:
    """Ends the script when its time is used up, but never between a question and its answer.

    What the script waits for a processor, or for an answer, is no part of its wall time.
    """

    def __init__(self) -> None:
        self._held = False
        self._over = ""
        self._answering = 0.0
        self._lost = 0.0

    @contextlib.contextmanager
    def running(self, cpu_seconds: float, wall_seconds: float) -> Iterator[None]:
        """Have the time run."""
        self._lost = self._lost_seconds()
        before = {number: signal.signal(number, self._ring) for number in _REASONS}
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds, AGAIN)
        signal.setitimer(signal.ITIMER_REAL, wall_seconds, AGAIN)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let a message and its answer pass whole."""
        self._held = True
        began = time.monotonic()
        try:
            yield
        finally:
            self._answering += time.monotonic() - began
            self._held = False
            if self._over == _REASONS[signal.SIGALRM] and self._put_off():
                self._over = ""
            if self._over:
                raise TrainingEnded(self._over)

    def _ring(self, number: int, _frame: FrameType | None) -> None:
        undecided = number == signal.SIGALRM and not self._over and not self._held
        if undecided and self._put_off():
            return
        self._over = _REASONS[signal.Signals(number)]
        if not self._held:
            raise TrainingEnded(self._over)

    def _put_off(self) -> bool:
        """Have the wall time end later by what was lost; False if that is hardly any."""
        lost = self._lost_seconds()
        seconds = lost - self._lost
        if seconds < LEAST_SECONDS:
            return False
        self._lost = lost
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
        return True

    def _lost_seconds(self) -> float:
        # In a sandbox with the worker as its first process, all other processes are the script's.
        return self._answering + delay_seconds(os.getpid(), neighbours=os.getppid() == 1)


_REASONS = {signal.SIGPROF: "cpu", signal.SIGALRM: "wall"}


def _layers_of(network: Any) -> list[tuple[str, list[int]]]:
    described = []
    with contextlib.suppress(Exception):
        for layer in list(network.layers)[:64]:
            shape = np.shape(layer.W) if hasattr(layer, "W") else ()
            described.append((type(layer).__name__[:60], [int(n) for n in shape]))
    return described


def _pixels(figure: Any) -> AnyArray:
    width = figure.get_size_inches()[0]
    figure.set_dpi(min(figure.get_dpi(), FIGURE_WIDTH / max(width, 1e-3)))
    figure.canvas.draw()
    pixels: AnyArray = np.asarray(figure.canvas.buffer_rgba())[:, :, :3]
    return np.ascontiguousarray(pixels[: 2 * FIGURE_WIDTH])
