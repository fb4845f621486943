"""Carries many connections over one stream of bytes, where no socket can be shared.

Both ends run this: the worker's, which opens connections, and the grader's, which answers them.
Each end believes nothing of the other: what is announced is capped, what is sent without leave
ends the stream, and what no one reads fills a window and no more.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Protocol

HEADER = struct.Struct(">BII")
"""Kind, connection, and a number: the bytes of DATA that follow, or those that CREDIT allows."""
OPEN, DATA, CREDIT, CLOSE = range(4)

WINDOW = 1 << 20
"""Bytes of a connection that may be under way and not delivered."""
GRANT = WINDOW // 4
"""Bytes delivered before leave is given for as many more; giving it for each costs more than it
is worth, and would let an end that never reads fill the other's memory with it."""
PIECE = 1 << 16
ENOUGH = 1 << 18
"""Bytes waiting for the stream from which on no more are taken from the connections."""
MOST_UNSENT = 1 << 21
"""Bytes waiting for the stream that only an end that never reads can bring about."""
MOST_CONNECTIONS = 16
"""An honest worker has one for its orders and one for its item's process."""


class BadStream(Exception):
    """The other end sent something that an honest one never does."""


class Link(Protocol):
    """What a relay needs of its end of the stream: nothing here ever waits."""

    def reading(self) -> int:
        """Return the descriptor to wait on for more bytes."""

    def writing(self) -> int:
        """Return the descriptor to wait on for room."""

    def read(self) -> bytes | None:
        """Return what has come; None if that is nothing yet, no bytes at the stream's end."""

    def write(self, data: memoryview) -> int:
        """Write some of it and return how much; 0 if there is no room."""

    def close(self) -> None:
        """Close the stream."""


class _Connection:
    """One connection, and what is known of the way to the other end."""

    def __init__(self, local: socket.socket) -> None:
        local.setblocking(False)
        self.local = local
        self.may_send = WINDOW
        self.may_receive = WINDOW
        self.delivered = 0
        self.undelivered = bytearray()
        self.closed_there = False
        self.deaf = False

    def interest(self, room: bool) -> int:
        """Return what to wait for."""
        events = select.POLLIN if room and self.may_send and not self.closed_there else 0
        return events | (select.POLLOUT if self.undelivered else 0)


