"""Frames: what goes in comes out, and no peer can make the reader wait, crash or allocate."""

from __future__ import annotations

import itertools
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.bridge import frames
from grader.bridge.frames import HEADER, MOST_HELD, BadFrame, DeadlinePassed, Stream, StreamClosed

CAP = 1 << 16
# How long after its deadline a read or write may go on.
LATENESS = 10.0


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, Stream]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = Stream(ours, CAP)
        # So that what should have been refused fails instead of waiting for ever.
        stream.deadline = time.monotonic() + 10
        yield theirs, stream


@pytest.fixture
def in_background() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Run the peer's part in a thread; it must have ended by itself when the test has."""
    threads: list[threading.Thread] = []

    def start(work: Callable[[], object]) -> None:
        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def frame(payload: bytes) -> bytes:
    return HEADER.pack(len(payload)) + payload


@settings(max_examples=60, deadline=None)
@given(
    payloads=st.lists(st.binary(max_size=300), min_size=1, max_size=5),
    cuts=st.lists(st.integers(0, 1500), max_size=8),
)
def test_payloads_arrive_whole_and_in_order_however_the_bytes_are_split(
    payloads: list[bytes], cuts: list[int]
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = Stream(ours, CAP)
        whole = b"".join(frame(payload) for payload in payloads)
        edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
        received: list[bytes] = []
        for start, end in itertools.pairwise(edges):
            theirs.sendall(whole[start:end])
            complete = _complete_frames(whole[:end])
            while len(received) < complete:
                received.append(bytes(stream.receive()))
        assert received == payloads
        assert not stream.has_unread


def _complete_frames(data: bytes) -> int:
    count = 0
    while len(data) >= HEADER.size and len(data) >= HEADER.size + HEADER.unpack_from(data)[0]:
        data = data[HEADER.size + HEADER.unpack_from(data)[0] :]
        count += 1
    return count


def test_a_frame_larger_than_every_buffer_goes_both_ways(
    in_background: Callable[[Callable[[], object]], None],
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        near, far = Stream(ours, 1 << 24), Stream(theirs, 1 << 24)
        near.deadline = time.monotonic() + 10
        payload = bytes(range(256)) * (1 << 15)
        in_background(lambda: far.send(bytes(far.receive())))
        near.send(payload)
        assert near.receive() == payload


def test_what_is_held_goes_out_with_the_next_frame_and_before_it(
    pair: tuple[socket.socket, Stream],
) -> None:
    peer, stream = pair
    peer.setblocking(False)
    stream.hold(b"construct")
    stream.hold(b"set")
    with pytest.raises(BlockingIOError):
        peer.recv(1)
    stream.send(b"call")
    assert peer.recv(CAP) == frame(b"construct") + frame(b"set") + frame(b"call")
    stream.send(b"again")
    assert peer.recv(CAP) == frame(b"again")


def test_what_is_held_goes_out_before_the_peer_is_waited_for(
    pair: tuple[socket.socket, Stream], in_background: Callable[[Callable[[], object]], None]
) -> None:
    peer, stream = pair
    far = Stream(peer, CAP)
    in_background(lambda: far.send(bytes(far.receive())))
    stream.hold(b"answer me")
    assert bytes(stream.receive()) == b"answer me"


def test_frames_that_have_come_are_read_before_what_is_held_goes_out(
    pair: tuple[socket.socket, Stream],
) -> None:
    peer, stream = pair
    peer.sendall(frame(b"one") + frame(b"two"))
    for payload in (b"one", b"two"):
        assert bytes(stream.receive()) == payload
        stream.hold(b"reply to " + payload)
    peer.setblocking(False)
    with pytest.raises(BlockingIOError):
        peer.recv(1)
    stream.send(b"")
    assert peer.recv(CAP) == frame(b"reply to one") + frame(b"reply to two") + frame(b"")


def test_more_than_a_little_is_not_held(pair: tuple[socket.socket, Stream]) -> None:
    peer, stream = pair
    stream.hold(bytes(MOST_HELD))
    assert len(peer.recv(2 * MOST_HELD)) == HEADER.size + MOST_HELD


def test_a_payload_above_the_cap_is_not_held(pair: tuple[socket.socket, Stream]) -> None:
    _, stream = pair
    with pytest.raises(BadFrame, match="above the limit"):
        stream.hold(bytes(CAP + 1))


def test_a_payload_of_exactly_the_cap_is_taken_and_one_byte_more_is_not(
    pair: tuple[socket.socket, Stream],
) -> None:
    peer, stream = pair
    peer.sendall(frame(bytes(CAP)))
    assert len(stream.receive()) == CAP
    peer.sendall(HEADER.pack(CAP + 1))
    with pytest.raises(BadFrame, match=f"announces {CAP + 1} bytes"):
        stream.receive()


def test_a_payload_above_the_cap_is_not_sent(pair: tuple[socket.socket, Stream]) -> None:
    peer, stream = pair
    with pytest.raises(BadFrame, match="above the limit"):
        stream.send(bytes(CAP + 1))
    peer.setblocking(False)
    with pytest.raises(BlockingIOError):
        peer.recv(1)


def test_an_announced_frame_of_4_gib_allocates_nothing(
    pair: tuple[socket.socket, Stream],
) -> None:
    peer, stream = pair
    peer.sendall(HEADER.pack(2**32 - 1) + b"x" * 100)
    tracemalloc.start()
    try:
        with pytest.raises(BadFrame, match="announces 4294967295 bytes"):
            stream.receive()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # One read's buffer.
    assert peak < 1 << 20


def test_memory_is_taken_as_bytes_arrive_and_not_as_a_header_promises() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = Stream(ours, 1 << 30)
        theirs.sendall(HEADER.pack(1 << 30) + b"x" * 100)
        stream.deadline = time.monotonic() + 0.05
        tracemalloc.start()
        try:
            with pytest.raises(DeadlinePassed):
                stream.receive()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 1 << 20


@pytest.mark.parametrize("sent", [b"", b"\0", frame(b"abc")[:-1]], ids=["none", "header", "part"])
def test_a_peer_that_closes_in_the_middle_of_a_frame_is_gone(
    pair: tuple[socket.socket, Stream], sent: bytes
) -> None:
    peer, stream = pair
    peer.sendall(sent)
    peer.close()
    with pytest.raises(StreamClosed):
        stream.receive()


def test_what_a_peer_sent_before_it_closed_is_still_read(
    pair: tuple[socket.socket, Stream],
) -> None:
    peer, stream = pair
    peer.sendall(frame(b"last words"))
    peer.close()
    assert stream.has_unread
    assert bytes(stream.receive()) == b"last words"


def test_sending_to_a_closed_peer_says_that_it_is_gone(
    pair: tuple[socket.socket, Stream],
) -> None:
    peer, stream = pair
    peer.close()
    with pytest.raises(StreamClosed):
        stream.send(b"anyone there?")


def test_a_closed_stream_is_closed_for_good(pair: tuple[socket.socket, Stream]) -> None:
    _, stream = pair
    stream.close()
    stream.close()
    stream.deadline = time.monotonic() + 1
    with pytest.raises(StreamClosed):
        stream.receive()


def test_a_silent_peer_is_waited_for_until_the_deadline(
    pair: tuple[socket.socket, Stream],
) -> None:
    _, stream = pair
    started = time.monotonic()
    stream.deadline = started + 0.2
    with pytest.raises(DeadlinePassed):
        stream.receive()
    assert 0.15 < time.monotonic() - started < 0.2 + LATENESS


def test_a_deadline_that_has_passed_stops_even_what_lies_ready(
    pair: tuple[socket.socket, Stream],
) -> None:
    peer, stream = pair
    peer.sendall(frame(b"late"))
    stream.deadline = time.monotonic() - 1
    with pytest.raises(DeadlinePassed):
        stream.receive()
    with pytest.raises(DeadlinePassed):
        stream.send(b"late")


def test_a_peer_that_sends_a_byte_now_and_then_does_not_outlive_the_deadline(
    pair: tuple[socket.socket, Stream], in_background: Callable[[Callable[[], object]], None]
) -> None:
    peer, stream = pair
    stop = threading.Event()

    def dribble() -> None:
        peer.sendall(HEADER.pack(CAP))
        while not stop.wait(0.05):
            peer.sendall(b"x")

    in_background(dribble)
    started = time.monotonic()
    stream.deadline = started + 0.6
    with pytest.raises(DeadlinePassed):
        stream.receive()
    assert time.monotonic() - started < 0.6 + LATENESS
    stop.set()


def test_a_peer_that_sends_a_last_byte_just_in_time_is_not_given_all_the_time_again(
    pair: tuple[socket.socket, Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    peer, stream = pair
    when_waiting_begins = iter([100.0, 100.0])
    clock = SimpleNamespace(monotonic=lambda: next(when_waiting_begins, 159.9))
    monkeypatch.setattr(frames, "time", clock)
    stream.deadline = 160.0
    peer.sendall(b"x")
    started = time.monotonic()
    with pytest.raises(DeadlinePassed):
        stream.receive()
    assert next(when_waiting_begins, None) is None
    assert time.monotonic() - started < LATENESS


def test_a_peer_that_reads_a_little_now_and_then_does_not_outlive_the_deadline(
    in_background: Callable[[Callable[[], object]], None],
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stop = threading.Event()

        def sip() -> None:
            while not stop.wait(0.2):
                theirs.recv(1 << 15)

        in_background(sip)
        stream = Stream(ours, 1 << 24)
        started = time.monotonic()
        stream.deadline = started + 0.4
        with pytest.raises(DeadlinePassed):
            stream.send(bytes(1 << 23))
        assert time.monotonic() - started < 0.4 + LATENESS
        stop.set()


def test_a_peer_that_never_reads_is_waited_for_until_the_deadline(
    pair: tuple[socket.socket, Stream],
) -> None:
    _, stream = pair
    stream.deadline = time.monotonic() + 0.2

    def send_for_ever() -> None:
        while True:
            stream.send(bytes(CAP))

    with pytest.raises(DeadlinePassed):
        send_for_ever()


def test_a_deadline_that_is_a_moment_away_is_not_taken_for_none(
    pair: tuple[socket.socket, Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A peer can see to it that it is looked at just then; the kernel counts microseconds."""
    peer, stream = pair
    now = 100.0
    monkeypatch.setattr(frames, "time", SimpleNamespace(monotonic=lambda: now))
    stream.deadline = 110.0
    now = 110.0 - 1e-7
    rescue = threading.Timer(2.0, peer.close)
    rescue.start()
    with pytest.raises(DeadlinePassed):
        stream.receive()
    rescue.cancel()


def test_a_new_deadline_replaces_the_old_one(
    pair: tuple[socket.socket, Stream], in_background: Callable[[Callable[[], object]], None]
) -> None:
    peer, stream = pair
    stream.deadline = time.monotonic() + 0.05
    with pytest.raises(DeadlinePassed):
        stream.receive()
    stream.deadline = time.monotonic() + 60

    def answer() -> None:
        time.sleep(0.2)
        peer.sendall(frame(b"in time"))

    in_background(answer)
    assert bytes(stream.receive()) == b"in time"


@pytest.mark.parametrize("late", ["reads", "writes"])
def test_a_deadline_is_put_off_as_long_as_more_time_is_given(
    late: str,
    pair: tuple[socket.socket, Stream],
    in_background: Callable[[Callable[[], object]], None],
) -> None:
    theirs, stream = pair
    given = iter([0.05, 0.05, 0.05])
    asked = threading.Event()

    def more_time() -> float:
        seconds = next(given, 0.0)
        if not seconds:
            asked.set()
            return 10.0
        return seconds

    def answer() -> None:
        assert asked.wait(10)
        theirs.sendall(frame(b"late"))
        while len(taken) < len(large):
            taken.extend(theirs.recv(1 << 20))

    large = frame(b"x" * CAP) * (100 if late == "writes" else 0)
    taken = bytearray()
    in_background(answer)
    stream.more_time = more_time
    stream.deadline = time.monotonic() + 0.05
    for _ in range(100 if late == "writes" else 0):
        stream.send(b"x" * CAP)
    assert bytes(stream.receive()) == b"late"


def test_no_more_time_is_asked_for_before_the_deadline(
    pair: tuple[socket.socket, Stream],
) -> None:
    theirs, stream = pair
    stream.more_time = lambda: pytest.fail("asked too early")
    theirs.sendall(frame(b"in time"))
    assert bytes(stream.receive()) == b"in time"
