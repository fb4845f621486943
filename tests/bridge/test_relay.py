"""The relay carries every byte both ways, and an end that misbehaves harms nobody but itself."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.bridge import relay
from grader.bridge.relay import CLOSE, CREDIT, DATA, HEADER, OPEN, PIECE, WINDOW, Relay

PATIENCE = 60.0


class PairLink:
    """A stream within this process that takes a few bytes at a time."""

    def __init__(self, end: socket.socket, at_once: int = PIECE) -> None:
        end.setblocking(False)
        self._end, self._at_once = end, at_once

    def reading(self) -> int:
        return self._end.fileno()

    writing = reading

    def read(self) -> bytes | None:
        try:
            return self._end.recv(self._at_once)
        except BlockingIOError:
            return None

    def write(self, data: memoryview) -> int:
        try:
            return self._end.send(data[: self._at_once])
        except BlockingIOError:
            return 0

    def close(self) -> None:
        self._end.close()


class Ends:
    """Two relays over one stream; what one opens is answered in `answered`."""

    def __init__(self, at_once: int = PIECE) -> None:
        one, other = socket.socketpair()
        self.answered: list[socket.socket] = []
        self._opening = Relay(PairLink(one, at_once))
        self._answering = Relay(PairLink(other, at_once), self._answer)
        self._threads = [
            threading.Thread(target=end.run) for end in (self._opening, self._answering)
        ]
        for thread in self._threads:
            thread.start()

    def _answer(self) -> socket.socket:
        ours, carried = socket.socketpair()
        self.answered.append(patient(ours))
        return carried

    def open(self) -> tuple[socket.socket, socket.socket]:
        """Open a connection and return its two ends, once the other is there."""
        before = len(self.answered)
        ours, carried = socket.socketpair()
        self._opening.open(carried)
        until(lambda: len(self.answered) > before)
        return patient(ours), self.answered[before]

    def open_in_vain(self) -> socket.socket:
        ours, carried = socket.socketpair()
        self._opening.open(carried)
        return patient(ours)

    def stop(self) -> None:
        for end in (self._opening, self._answering):
            end.stop()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        for connection in self.answered:
            connection.close()


def patient(connection: socket.socket) -> socket.socket:
    connection.settimeout(PATIENCE)
    return connection


def until(true: object) -> None:
    assert callable(true)
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def received(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        assert part, f"closed after {len(data)} of {count} bytes"
        data += part
    return data


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.stop()


@given(
    pieces=st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=3000)), max_size=12),
    at_once=st.sampled_from([1, 7, 1000, PIECE]),
)
@settings(max_examples=40, deadline=None)
def test_every_byte_arrives_in_order_both_ways(
    pieces: list[tuple[bool, bytes]], at_once: int
) -> None:
    ends = Ends(at_once)
    try:
        here, there = ends.open()
        for forth, piece in pieces:
            (here if forth else there).sendall(piece)
        sent = b"".join(piece for forth, piece in pieces if forth)
        sent_back = b"".join(piece for forth, piece in pieces if not forth)
        assert received(there, len(sent)) == sent
        assert received(here, len(sent_back)) == sent_back
        here.close()
    finally:
        ends.stop()


def test_more_than_a_window_passes_and_what_was_said_before_closing_arrives(ends: Ends) -> None:
    here, there = ends.open()
    data = bytes(range(256)) * (5 * WINDOW // 256)

    def speak() -> None:
        here.sendall(data)
        here.close()

    speaker = threading.Thread(target=speak)
    speaker.start()
    assert received(there, len(data)) == data
    assert there.recv(1) == b""
    speaker.join()


def test_a_connection_that_nobody_reads_holds_up_no_other(ends: Ends) -> None:
    """A stuck process of the student's must not keep the order to end it from arriving."""
    stuck, _ = ends.open()
    stuck.setblocking(False)
    full = 0
    with contextlib.suppress(BlockingIOError):
        while full < 64 << 20:
            full += stuck.send(b"x" * PIECE)
            time.sleep(0)
    here, there = ends.open()
    for _ in range(20):
        there.sendall(b"End")
        assert received(here, 3) == b"End"
        here.sendall(b"Ended")
        assert received(there, 5) == b"Ended"
    stuck.close()
    here.close()


def test_what_nobody_reads_fills_a_window_and_the_kernels_buffers_only(ends: Ends) -> None:
    stuck, _ = ends.open()
    stuck.settimeout(0.5)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < 64 << 20:
            sent += stuck.send(b"x" * PIECE)
    assert WINDOW <= sent < 3 * WINDOW
    stuck.close()