class Relay:
    """One end of the stream.

    Parameters
    ----------
    link : Link
        The stream; the relay owns it from now on.
    answer : callable or None
        Makes the connection that an opened one leads to; None where the other end opens none.
    """

    def __init__(self, link: Link, answer: Callable[[], socket.socket] | None = None) -> None:
        self._link = link
        self._answer = answer
        self._connections: dict[int, _Connection] = {}
        self._received = bytearray()
        self._unsent = bytearray()
        self._to_open: deque[socket.socket] = deque()
        self._opened = 0
        self._stopped = False
        self._over = False
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)

    def open(self, local: socket.socket) -> None:
        """Open a connection to the other end; may be called from another thread than `run`'s.

        Once the stream has ended, it is closed at once.
        """
        self._to_open.append(local)
        self._wake()
        if self._over:
            self._close_unopened()

    def stop(self) -> None:
        """Have `run` return soon; may be called from another thread, and twice."""
        self._stopped = True
        self._wake()

    def run(self) -> None:
        """Carry bytes both ways until the stream ends, misbehaves or is stopped."""
        try:
            while not self._stopped:
                self._wait_and_carry()
        except (BadStream, OSError):
            # To those who hold connections it is as if the other end had died.
            pass
        finally:
            self._over = True
            self._link.close()
            for connection in self._connections.values():
                connection.local.close()
            self._close_unopened()
            self._woken.close()
            self._waker.close()

    def _close_unopened(self) -> None:
        # Two threads may be at it.
        with contextlib.suppress(IndexError):
            while True:
                self._to_open.popleft().close()

    def _wake(self) -> None:
        # Where there is no room, it has not even seen the last one.
        with contextlib.suppress(OSError):
            self._waker.send(b".")

    def _wait_and_carry(self) -> None:
        reading, writing = self._link.reading(), self._link.writing()
        interests = {self._woken.fileno(): select.POLLIN, reading: select.POLLIN}
        if self._unsent:
            interests[writing] = interests.get(writing, 0) | select.POLLOUT
        room = len(self._unsent) < ENOUGH
        by_descriptor = {}
        for number, connection in self._connections.items():
            events = connection.interest(room)
            # One with nothing to wait for would still report that its other side has hung up.
            if events:
                interests[connection.local.fileno()] = events
                by_descriptor[connection.local.fileno()] = number
        poll = select.poll()
        for descriptor, events in interests.items():
            poll.register(descriptor, events)
        for descriptor, _ in poll.poll():
            if descriptor == self._woken.fileno():
                self._woken.recv(PIECE)
                self._open_waiting()
            elif descriptor in by_descriptor:
                self._serve(by_descriptor[descriptor])
            elif descriptor == reading:
                self._take_in()
        self._send_off()

    def _open_waiting(self) -> None:
        while self._to_open:
            self._opened += 1
            self._connections[self._opened] = _Connection(self._to_open.popleft())
            self._announce(OPEN, self._opened)

    # From the connections to the stream

    def _serve(self, number: int) -> None:
        connection = self._connections.get(number)
        if connection is None:
            return
        if connection.undelivered:
            self._deliver(number, connection)
        if number in self._connections and connection.interest(room=True) & select.POLLIN:
            self._forward(number, connection)

    def _forward(self, number: int, connection: _Connection) -> None:
        try:
            data = connection.local.recv(min(PIECE, connection.may_send))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._announce(CLOSE, number)
            self._forget(number)
            return
        connection.may_send -= len(data)
        self._announce(DATA, number, len(data))
        self._unsent += data

    def _announce(self, kind: int, number: int, amount: int = 0) -> None:
        if len(self._unsent) > MOST_UNSENT:
            raise BadStream("the other end does not read")
        self._unsent += HEADER.pack(kind, number, amount)

    def _send_off(self) -> None:
        while self._unsent:
            with memoryview(self._unsent) as view:
                sent = self._link.write(view[:PIECE])
            if not sent:
                return
            del self._unsent[:sent]

    # From the stream to the connections

    def _take_in(self) -> None:
        data = self._link.read()
        if data is None:
            return
        if not data:
            self._stopped = True
            return
        self._received += data
        while len(self._received) >= HEADER.size:
            kind, number, amount = HEADER.unpack_from(self._received)
            length = amount if kind == DATA else 0
            if length > PIECE:
                raise BadStream(f"a piece of {length} bytes")
            if len(self._received) < HEADER.size + length:
                return
            payload = self._received[HEADER.size : HEADER.size + length]
            del self._received[: HEADER.size + length]
            self._carry_out(kind, number, amount, payload)

    def _carry_out(self, kind: int, number: int, amount: int, payload: bytearray) -> None:
        if kind == OPEN:
            self._answer_open(number)
            return
        if kind not in (DATA, CREDIT, CLOSE) or number > self._opened:
            raise BadStream(f"a message of kind {kind} for connection {number}")
        connection = self._connections.get(number)
        if connection is None or connection.closed_there:
            # It was closed here while this was under way.
            return
        if kind == DATA:
            connection.may_receive -= len(payload)
            if connection.may_receive < 0:
                raise BadStream("more than there was leave for")
            connection.undelivered += payload
        elif kind == CREDIT:
            connection.may_send += amount
            if connection.may_send > WINDOW:
                raise BadStream("leave for more than the window")
        else:
            connection.closed_there = True
        self._deliver(number, connection)

    def _answer_open(self, number: int) -> None:
        if self._answer is None or number != self._opened + 1:
            raise BadStream(f"connection {number} cannot be opened")
        self._opened = number
        if len(self._connections) >= MOST_CONNECTIONS:
            raise BadStream("too many connections")
        try:
            self._connections[number] = _Connection(self._answer())
        except OSError:
            self._announce(CLOSE, number)

    def _deliver(self, number: int, connection: _Connection) -> None:
        while connection.undelivered and not connection.deaf:
            try:
                sent = connection.local.send(connection.undelivered)
            except BlockingIOError:
                break
            except OSError:
                # Nobody reads any more; what was said before that is still read below.
                connection.deaf = True
                break
            del connection.undelivered[:sent]
            connection.delivered += sent
        if connection.deaf:
            connection.undelivered.clear()
        if connection.closed_there:
            if not connection.undelivered:
                self._forget(number)
        elif connection.delivered >= GRANT:
            connection.may_receive += connection.delivered
            self._announce(CREDIT, number, connection.delivered)
            connection.delivered = 0

    def _forget(self, number: int) -> None:
        self._connections.pop(number).local.close()
