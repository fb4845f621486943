"""The trusted end of one item process's connection: requests out, checked replies in."""

from __future__ import annotations

import os
import random
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from grader.bridge import protocol, values
from grader.bridge.faults import (
    BrokenProtocol,
    CaseTimedOut,
    ProcessLost,
    StudentFault,
    StudentRaised,
)
from grader.bridge.foreseen import Asked, Foreseen
from grader.bridge.frames import BadFrame, DeadlinePassed, Stream, StreamClosed
from grader.bridge.given_arrays import GivenArrays
from grader.bridge.host_desk import HostDesk, misled
from grader.bridge.host_registry import LAYER_REACH, HostRegistry, Reach

# Replies wait in the socket's buffer; were there no bound, both sides could wait for the other
# to read.
MOST_TOLD = 32

BREAKS = (DeadlinePassed, StreamClosed, BadFrame)
"""What can go wrong in an exchange: from then on nothing can be believed of the channel."""

_Request: TypeAlias = (
    protocol.Prepare
    | protocol.BeginCase
    | protocol.New
    | protocol.Call
    | protocol.Get
    | protocol.Set
)


class Channel:
    """Asks an item process for things, serves host objects meanwhile, believes nothing.

    Parameters
    ----------
    stream : Stream
        The connection, its Hello already received.
    spellings : dict of str to list of str
        Other names under which students may call a host object's methods.
    reach : Reach
        What student code may do with host objects.

    Attributes
    ----------
    fault : StudentFault or None
        What broke the channel; from then on every request raises it again.
    """

    def __init__(
        self, stream: Stream, spellings: dict[str, list[str]], reach: Reach = LAYER_REACH
    ) -> None:
        self._stream = stream
        self._hosts = HostRegistry(spellings, reach)
        # Numbers that student code cannot foresee, so that no reply can be sent ahead.
        self._number = partial(random.Random(os.urandom(16)).getrandbits, 62)  # noqa: S311
        self._proxy_of: Callable[[protocol.Remote], object] = _refuse
        self._handle_of: Callable[[object], protocol.Remote | None] = lambda value: None
        self._desk = HostDesk(self._hosts, self._value_of, self._wire_of)
        self._given = GivenArrays()
        self._sent = 0
        self._told: deque[int] = deque()
        self._objects_made = 0
        self.fault: StudentFault | None = None

    def use_proxies(
        self,
        proxy_of: Callable[[protocol.Remote], object],
        handle_of: Callable[[object], protocol.Remote | None],
    ) -> None:
        """Say how the student's objects are shown to tests and recognised when they come back."""
        self._proxy_of, self._handle_of = proxy_of, handle_of

    def prepare(self, name: str, module: str, alone: bool, seconds: float) -> None:
        """Have the class imported; raises what the student's code raised."""
        self._stream.deadline = time.monotonic() + seconds
        self._ask(protocol.Prepare(self._number(), name, module, alone))

    def allow_until(self, deadline: float) -> None:
        """Set the time, by the monotonic clock, until which the process may take to answer."""
        self._stream.deadline = deadline

    def begin_case(self, seed: int, deadline: float, foreseen: Foreseen | None = None) -> None:
        """Forget earlier objects and seed the process's global generators.

        Parameters
        ----------
        seed : int
        deadline : float
            Until when the case's replies are awaited, by the monotonic clock.
        foreseen : Foreseen, optional
            What the case's host objects may be asked. Given it, `learned` tells what more there is.
        """
        self._stream.deadline = deadline
        self._desk.begin_case(foreseen)
        self._given.clear()
        self._objects_made = 0
        sealed = protocol.NOTHING_SEALED if foreseen is None else foreseen.on_wire
        self._tell(protocol.BeginCase(self._number(), seed, sealed))

    @property
    def learned(self) -> Asked:
        """What the case's host objects were asked, if not all of it was foreseen."""
        return self._desk.learned

    def new(self, name: str, module: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        """Construct one of the student's objects; what goes wrong is raised later."""
        arrays: list[values.AnyArray] = []
        items, named = self._arguments(args, kwargs, arrays)
        self._objects_made += 1
        handle = self._objects_made
        self._tell(protocol.New(self._number(), handle, name, module, items, named), arrays)
        return self._proxy_of(protocol.Remote(handle, name))

    def call(self, target: int, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a method of one of the student's objects."""
        arrays: list[values.AnyArray] = []
        items, named = self._arguments(args, kwargs, arrays)
        return self._ask(protocol.Call(self._number(), target, method, items, named), arrays)

    def get(self, target: int, name: str) -> Any:
        """Read an attribute of one of the student's objects."""
        return self._ask(protocol.Get(self._number(), target, name))

    def set(self, target: int, name: str, value: object) -> None:
        """Set an attribute of one of the student's objects; what goes wrong is raised later."""
        wired = values.to_wire(value, self._wire_of)
        self._tell(protocol.Set(self._number(), target, name, wired))

    def flush(self) -> None:
        """Wait for everything that was told; raises what the student's code raised meanwhile."""
        if self._told or self.fault is not None:
            self._settle()

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def _arguments(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], arrays: list[values.AnyArray]
    ) -> tuple[list[protocol.Value], protocol.Dict]:
        items = [values.to_wire(item, self._wire_of, arrays) for item in args]
        return items, values.dict_to_wire(kwargs, self._wire_of, arrays)

    def _wire_of(self, value: object) -> protocol.Remote | protocol.Host:
        return self._handle_of(value) or self._hosts.register(value)

    def _value_of(self, wire: protocol.Remote | protocol.Host) -> object:
        if isinstance(wire, protocol.Remote):
            return self._proxy_of(wire)
        return self._hosts.find(wire.handle)

    def _tell(self, request: _Request, arrays: list[values.AnyArray] | None = None) -> None:
        """Have a request sent with the next one that is awaited, whose reply comes after its own.

        A case's many small steps (construct, set, set) then cost one wait instead of several.
        """
        if len(self._told) >= MOST_TOLD:
            self.flush()
        self._send(request, arrays)
        if self._hosts:
            # Once student code can call back, the process takes whatever it receives before the
            # answer for a request made meanwhile, so that nothing may lie ready for it.
            self.flush()

    def _ask(self, request: _Request, arrays: list[values.AnyArray] | None = None) -> Any:
        """Send a request and wait for its result."""
        self._send(request, arrays)
        return self._settle()

    def _send(self, request: _Request, arrays: list[values.AnyArray] | None) -> None:
        """Have a request sent before the next wait, and note whose changes may be told."""
        if self.fault is not None:
            raise self.fault
        if self._desk.catching_up:
            raise misled()
        self._sent += 1
        try:
            self._stream.hold(protocol.encode_or_raise(request))
        except BREAKS as error:
            raise self._broken_by(error) from None
        self._told.append(request.id)
        if arrays:
            self._given.add(request.id, arrays)

    def _settle(self) -> Any:
        """Read all awaited replies; return the last result, or raise the first error."""
        if self.fault is not None:
            raise self.fault
        failed: Exception | None = None
        result: Any = None
        try:
            while self._told:
                reply = self._receive_reply(self._told[0])
                self._told.popleft()
                if reply.mutated:
                    self._given.write_back(reply.mutated)
                if isinstance(reply, protocol.Returned):
                    if failed is None:
                        result = values.from_wire(reply.value, self._value_of)
                else:
                    failed = failed or self._error(reply)
        except BREAKS as error:
            raise self._broken_by(error) from None
        self._given.forget_old()
        if failed is not None:
            raise failed
        return result

    def _broken_by(self, error: Exception) -> StudentFault:
        """Return what broke the channel, which is its fault for good."""
        if isinstance(error, DeadlinePassed):
            self.fault = CaseTimedOut("your code did not finish in time")
        elif isinstance(error, StreamClosed):
            self.fault = ProcessLost("the process that ran your code ended before it answered")
        else:
            self.fault = BrokenProtocol(f"the process that ran your code sent {error}")
        return self.fault

    def _receive_reply(self, number: int) -> protocol.Returned | protocol.Raised:
        """Receive the reply to one request, serving host objects until it comes."""
        while True:
            payload = self._stream.receive()
            reply = protocol.decode(payload, protocol.replies)
            match reply:
                # The most frequent first, here and wherever messages are told apart.
                case protocol.Returned() | protocol.Raised():
                    if reply.id != number:
                        raise BadFrame("a reply with another request's number")
                    return reply
                case protocol.HostCall() | protocol.HostGet() | protocol.HostSet():
                    self._serve(reply, payload)
                case protocol.Foresaw():
                    self._desk.catch_up(reply)
                case _:
                    raise BadFrame(f"an unexpected {type(reply).__name__}")

    def _error(self, raised: protocol.Raised) -> Exception:
        original = self._hosts.exception(raised.host_error)
        return original if original is not None else StudentRaised(raised)

    def _serve(self, ask: protocol.Ask, on_wire: Any) -> None:
        """Carry out what student code asks of a host object, and send it the result."""
        # What the host object asks of student code meanwhile has replies of its own.
        outer, self._told = self._told, deque()
        sent, known = self._sent, len(self._hosts)
        try:
            answer = self._desk.answer(ask)
        finally:
            self._told = outer
        encoded = protocol.encode_or_raise(answer)
        # A new host object's number depends on how many the test has handed in by now.
        again = (self._sent, len(self._hosts)) == (sent, known)
        self._desk.keep(on_wire, encoded, again and isinstance(answer, protocol.HostReturned))
        self._stream.send(encoded)


def _refuse(wire: protocol.Remote) -> object:
    raise BadFrame("an object where none can be")
