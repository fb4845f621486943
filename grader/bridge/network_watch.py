"""Watches a script's Sequentials: which were trained, how far, and what they were asked.

It runs beside the student's code, which could change all of it. What is noted here decides what is
shown and which networks are measured, never how well they do: the trusted side measures that.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import time
import weakref
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import numpy as np

from grader.bridge.loss_log import LossLog
from grader.bridge.values import AnyArray

WATCHED = ("fit", "predict", "forward", "update_param", "update_params")
MOST_KEPT = 6
"""Networks that are kept although the script has let go of them."""
PROBED = 24
"""Pixels of an image that are compared to tell whether it is one of those given."""
CLOSE = 1e-4
PAUSE = 0.5
"""Seconds between two words on progress."""

Tell = Callable[[int, float, float], None]


class NetworkRecord:
    """What was noted of one network.

    Attributes
    ----------
    fits : int
        How often it was fitted.
    trained : bool
        Whether any update was made.
    seed : int or None
        Of the data that the script had taken when it was last trained.
    score : float or None
        Fraction of the held-back slice that it got right after its last fit.
    transformed : bool
        Whether it was asked about images that are not the ones given.
    answers : list of ndarray
        What it answered since its last fit.
    losses : LossLog
        How the loss went in all of its training.
    """

    def __init__(self) -> None:
        self.fits = 0
        self.trained = False
        self.seed: int | None = None
        self.score: float | None = None
        self.transformed = False
        self.answers: list[AnyArray] = []
        self.losses = LossLog()


class Kept:
    """A network that is held on to.

    Attributes
    ----------
    network : object
        The Sequential.
    record : NetworkRecord
        What was noted of it.
    original : object or None
        The network that it is a copy of, as that was before it was fitted again.
    """

    def __init__(self, network: Any, record: NetworkRecord, original: Any = None) -> None:
        self.network = network
        self.record = record
        self.original = original


class NetworkWatch:
    """Notes what happens to the objects of one class and its subclasses.

    Parameters
    ----------
    tell : callable
        Told of progress: the number of the fit, epochs done, epochs in all (0 if unknown).
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        # By identity: a student's class may compare and hash as it likes.
        self._records: dict[int, tuple[weakref.ref[Any], NetworkRecord]] = {}
        self._kept: list[Kept] = []
        self._wrapped: set[type] = set()
        self._base: type = object
        self._busy = 0
        self._fit: _Fit | None = None
        self._fits = 0
        self._seed: int | None = None
        self._rows_given = 0
        self._loss: tuple[int, Any] | None = None
        self._slice: tuple[AnyArray, AnyArray] | None = None
        self._probes = np.zeros((0, PROBED))
        self._places = np.zeros(0, int)

    def take_data(
        self, seed: int, x_train: AnyArray, x_slice: AnyArray, y_slice: AnyArray | None
    ) -> None:
        """Note the data that the script was given."""
        self._seed = seed
        self._rows_given = len(x_train)
        self._slice = None
        if y_slice is not None:
            self._slice = (x_slice, y_slice if y_slice.ndim == 1 else y_slice.argmax(axis=1))
        self._places = np.linspace(0, x_train.shape[1] - 1, PROBED).astype(int)
        both = np.concatenate([x_train[:, self._places], x_slice[:, self._places]])
        # Of several draws, all count: a script may go back to the first.
        self._probes = np.concatenate([self._probes, both])

    def watch(self, base: type) -> None:
        """Watch the class and every subclass that is made."""
        self._base = base
        original: Any = base.__new__
        watch = self

        def make(cls: type, *args: Any, **kwargs: Any) -> Any:
            plain = original is object.__new__
            made = original(cls) if plain else original(cls, *args, **kwargs)
            if not watch._busy:
                watch._wrap_all(cls)
                with contextlib.suppress(TypeError):
                    watch._records[id(made)] = (weakref.ref(made), NetworkRecord())
            return made

        base.__new__ = staticmethod(make)  # type: ignore[assignment]

    def watch_loss(self, loss: type) -> None:
        """Note what passes through a loss: rows, to tell epochs by, and what comes out."""
        forward = loss.__dict__.get("forward")
        if not isinstance(forward, FunctionType):
            return
        watch = self

        @functools.wraps(forward)
        def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
            rows = _rows(args[0]) if args else 0
            if watch._fit is not None:
                watch._count(watch._fit, rows)
            value = forward(self, *args, **kwargs)
            if watch._fit is not None:
                watch._fit.losses.note(rows, value)
            else:
                watch._loss = (rows, value)
            return value

        loss.forward = counted  # type: ignore[attr-defined]

    def networks(self) -> list[Kept]:
        """Return the trained networks, or all where none was seen being trained."""
        found = [*self._kept]
        for reference, record in self._records.values():
            network = reference()
            if network is not None and all(network is not kept.network for kept in found):
                found.append(Kept(network, record))
        return [kept for kept in found if kept.record.trained] or found

    @contextlib.contextmanager
    def unwatched(self) -> Iterator[None]:
        """Do something with a network that is not of the script's doing."""
        self._busy += 1
        state = np.random.get_state()
        try:
            yield
        finally:
            np.random.set_state(state)
            self._busy -= 1

    def score(self, network: Any) -> float | None:
        """Return the fraction of the held-back slice that a network gets right, if it answers."""
        if self._slice is None:
            return None
        x, y = self._slice
        with self.unwatched(), np.errstate(all="ignore"):
            try:
                said = np.asarray(network.predict(x))
            except Exception:
                return None
        said = said.argmax(axis=1) if said.ndim == 2 and said.shape[1] > 1 else said.ravel()
        return float(np.mean(said == y)) if said.shape == y.shape else None

    # The wrapped methods --------------------------------------------------------------------

    def _wrap_all(self, cls: type) -> None:
        for each in cls.__mro__:
            if issubclass(each, self._base) and each not in self._wrapped:
                self._wrapped.add(each)
                for name in WATCHED:
                    method = each.__dict__.get(name)
                    if isinstance(method, FunctionType):
                        setattr(each, name, self._wrapper(name, method))

    def _wrapper(self, name: str, method: FunctionType) -> Callable[..., Any]:
        watch = self

        @functools.wraps(method)
        def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
            if watch._busy:
                return method(self, *args, **kwargs)
            record = watch._record(self)
            if name == "fit":
                return watch._watch_fit(self, record, method, args, kwargs)
            if name.startswith("update"):
                record.trained, record.seed = True, watch._seed
                watch._note_step(record)
                return method(self, *args, **kwargs)
            watch._busy += 1
            try:
                answer = method(self, *args, **kwargs)
            finally:
                watch._busy -= 1
            # With a target, it is training and not a question.
            if len(args) + len(kwargs) == 1:
                watch._note_question(record, [*args, *kwargs.values()][0], answer)
            return answer

        return wrapped

    def _watch_fit(
        self,
        network: Any,
        record: NetworkRecord,
        fit: FunctionType,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        self._keep_if_best(network, record)
        self._fits += 1
        self._fit = _Fit.of(self._fits, record.losses, fit, network, args, kwargs)
        record.losses.pass_rows = self._fit.rows or self._rows_given
        self._say(self._fit)
        record.answers.clear()
        self._busy += 1
        try:
            return fit(network, *args, **kwargs)
        finally:
            self._busy -= 1
            record.fits += 1
            record.trained, record.seed = True, self._seed
            self._fit = None
            record.score = self.score(network)
            self._keep(network, record)

    def _record(self, network: Any) -> NetworkRecord:
        reference, record = self._records.get(id(network), (None, None))
        if record is None or reference is None or reference() is not network:
            return NetworkRecord()
        return record

    def _keep(self, network: Any, record: NetworkRecord) -> None:
        """Hold on to a fitted network, unless there are better ones enough."""
        if all(network is not kept.network for kept in self._kept):
            self._kept.insert(0, Kept(network, record))
        self._kept.sort(key=lambda kept: -(kept.record.score or 0.0))
        del self._kept[MOST_KEPT:]

    def _keep_if_best(self, network: Any, record: NetworkRecord) -> None:
        """Copy a network that is about to be fitted again, if none did better so far.

        Scripts try learning rates on one and the same network; the last may be the worst.
        """
        best = max((kept.record.score or 0.0 for kept in self._kept), default=0.0)
        if not record.fits or record.score is None or record.score < best:
            return
        with self.unwatched():
            try:
                twin, note = copy.deepcopy(network), copy.copy(record)
            except Exception:
                return
        note.answers, note.losses = [], copy.deepcopy(record.losses)
        self._kept = [kept for kept in self._kept if kept.original is not network]
        self._kept.append(Kept(twin, note, network))

    # Questions and progress -----------------------------------------------------------------

    def _note_question(self, record: NetworkRecord, x: Any, answer: Any) -> None:
        with contextlib.suppress(Exception):
            record.answers.append(np.array(answer))
            del record.answers[:-64]
            if not self._is_given(np.asarray(x)):
                record.transformed = True

    def _note_step(self, record: NetworkRecord) -> None:
        """Take the last loss for that of a step that a script makes without `fit`."""
        if self._loss is not None:
            record.losses.pass_rows = record.losses.pass_rows or self._rows_given
            record.losses.note(*self._loss)
            self._loss = None

    def _is_given(self, x: AnyArray) -> bool:
        """Tell whether the first and the last row are images as they were given."""
        if not len(self._probes) or not len(x):
            return True
        if x.ndim != 2 or x.shape[1] <= self._places[-1]:
            return False
        for row in (x[0], x[-1]):
            distance = np.abs(self._probes - row[self._places].astype(np.float64)).max(axis=1)
            if not distance.min() < CLOSE:
                return False
        return True

    def _count(self, fit: _Fit, rows: int) -> None:
        fit.rows_seen += rows
        if time.monotonic() >= fit.next_word:
            self._say(fit)

    def _say(self, fit: _Fit) -> None:
        fit.next_word = time.monotonic() + PAUSE
        done = fit.rows_seen / fit.rows if fit.rows else 0.0
        self._tell(fit.number, done, fit.epochs)


class _Fit:
    """A fit that is running."""

    def __init__(self, number: int, losses: LossLog, rows: int, epochs: float) -> None:
        self.number = number
        self.losses = losses
        self.rows = rows
        self.epochs = epochs
        self.rows_seen = 0
        self.next_word = 0.0

    @classmethod
    def of(
        cls,
        number: int,
        losses: LossLog,
        fit: FunctionType,
        network: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> _Fit:
        rows, epochs = 0, 0.0
        with contextlib.suppress(Exception):
            bound = inspect.signature(fit).bind(network, *args, **kwargs)
            bound.apply_defaults()
            named = list(bound.arguments.values())
            rows = len(named[1])
            epochs = float(bound.arguments.get("epochs", 0))
        return cls(number, losses, rows, epochs)


def _rows(x: Any) -> int:
    shape = np.shape(x)
    return shape[0] if shape else 0
