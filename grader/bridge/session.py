"""Runs a submission's cases over item processes: one process an item, a new one when it is lost."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Mapping
from typing import Protocol

import msgspec

from grader.bridge import protocol, proxy
from grader.bridge.channel import Channel
from grader.bridge.faults import ProcessLost, StudentFault, StudentRaised
from grader.bridge.foreseen import Asked, Foreseen
from grader.bridge.frames import Stream
from grader.bridge.made_up_time import MadeUpTime
from grader.errors import GraderError
from grader.model import Outcome


class ItemProcesses(Protocol):
    """Where item processes come from: a cell."""

    def start(self) -> Stream:
        """Start a fresh item process and return its connection, Hello received.

        Raises
        ------
        StudentFault
            If the student's code has made that impossible.
        """

    def delay_seconds(self) -> float:
        """Return how long the item process has waited for a processor; 0 if none can tell."""

    def end(self, *, lost: bool) -> protocol.Ended:
        """Kill the item process and all it left behind, and say how it ended.

        Parameters
        ----------
        lost : bool
            Whether its connection broke, so that the process has ended by itself or is about to.
        """


class Budget(msgspec.Struct, frozen=True):
    """Seconds in which a processor could be had, and how many processes an item may lose."""

    case_seconds: float
    item_seconds: float
    lost_processes: int


class GivenUp(StudentFault):
    """The case was not tried: earlier ones used up the item's time or processes."""

    def __init__(self, why: str, outcome: Outcome) -> None:
        super().__init__(why)
        self.outcome = outcome


class OutsideCase(GraderError):
    """A test used the student's code where no case is running."""

    def __init__(self) -> None:
        super().__init__(
            "A test used the student's code outside a case.",
            "Use it in test functions and fixtures only, not at import.",
        )


class _Item:
    """What an item's cases have used up so far; they may run in several goes."""

    def __init__(self, name: str, seconds: float, made_up: MadeUpTime) -> None:
        self.name = name
        self.made_up = made_up
        self.lost = 0
        self.alone = False
        self.given_up: GivenUp | None = None
        self.deadline = 0.0
        self._seconds_left = seconds

    def enter(self) -> None:
        """Have the item's time run."""
        self.deadline = time.monotonic() + self._seconds_left

    def is_over(self) -> bool:
        """Return whether the item's time is used up."""
        if time.monotonic() >= self.deadline:
            self.more_time()
        return time.monotonic() >= self.deadline

    def more_time(self) -> float:
        """Put the end of the item's time off by what it has lost; return the seconds."""
        seconds = self.made_up.owed()
        if seconds:
            self.deadline = max(self.deadline, time.monotonic()) + seconds
        return seconds

    def leave(self) -> None:
        """Stop the item's time."""
        self._seconds_left = self.deadline - time.monotonic()


