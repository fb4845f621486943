"""Length-prefixed frames over a stream socket, with a cap on their size and a deadline."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable

HEADER = struct.Struct(">I")
_HEADER_SIZE = HEADER.size
READ_SIZE = 1 << 16
MOST_HELD = 1 << 14
"""Bytes of held frames from which on they are sent."""
SHORTEST = 0.001
"""Seconds of the shortest time-out; 0 would mean none at all."""
SLACK = 0.5
"""How many seconds late the end of a deadline may be noticed."""
CLOSE = 1.01
"""How many times as long as asked for a wait may be, if that spares a system call."""
_NOTHING = memoryview(b"")


class BadFrame(Exception):
    """The peer sent something that the protocol does not allow."""


class StreamClosed(Exception):
    """The peer is gone: it closed the stream, exited, or was killed."""


class DeadlinePassed(Exception):
    """The peer did not read or write in time."""


class Stream:
    """One end of a connection that carries frames: four bytes of length, then the payload.

    Parameters
    ----------
    connection : socket.socket
        A connected stream socket; the stream owns it from now on.
    cap : int
        Longest payload in bytes that is accepted. A longer one is refused when its header is
        read; memory is taken as bytes arrive, never because a header promises them.

    Attributes
    ----------
    more_time : callable
        Is asked for more seconds once `deadline` has passed; 0 are none.
    """

    def __init__(self, connection: socket.socket, cap: int) -> None:
        connection.setblocking(True)
        self._connection = connection
        self._cap = cap
        # What came with the last frame, and what goes with the next.
        self._unread = _NOTHING
        self._held = b""
        self.more_time: Callable[[], float] = _no_more
        self._deadline: float | None = None
        self._patience = 0.0

    @property
    def deadline(self) -> float | None:
        """Monotonic time by which the peer must have answered; None waits for ever."""
        return self._deadline

    @deadline.setter
    def deadline(self, deadline: float | None) -> None:
        self._deadline = deadline
        if deadline is None:
            self._be_patient(0.0)
            return
        left = max(deadline - time.monotonic(), SHORTEST)
        # What the kernel knows from the last case is good enough for a like one.
        if not left <= self._patience <= left * CLOSE:
            self._be_patient(left * CLOSE)

    @property
    def has_unread(self) -> bool:
        """Whether bytes lie ready that no `receive` has asked for."""
        if self._unread:
            return True
        try:
            return bool(self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except (BlockingIOError, ConnectionError):
            return False

    def send(self, payload: bytes) -> None:
        """Send one frame.

        Raises
        ------
        BadFrame
            If the payload is above the cap.
        StreamClosed, DeadlinePassed
            If the peer is gone, or does not read before `deadline`.
        """
        self.hold(payload)
        if self._held:
            self._write_held()

    def hold(self, payload: bytes) -> None:
        """Have one frame sent with the next one, or before the next wait for the peer.

        Each write wakes the peer; what it need not have at once can do without that.

        Raises
        ------
        BadFrame, StreamClosed, DeadlinePassed
            As `send`.
        """
        if len(payload) > self._cap:
            raise BadFrame(
                f"a message of {len(payload)} bytes is above the limit of {self._cap} bytes"
            )
        self._held += HEADER.pack(len(payload)) + payload
        if len(self._held) > MOST_HELD:
            self._write_held()

    def receive(self) -> memoryview:
        """Receive one frame's payload.

        Raises
        ------
        BadFrame
            If the header announces more than the cap.
        StreamClosed, DeadlinePassed
            If the peer is gone, or does not write before `deadline`.
        """
        unread = self._unread
        if unread:
            self._check_time()
        else:
            unread = memoryview(self._read())
        if len(unread) >= _HEADER_SIZE:
            (length,) = HEADER.unpack_from(unread)
            end = _HEADER_SIZE + length
            if end <= len(unread) and length <= self._cap:
                self._unread = unread[end:]
                return unread[_HEADER_SIZE:end]
        return self._read_rest(bytearray(unread))

    def fileno(self) -> int:
        """Return the connection's file descriptor, for selectors."""
        return self._connection.fileno()

    def close(self) -> None:
        """Close the connection; closing twice does no harm."""
        self._connection.close()

    def _read_rest(self, data: bytearray) -> memoryview:
        """Read on until a whole frame is there; return its payload."""
        while len(data) < _HEADER_SIZE:
            data += self._read()
        (length,) = HEADER.unpack_from(data)
        if length > self._cap:
            raise BadFrame(
                f"a frame announces {length} bytes, above the limit of {self._cap} bytes"
            )
        end = _HEADER_SIZE + length
        while len(data) < end:
            data += self._read()
        # Copied: a few bytes that nobody asks for yet shall not keep a large frame in memory.
        self._unread = memoryview(bytes(data[end:]))
        return memoryview(data)[_HEADER_SIZE:end]

    def _write_held(self) -> None:
        rest: bytes | memoryview = self._held
        self._held = b""
        while True:
            self._check_time()
            try:
                sent = self._connection.send(rest, socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._wait_for_room()
            except OSError as error:
                raise StreamClosed(str(error)) from None
            else:
                if sent == len(rest):
                    return
                rest = memoryview(rest)[sent:]

    def _read(self) -> bytes:
        """Wait for bytes and return what there is of them."""
        if self._held:
            self._write_held()
        else:
            self._check_time()
        while True:
            try:
                # Looking for the answer in a loop would save being woken, and cost the core that it
                # may be computed on: there are as many runs at once as cores.
                data = self._connection.recv(READ_SIZE)
            except BlockingIOError:
                self._prolong()
            except OSError as error:
                raise StreamClosed(str(error)) from None
            else:
                break
        if not data:
            raise StreamClosed("the other side closed the connection")
        return data

    def _wait_for_room(self) -> None:
        """Wait until some of a frame can be written.

        A blocking write would start its time-out anew with each piece that the peer takes, and a
        peer that reads a little now and then could stretch it at will.
        """
        poll = select.poll()
        poll.register(self._connection, select.POLLOUT)
        left = None if self._deadline is None else self._deadline - time.monotonic()
        poll.poll(None if left is None else max(left, SHORTEST) * 1000)

    def _check_time(self) -> None:
        """Raise once the deadline has passed; keep the kernel's own time-out near what is left."""
        if self._deadline is None:
            return
        left = self._deadline - time.monotonic()
        if left <= 0:
            self._prolong()
        elif left < self._patience - SLACK:
            self._be_patient(max(left, SHORTEST))

    def _prolong(self) -> None:
        """Put the deadline off, or raise if there is no more time."""
        seconds = self.more_time()
        if seconds <= 0:
            raise DeadlinePassed
        self.deadline = time.monotonic() + seconds

    def _be_patient(self, seconds: float) -> None:
        """Have a read wait so long at most; 0 waits for ever."""
        # The kernel's time-out rather than Python's, which would poll before every read: one
        # more system call in each of the thousands of small messages of a run.
        self._patience = seconds
        timeval = struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
        try:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        except OSError:
            # The connection is gone; the next read or write says so.
            return


def _no_more() -> float:
    return 0.0