def test_connections_come_and_go(ends: Ends) -> None:
    """An item has a process, and may lose and replace it; far fewer are open at a time."""
    for number in range(4 * relay.MOST_CONNECTIONS):
        here, there = ends.open()
        (here if number % 2 else there).close()
        assert (there if number % 2 else here).recv(1) == b""
        here.close()
        there.close()


def test_the_streams_end_closes_every_connection() -> None:
    ends = Ends()
    here, there = ends.open()
    ends.stop()
    assert here.recv(1) == b""
    assert there.fileno() == -1
    late = ends.open_in_vain()
    assert late.recv(1) == b""
    late.close()
    here.close()


# An end that is not honest


class Peer:
    """The other end of a relay's stream, in a test's hands."""

    def __init__(self) -> None:
        self.stream, end = socket.socketpair()
        patient(self.stream)
        self.answered: list[socket.socket] = []
        self.refuses = False
        self._relay = Relay(PairLink(end), self._answer)
        self._thread = threading.Thread(target=self._run)
        self.raised: BaseException | None = None
        self._thread.start()

    def _run(self) -> None:
        try:
            self._relay.run()
        except BaseException as error:
            self.raised = error

    def _answer(self) -> socket.socket:
        if self.refuses:
            raise ConnectionRefusedError
        ours, carried = socket.socketpair()
        self.answered.append(ours)
        return carried

    @property
    def largest(self) -> int:
        """Bytes that the relay keeps for this peer."""
        kept = [connection.undelivered for connection in self._relay._connections.values()]
        return sum(map(len, [self._relay._received, self._relay._unsent, *kept]))

    def say(self, *messages: tuple[int, int, int, bytes]) -> None:
        with contextlib.suppress(ConnectionError):
            for kind, number, amount, payload in messages:
                self.stream.sendall(HEADER.pack(kind, number, amount) + payload)

    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def close(self) -> None:
        self.stream.close()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        assert self.raised is None
        for connection in self.answered:
            connection.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.close()


FULL_PIECE = (DATA, 1, PIECE, bytes(PIECE))

FORBIDDEN = {
    "a kind that there is not": [(7, 1, 0, b"")],
    "a longer piece than there may be": [(OPEN, 1, 0, b""), (DATA, 1, PIECE + 1, b"")],
    "a piece of 4 GiB": [(OPEN, 1, 0, b""), (DATA, 1, 2**32 - 1, b"x" * 100)],
    "data for a connection that was never opened": [(DATA, 1, 1, b"x")],
    "leave for a connection that was never opened": [(CREDIT, 9, 1, b"")],
    "the end of a connection that was never opened": [(CLOSE, 1, 0, b"")],
    "leave for more than the window": [(OPEN, 1, 0, b""), (CREDIT, 1, 1, b"")],
    "a connection opened twice": [(OPEN, 1, 0, b""), (OPEN, 1, 0, b"")],
    "a connection out of turn": [(OPEN, 2, 0, b"")],
    "connections without number": [(OPEN, n + 1, 0, b"") for n in range(100)],
    "more than the window": [(OPEN, 1, 0, b"")] + [FULL_PIECE] * (WINDOW // PIECE * 3),
}


@pytest.mark.parametrize("words", FORBIDDEN.values(), ids=FORBIDDEN)
def test_what_no_honest_end_sends_ends_the_stream(
    peer: Peer, words: list[tuple[int, int, int, bytes]]
) -> None:
    speaker = threading.Thread(target=peer.say, args=words)
    speaker.start()
    until(peer.is_over)
    speaker.join(PATIENCE)
    assert len(peer.answered) <= relay.MOST_CONNECTIONS
    for connection in peer.answered:
        connection.settimeout(PATIENCE)
        while connection.recv(PIECE):
            pass


def test_an_end_that_never_reads_cannot_fill_the_others_memory(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each refused connection is a message back that piles up."""
    monkeypatch.setattr(relay, "MOST_UNSENT", 1 << 16)
    peer.refuses = True
    largest = 0
    for number in range(1, 10**6):
        peer.say((OPEN, number, 0, b""))
        largest = max(largest, peer.largest)
        if peer.is_over():
            break
    assert peer.is_over()
    assert largest < 1 << 17


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.builds(
                lambda kind, number, data: HEADER.pack(kind, number, len(data)) + data,
                st.sampled_from([OPEN, DATA, CREDIT, CLOSE]),
                st.integers(0, 4),
                st.binary(max_size=20),
            ),
        ),
        max_size=20,
    )
)
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_carried_out_or_end_the_stream(pieces: list[bytes]) -> None:
    peer = Peer()
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            peer.stream.sendall(piece)
    assert peer.largest < 1 << 16
    peer.close()
