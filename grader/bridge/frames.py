"""Length-prefixed frames over a stream socket, with a cap on their size and a deadline."""

from __future__ import annotations

import select
import socket
import struct
import time

HEADER = struct.Struct(">I")
READ_SIZE = 1 << 16
MOST_HELD = 1 << 14
"""Bytes of held frames from which on they are sent."""
SHORTEST = 0.001
"""Seconds of the shortest time-out; 0 would mean none at all."""
SLACK = 0.5
"""How many seconds late the end of a deadline may be noticed."""


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
    """

    def __init__(self, connection: socket.socket, cap: int) -> None:
        connection.setblocking(True)
        self._connection = connection
        self._cap = cap
        self._pending = bytearray()
        self._held = bytearray()
        self._deadline: float | None = None
        self._patience = 0.0

    @property
    def deadline(self) -> float | None:
        """Monotonic time by which the peer must have answered; None waits for ever."""
        return self._deadline

    @deadline.setter
    def deadline(self, deadline: float | None) -> None:
        self._deadline = deadline
        self._be_patient(0.0 if deadline is None else max(deadline - time.monotonic(), SHORTEST))

    @property
    def has_unread(self) -> bool:
        """Whether bytes lie ready that no `receive` has asked for."""
        if self._pending:
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
        frame = self._framed(payload)
        if self._held:
            frame = self._take_held() + frame
        self._write(frame)

    def hold(self, payload: bytes) -> None:
        """Have one frame sent with the next one, or before the next wait for the peer.

        Each write wakes the peer; what it need not have at once can do without that.

        Raises
        ------
        BadFrame, StreamClosed, DeadlinePassed
            As `send`.
        """
        self._held += self._framed(payload)
        if len(self._held) > MOST_HELD:
            self._write(self._take_held())

    def receive(self) -> bytes | bytearray | memoryview:
        """Receive one frame's payload.

        Raises
        ------
        BadFrame
            If the header announces more than the cap.
        StreamClosed, DeadlinePassed
            If the peer is gone, or does not write before `deadline`.
        """
        pending = self._pending
        if not pending:
            data = self._read()
            if len(data) >= HEADER.size and len(data) == HEADER.size + self._length(data):
                # What one read brought is most often one frame and nothing else.
                return memoryview(data)[HEADER.size :]
            pending += data
        else:
            self._check_time()
        while len(pending) < HEADER.size:
            pending += self._read()
        end = HEADER.size + self._length(pending)
        while len(pending) < end:
            pending += self._read()
        payload = pending[HEADER.size : end]
        del pending[:end]
        return payload

    def fileno(self) -> int:
        """Return the connection's file descriptor, for selectors."""
        return self._connection.fileno()

    def close(self) -> None:
        """Close the connection; closing twice does no harm."""
        self._connection.close()

    def _framed(self, payload: bytes) -> bytes:
        if len(payload) > self._cap:
            raise BadFrame(
                f"a message of {len(payload)} bytes is above the limit of {self._cap} bytes"
            )
        return HEADER.pack(len(payload)) + payload

    def _take_held(self) -> bytes:
        held = bytes(self._held)
        self._held.clear()
        return held

    def _write(self, data: bytes) -> None:
        rest: bytes | memoryview = data
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

    def _length(self, data: bytes | bytearray) -> int:
        """Return the length that a header announces, once it is known to be allowed."""
        length: int
        (length,) = HEADER.unpack_from(data)
        if length > self._cap:
            raise BadFrame(
                f"a frame announces {length} bytes, above the limit of {self._cap} bytes"
            )
        return length

    def _read(self) -> bytes:
        """Wait for bytes and return what there is of them."""
        if self._held:
            self._write(self._take_held())
        self._check_time()
        try:
            # Looking for the answer in a loop would save being woken, and cost the core that it
            # may be computed on: there are as many runs at once as cores.
            data = self._connection.recv(READ_SIZE)
        except BlockingIOError:
            raise DeadlinePassed from None
        except OSError as error:
            raise StreamClosed(str(error)) from None
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
            raise DeadlinePassed
        if left < self._patience - SLACK:
            self._be_patient(max(left, SHORTEST))

    def _be_patient(self, seconds: float) -> None:
        # The kernel's time-out rather than Python's, which would poll before every read: one
        # more system call in each of the thousands of small messages of a run.
        self._patience = seconds
        timeval = struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
        try:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        except OSError:
            # The connection is gone; the next read or write says so.
            return