class Session:
    """The item process that the running case talks to.

    Parameters
    ----------
    processes : ItemProcesses
        Starts and ends item processes.
    classes : mapping of str to (str, str)
        For each item, the class to import and its module.
    spellings : dict of str to list of str
        Other accepted names for methods and attributes.
    budget : Budget
        Limits of a case and of an item.
    """

    def __init__(
        self,
        processes: ItemProcesses,
        classes: Mapping[str, tuple[str, str]],
        spellings: dict[str, list[str]],
        budget: Budget,
    ) -> None:
        self._processes = processes
        self._classes = classes
        self._spellings = spellings
        self._budget = budget
        self._item: _Item | None = None
        self._items: dict[str, _Item] = {}
        self._channel: Channel | None = None
        self.output: dict[str, str] = {}

    def channel(self) -> Channel:
        """Return the running case's channel; a test that asks outside a case is at fault."""
        if self._channel is None:
            raise OutsideCase
        return self._channel

    @property
    def fault(self) -> StudentFault | None:
        """What broke the running case's channel, if anything did."""
        return self._channel.fault if self._channel is not None else None

    @property
    def learned(self) -> Asked:
        """What the running case's host objects were asked, if not all of it was foreseen."""
        return self._channel.learned if self._channel is not None else []

    def begin_case(self, item: str, seed: int, foreseen: Foreseen | None = None) -> None:
        """Make ready for a case: the item's process is there, and knows nothing of earlier cases.

        Parameters
        ----------
        item : str
        seed : int
            For the process's global generators.
        foreseen : Foreseen, optional
            What the case's host objects may be asked.

        Raises
        ------
        StudentFault
            If the student's code keeps the case from being run.
        """
        self._leave_case()
        current = self._enter(item)
        if current.given_up is None and current.is_over():
            current.given_up = GivenUp(
                f"not tried: the item's {self._budget.item_seconds:g} s were used up by earlier "
                "cases",
                Outcome.TIMEOUT,
            )
        while self._channel is None and current.given_up is None:
            self._start_process(current)
        if current.given_up is not None:
            raise current.given_up
        self.channel().begin_case(seed, self._deadline(current), foreseen)

    def _enter(self, name: str) -> _Item:
        """Go on with an item: its losses and its time are counted over all its cases."""
        if self._item is None or self._item.name != name:
            self.end_item()
            self._item = self._items.get(name) or self._new_item(name)
            self._item.enter()
        return self._item

    def _new_item(self, name: str) -> _Item:
        seconds = self._budget.item_seconds
        made_up = MadeUpTime(self._processes.delay_seconds, seconds)
        return self._items.setdefault(name, _Item(name, seconds, made_up))

    def _leave_case(self) -> None:
        """Be done with what the last case left unanswered: it failed already, by something else."""
        channel = self._channel
        if channel is None:
            return
        with contextlib.suppress(Exception):
            channel.flush()
        if channel.fault is not None:
            self.settle(channel.fault)

    def _deadline(self, item: _Item) -> float:
        return min(time.monotonic() + self._budget.case_seconds, item.deadline)

    def _start_process(self, item: _Item) -> None:
        name, module = self._classes[item.name]
        stream = self._processes.start()
        stream.more_time = item.more_time
        item.made_up.begin()
        channel = Channel(stream, self._spellings)
        proxy.attach(channel)
        self._channel = channel
        try:
            channel.prepare(name, module, item.alone, self._deadline(item) - time.monotonic())
        except StudentRaised:
            # Each case that needs the class meets the same error and fails by it.
            return
        except StudentFault as fault:
            # Importing the package killed or stopped the process. Another module may be to
            # blame, so this item's own module gets a chance without the package.
            item.alone = True
            self.settle(fault)

    def finish_case(self) -> None:
        """Wait until the case's last steps are done; raises what went wrong in them."""
        if self._channel is not None:
            self._channel.flush()

    def settle(self, fault: StudentFault) -> tuple[Outcome, str]:
        """End a case that broke its process; return the outcome and what is known of the end."""
        if self._item is None or self._channel is None or self._channel.fault is None:
            return fault.outcome, ""
        ended = self._end_process()
        outcome, how = fault.outcome, ""
        if ended.out_of_memory:
            outcome, how = Outcome.MEMORY, "killed for using too much memory"
        elif isinstance(fault, ProcessLost) and ended.signal:
            how = f"killed by {_signal_name(ended.signal)}"
        self._item.lost += 1
        if self._item.lost >= self._budget.lost_processes:
            self._item.given_up = GivenUp(
                f"not tried: {self._item.lost} processes of this item were lost before", outcome
            )
        return outcome, how

    def end_item(self) -> None:
        """End the item's process, if there is one, and keep what it printed."""
        if self._channel is not None:
            self._end_process()
        if self._item is not None:
            self._item.leave()
            self._item = None

    def _end_process(self) -> protocol.Ended:
        channel = self.channel()
        try:
            # Killed where it waits for a request: were its connection closed first, it would wake
            # up to end by itself.
            ended = self._processes.end(lost=isinstance(channel.fault, ProcessLost))
        finally:
            channel.close()
            self._channel = None
        if self._item is not None:
            name = self._item.name
            self.output[name] = self.output.get(name, "") + ended.output
        return ended


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
