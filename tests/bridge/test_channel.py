"""The channel against a peer that does what no honest item process does."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from grader.bridge import host_registry, protocol, proxy, values
from grader.bridge.channel import MOST_TOLD, Channel
from grader.bridge.faults import (
    BrokenProtocol,
    CaseTimedOut,
    ProcessLost,
    StudentRaised,
)
from grader.bridge.foreseen import Foreseen
from grader.bridge.frames import Stream, StreamClosed
from grader.bridge.sealing import FIRST_LINK, linked
from grader.errors import GraderError
from grader.model import Outcome

NOTHING = protocol.Dict([], [])


class Peer:
    """The other end of a channel, played by hand."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def take(self) -> Any:
        """Receive the next request."""
        return protocol.decode(self._stream.receive(), protocol.requests)

    def send(self, message: protocol.Wire | bytes) -> None:
        self._stream.send(message if isinstance(message, bytes) else protocol.encode(message))

    def ask(self, message: protocol.Wire) -> Any:
        """Ask something of a host object and receive the answer."""
        self.send(message)
        return self.take()

    def answer_all(self) -> None:
        """Answer whatever comes with None."""
        while True:
            self.send(protocol.Returned(self.take().id, None))

    @property
    def hears_nothing(self) -> bool:
        time.sleep(0.05)
        return not self._stream.has_unread


@pytest.fixture
def against() -> Iterator[Callable[[Callable[[Peer], object]], Channel]]:
    """Make channels to a peer that follows a script; the script's own failures fail the test."""
    threads: list[threading.Thread] = []
    channels: list[Channel] = []
    failures: list[BaseException] = []

    def make(script: Callable[[Peer], object]) -> Channel:
        ours, theirs = socket.socketpair()

        def run() -> None:
            with theirs:
                try:
                    script(Peer(Stream(theirs, 1 << 24)))
                except StreamClosed:
                    pass
                except BaseException as error:
                    failures.append(error)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        stream = Stream(ours, 1 << 20)
        stream.deadline = time.monotonic() + 60
        channel = Channel(stream, {"update_param": ["update_params"], "W_grad": ["w_grad"]})
        proxy.attach(channel)
        channels.append(channel)
        return channel

    yield make
    for channel in channels:
        channel.close()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert not failures, failures


def raised(number: int, kind: str = "ValueError", **more: Any) -> protocol.Raised:
    return protocol.Raised(number, kind, kind, "no", [], **more)


class Spy:
    """A layer of a test's that knows what it expects."""

    def __init__(self) -> None:
        self.W = np.eye(2)
        self.W_grad = np.ones(2)
        self.expected = "the expected values"
        self._secret = "a secret"
        self.rates: list[float] = []

    def forward(self, x: Any) -> Any:
        return x * 2

    def update_param(self, lr: float) -> None:
        self.rates.append(lr)

    def assert_all_was_well(self) -> str:
        return "verdict"


# Replies that are not the one awaited


def test_the_reply_to_another_request_is_refused(against: Any) -> None:
    channel = against(lambda peer: peer.send(protocol.Returned(peer.take().id ^ 1, 1.0)))
    with pytest.raises(BrokenProtocol, match="another request's number"):
        channel.get(1, "W")


def test_replies_in_another_order_than_the_requests_are_refused(against: Any) -> None:
    def script(peer: Peer) -> None:
        first, second = peer.take(), peer.take()
        peer.send(protocol.Returned(second.id, 1.0))
        peer.send(protocol.Returned(first.id, None))

    channel = against(script)
    channel.set(1, "W", 1.0)
    with pytest.raises(BrokenProtocol):
        channel.get(1, "W")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_reply_sent_before_its_request_is_refused(against: Any, number: int) -> None:
    channel = against(
        lambda peer: (peer.send(protocol.Returned(number, "all is well")), peer.answer_all())
    )
    with pytest.raises(BrokenProtocol):
        channel.get(1, "W")


def test_request_numbers_cannot_be_foreseen(against: Any) -> None:
    numbers: list[int] = []

    def script(peer: Peer) -> None:
        for _ in range(3):
            numbers.append(peer.take().id)
            peer.send(protocol.Returned(numbers[-1], None))

    for _ in range(2):
        channel = against(script)
        for _ in range(3):
            channel.get(1, "W")
    gaps = {b - a for a, b in itertools.pairwise(numbers)}
    assert len(set(numbers)) == 6
    assert len(gaps) == 5


@pytest.mark.parametrize(
    "reply",
    [
        *(b"", b"\xc1", b"garbage" * 50, b"\x80"),
        *(protocol.Hello("token"), protocol.Done(), protocol.BeginCase(1, 1)),
    ],
    ids=["empty", "reserved", "text", "empty map", "hello", "worker's", "grader's own"],
)
def test_what_is_no_reply_is_refused(against: Any, reply: bytes | protocol.Wire) -> None:
    channel = against(lambda peer: (peer.take(), peer.send(reply)))
    with pytest.raises(BrokenProtocol, match="the process that ran your code sent"):
        channel.get(1, "W")


def test_a_broken_channel_stays_broken_with_the_same_fault(against: Any) -> None:
    channel = against(lambda peer: (peer.send(b"garbage"), peer.answer_all()))
    with pytest.raises(BrokenProtocol) as first:
        channel.get(1, "W")
    for again in (
        lambda: channel.get(1, "W"),
        lambda: channel.set(1, "W", 1),
        lambda: channel.new("FullLayer", "layers.full", (), {}),
        channel.flush,
    ):
        with pytest.raises(BrokenProtocol) as later:
            again()
        assert later.value is first.value
    assert channel.fault is first.value


def test_a_peer_that_leaves_has_lost_the_process(against: Any) -> None:
    channel = against(lambda peer: peer.take())
    with pytest.raises(ProcessLost):
        channel.get(1, "W")
    assert channel.fault.outcome is Outcome.CRASHED


def test_a_result_nested_too_deep_is_refused(against: Any) -> None:
    deep: protocol.Value = None
    for _ in range(values.MAX_DEPTH + 3):
        deep = protocol.List([deep])
    channel = against(lambda peer: peer.send(protocol.Returned(peer.take().id, deep)))
    with pytest.raises(BrokenProtocol, match="nested too deep"):
        channel.get(1, "W")


# Errors that surface later than the step that caused them


def test_what_goes_wrong_in_a_constructor_surfaces_at_the_next_result(against: Any) -> None:
    def script(peer: Peer) -> None:
        peer.send(raised(peer.take().id))
        peer.send(raised(peer.take().id, "KeyError"))

    channel = against(script)
    layer = channel.new("FullLayer", "layers.full", (3, 2), {})
    with pytest.raises(StudentRaised, match="your code raised ValueError: no"):
        layer.forward(np.ones((1, 3)))
    assert channel.fault is None


def test_what_goes_wrong_in_a_last_step_surfaces_at_the_flush(against: Any) -> None:
    channel = against(lambda peer: peer.send(raised(peer.take().id)))
    channel.set(1, "W", 1.0)
    with pytest.raises(StudentRaised):
        channel.flush()
    channel.flush()


def test_many_steps_without_a_result_do_not_fill_the_buffers(against: Any) -> None:
    big = np.ones(5000)
    channel = against(Peer.answer_all)
    for _ in range(4 * MOST_TOLD):
        channel.set(1, "W", big)
    channel.flush()


def test_the_students_assertion_error_is_not_one_of_the_tests(against: Any) -> None:
    channel = against(lambda peer: peer.send(raised(peer.take().id, "AssertionError")))
    with pytest.raises(StudentRaised) as caught:
        channel.get(1, "W")
    assert not isinstance(caught.value, AssertionError)


@pytest.mark.parametrize("number", [0, 1, -1, 10**12])
def test_a_forged_host_error_number_gives_no_exception_of_ours(against: Any, number: int) -> None:
    channel = against(lambda peer: peer.send(raised(peer.take().id, host_error=number)))
    with pytest.raises(StudentRaised):
        channel.get(1, "W")


# Arguments changed in place


def change(request: int, index: int, array: values.AnyArray) -> protocol.Mutation:
    return protocol.Mutation(request, index, values.array_to_wire(array))


def changing(index: int, array: values.AnyArray) -> Callable[[Peer], None]:
    """Script a reply that tells a change of one of its own request's arrays."""

    def script(peer: Peer) -> None:
        number = peer.take().id
        peer.send(protocol.Returned(number, None, [change(number, index, array)]))

    return script


def test_what_the_student_did_to_an_argument_is_done_to_the_tests_array(against: Any) -> None:
    x, y = np.ones((2, 2)), np.ones(3)
    against(changing(1, np.zeros(3))).call(1, "forward", (x, [y]), {})
    assert x.tolist() == [[1, 1], [1, 1]]
    assert y.tolist() == [0, 0, 0]


def test_a_read_only_argument_is_left_alone(against: Any) -> None:
    x = np.ones(2)
    x.flags.writeable = False
    against(changing(0, np.zeros(2))).call(1, "forward", (x,), {})
    assert x.tolist() == [1, 1]


def test_an_argument_in_the_other_byte_order_is_changed_as_well(against: Any) -> None:
    x = np.ones(2, ">f8")
    against(changing(0, np.array([2.0, 3.0]))).call(1, "forward", (x,), {})
    assert x.tolist() == [2, 3]


def test_an_argument_of_an_earlier_call_may_change_at_any_later_reply(against: Any) -> None:
    def script(peer: Peer) -> None:
        first = peer.take().id
        peer.send(protocol.Returned(first, None))
        second = peer.take().id
        peer.send(protocol.Returned(second, None, [change(first, 0, np.zeros(2))]))
        third = peer.take().id
        error = raised(third, mutated=[change(first, 0, np.ones(2)), change(second, 0, np.ones(3))])
        peer.send(error)

    x, y = np.full(2, 5.0), np.full(3, 5.0)
    channel = against(script)
    channel.call(1, "forward", (x,), {})
    channel.call(1, "backward", (), {"y_grad": y})
    assert (x.tolist(), y.tolist()) == ([0, 0], [5, 5, 5])
    with pytest.raises(StudentRaised):
        channel.get(1, "W")
    assert (x.tolist(), y.tolist()) == ([1, 1], [1, 1, 1])


def test_false_changes_reach_what_was_given_and_nothing_else(against: Any) -> None:
    def script(peer: Peer) -> None:
        first = peer.take().id
        peer.send(protocol.Returned(first, values.array_to_wire(np.full(2, 6.0))))
        second = peer.take().id
        forged = [change(first, 0, np.full(2, 9.0)), change(second, 0, np.full(2, 8.0))]
        peer.send(protocol.Returned(second, values.array_to_wire(np.full(2, 7.0)), forged))
        third = peer.take().id
        peer.send(protocol.Returned(third, None, [change(first, 1, np.zeros(2))]))

    x, t = np.full(2, 5.0), np.full(2, 5.0)
    kept = x.copy()
    channel = against(script)
    first = channel.call(1, "forward", (x,), {})
    second = channel.call(1, "forward", (t,), {})
    assert [x[0], t[0], kept[0], first[0], second[0]] == [9, 8, 5, 6, 7]
    with pytest.raises(BrokenProtocol, match="a change to an argument that there was not"):
        channel.call(1, "backward", (), {})
    assert [kept[0], first[0], second[0]] == [5, 6, 7], "a result was taken for an argument"


@pytest.mark.parametrize(
    ("index", "array"),
    [
        *((1, np.zeros(2)), (-1, np.zeros(2)), (2**60, np.zeros(2))),
        *((0, np.zeros(3)), (0, np.zeros((2, 1))), (0, np.zeros(2, "float32"))),
    ],
    ids=["next", "negative", "far", "longer", "other shape", "other dtype"],
)
def test_a_change_to_an_argument_that_there_was_not_is_refused(
    against: Any, index: int, array: values.AnyArray
) -> None:
    x = np.ones(2)
    with pytest.raises(BrokenProtocol, match="a change to an argument"):
        against(changing(index, array)).call(1, "forward", (x,), {})
    assert x.tolist() == [1, 1]


@pytest.mark.parametrize("number", [0, 1, -1, 2**62])
def test_a_change_to_an_argument_of_a_request_that_there_was_not_is_refused(
    against: Any, number: int
) -> None:
    x = np.ones(2)
    forged = [change(number, 0, np.zeros(2))]
    channel = against(lambda peer: peer.send(protocol.Returned(peer.take().id, None, forged)))
    with pytest.raises(BrokenProtocol, match="a change to an argument that there was not"):
        channel.call(1, "forward", (x,), {})
    assert x.tolist() == [1, 1]


def test_more_changes_than_arguments_are_refused_before_any_is_read(against: Any) -> None:
    def script(peer: Peer) -> None:
        number = peer.take().id
        twice = [change(number, 0, np.zeros(2)), change(number, 0, np.ones(3))]
        peer.send(protocol.Returned(number, None, twice))

    x = np.ones(2)
    with pytest.raises(BrokenProtocol, match="more changes to arguments"):
        against(script).call(1, "forward", (x,), {})
    assert x.tolist() == [1, 1]


def test_arguments_of_an_earlier_case_are_gone(against: Any) -> None:
    def script(peer: Peer) -> None:
        first = peer.take().id
        peer.send(protocol.Returned(first, None))
        peer.send(protocol.Returned(peer.take().id, None))
        number = peer.take().id
        peer.send(protocol.Returned(number, None, [change(first, 0, np.zeros(2))]))

    x = np.ones(2)
    channel = against(script)
    channel.call(1, "forward", (x,), {})
    channel.begin_case(1, time.monotonic() + 60)
    with pytest.raises(BrokenProtocol, match="more changes to arguments"):
        channel.get(1, "W")
    assert x.tolist() == [1, 1]


# Host objects


def serving(
    against: Any, spy: object, script: Callable[[Peer], None]
) -> tuple[Channel, list[protocol.Host]]:
    """Hand a spy to a peer that then does as the script says and returns None."""
    seen: list[protocol.Host] = []

    def run(peer: Peer) -> None:
        request = peer.take()
        seen.extend(request.args)
        script(peer)
        peer.send(protocol.Returned(request.id, None))

    channel = against(run)
    channel.call(1, "fit", (spy,), {})
    return channel, seen


def test_a_host_objects_methods_and_attributes_are_served(against: Any) -> None:
    spy = Spy()

    def script(peer: Peer) -> None:
        x = values.array_to_wire(np.ones(2))
        result = peer.ask(protocol.HostCall(1, 0, "forward", [x], NOTHING))
        assert values.array_from_wire(result.value).tolist() == [2, 2]
        peer.ask(protocol.HostCall(2, 0, "update_params", [0.5], NOTHING))
        gradient = peer.ask(protocol.HostGet(3, 0, "w_grad"))
        assert values.array_from_wire(gradient.value).tolist() == [1, 1]
        peer.ask(protocol.HostSet(4, 0, "W", values.array_to_wire(np.zeros(2))))

    _, (seen,) = serving(against, spy, script)
    assert seen.methods == ["forward", "update_param", "update_params"]
    assert spy.rates == [0.5]
    assert not spy.W.any()


HIDDEN = ["expected", "_secret", "rates", "__dict__", "__class__", "__init__", "forward", "", "fit"]


@pytest.mark.parametrize("name", HIDDEN)
def test_a_host_objects_other_attributes_are_out_of_reach(against: Any, name: str) -> None:
    answers: list[Any] = []
    spy = Spy()
    before = dict(vars(spy))

    def script(peer: Peer) -> None:
        answers.append(peer.ask(protocol.HostGet(1, 0, name)))
        answers.append(peer.ask(protocol.HostSet(2, 0, name, None)))

    serving(against, spy, script)
    assert [answer.builtin for answer in answers] == ["AttributeError"] * 2
    assert all("expected values" not in answer.message for answer in answers)
    assert vars(spy) == before


@pytest.mark.parametrize(
    "name", ["assert_all_was_well", "__init__", "__getattribute__", "__reduce__", "W", "fit"]
)
def test_a_host_objects_other_methods_are_out_of_reach(against: Any, name: str) -> None:
    answers: list[Any] = []
    spy = Spy()
    spy.W[:] = 7

    def script(peer: Peer) -> None:
        answers.append(peer.ask(protocol.HostCall(1, 0, name, [], NOTHING)))

    serving(against, spy, script)
    assert isinstance(answers[0], protocol.HostRaised)
    assert answers[0].builtin == "AttributeError"
    assert np.array_equal(spy.W, np.full((2, 2), 7.0))


@pytest.mark.parametrize("target", [1, -1, 2**62])
@pytest.mark.parametrize(
    "ask",
    [
        lambda target: protocol.HostCall(1, target, "forward", [], NOTHING),
        lambda target: protocol.HostGet(1, target, "W"),
        lambda target: protocol.HostSet(1, target, "W", None),
        lambda target: protocol.HostCall(1, 0, "forward", [protocol.Host(target, [], [])], NOTHING),
    ],
    ids=["call", "get", "set", "argument"],
)
def test_a_host_object_that_there_is_not_breaks_the_protocol(
    against: Any, ask: Callable[[int], protocol.Wire], target: int
) -> None:
    with pytest.raises(BrokenProtocol, match="a host object that there is not"):
        serving(against, Spy(), lambda peer: peer.ask(ask(target)))


def test_host_objects_of_an_earlier_case_are_gone(against: Any) -> None:
    def script(peer: Peer) -> None:
        peer.send(protocol.Returned(peer.take().id, None))
        peer.send(protocol.Returned(peer.take().id, None))
        peer.take()
        peer.ask(protocol.HostGet(1, 0, "W"))

    channel = against(script)
    channel.call(1, "fit", (Spy(),), {})
    channel.begin_case(1, time.monotonic() + 60)
    with pytest.raises(BrokenProtocol, match="a host object that there is not"):
        channel.get(1, "W")


def test_an_argument_nested_too_deep_breaks_the_protocol(against: Any) -> None:
    deep: protocol.Value = None
    for _ in range(values.MAX_DEPTH + 3):
        deep = protocol.Tuple([deep])
    with pytest.raises(BrokenProtocol, match="nested too deep"):
        serving(
            against,
            Spy(),
            lambda peer: peer.ask(protocol.HostCall(1, 0, "forward", [deep], NOTHING)),
        )


def test_endless_host_calls_end_at_the_deadline(against: Any) -> None:
    def script(peer: Peer) -> None:
        peer.take()
        while True:
            peer.ask(protocol.HostGet(1, 0, "W"))

    channel = against(script)
    started = time.monotonic()
    channel._stream.deadline = started + 0.3
    with pytest.raises(CaseTimedOut):
        channel.call(1, "fit", (Spy(),), {})
    assert time.monotonic() - started < 10


def test_host_objects_without_end_break_the_protocol(
    against: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Source:
        @property
        def W(self) -> object:  # noqa: N802 - the handout's name
            return Spy()

    monkeypatch.setattr(host_registry, "LARGEST_REGISTRY", 20)

    def script(peer: Peer) -> None:
        while True:
            peer.ask(protocol.HostGet(1, 0, "W"))

    with pytest.raises(BrokenProtocol, match="more host objects than a case can need"):
        serving(against, Source(), script)


def test_a_spys_exception_comes_back_as_the_very_same_object(against: Any) -> None:
    error = LookupError("not this batch")

    class Refusing:
        def forward(self, x: object) -> None:
            raise error

    def script(peer: Peer) -> None:
        request = peer.take()
        told = peer.ask(protocol.HostCall(1, 0, "forward", [None], NOTHING))
        assert (told.builtin, told.message) == ("LookupError", "not this batch")
        peer.send(raised(request.id, "RuntimeError", host_error=told.number))

    channel = against(script)
    with pytest.raises(LookupError) as caught:
        channel.call(1, "fit", (Refusing(),), {})
    assert caught.value is error


def test_no_request_lies_ready_while_student_code_may_call_back(against: Any) -> None:
    # The process takes whatever it receives before its answer for a request made meanwhile.
    def script(peer: Peer) -> None:
        made = peer.take()
        assert peer.hears_nothing
        peer.ask(protocol.HostGet(1, 0, "W"))
        peer.send(protocol.Returned(made.id, None))
        peer.send(protocol.Returned(peer.take().id, "later"))

    channel = against(script)
    network = channel.new("Sequential", "layers.sequential", ([Spy()], Spy()), {})
    assert network.loss == "later"


def test_a_class_cannot_be_handed_over(against: Any) -> None:
    channel = against(lambda peer: None)
    layers = proxy.layers_package({"FullLayer": "layers.full"}, lambda: channel)
    with pytest.raises(GraderError, match="handed the class FullLayer to student code"):
        channel.call(1, "fit", (layers["layers"].FullLayer,), {})


# Proxies


def test_a_proxy_answers_no_special_name_from_across_the_bridge(against: Any) -> None:
    channel = against(lambda peer: pytest.fail("something was asked") if peer.take() else None)
    thing = proxy.StudentObject(channel, 1, "an object")
    for name in ("__array__", "__array_interface__", "__len__", "_private", "__eq__x"):
        with pytest.raises(AttributeError):
            getattr(thing, name)
    assert np.asarray(thing).dtype == object
    assert repr(thing) == "<an object>"
    channel.close()


def test_a_proxy_describes_its_object_without_control_characters(against: Any) -> None:
    channel = against(lambda peer: None)
    assert repr(proxy.StudentObject(channel, 1, "evil\x1b[2J\u202e")) == r"<evil\x1b[2J\u202e>"


def test_the_package_can_be_imported_in_every_way_that_tests_use(against: Any) -> None:
    channel = against(lambda peer: None)
    modules = proxy.layers_package(
        {"FullLayer": "layers.full", "ReluLayer": "layers.relu"}, lambda: channel
    )
    assert set(modules) == {"layers", "layers.full", "layers.relu"}
    assert modules["layers"].FullLayer is modules["layers.full"].FullLayer
    assert modules["layers"].full is modules["layers.full"]
    assert not hasattr(modules["layers.relu"], "FullLayer")


# What was foreseen


def foreseen(*rates: float) -> tuple[Foreseen, list[bytes]]:
    """Return a case in which a spy is updated at these rates, and the link after each."""
    case, links = Foreseen(), [FIRST_LINK]
    asked = [
        (
            protocol.encode(protocol.HostCall(number, 0, "update_param", [rate], NOTHING)),
            protocol.encode(protocol.HostReturned(number, None)),
        )
        for number, rate in enumerate(rates, 1)
    ]
    for question, _ in asked:
        links.append(linked(links[-1], question)[0])
    case.learn(asked)
    return case, links


def saying(news: protocol.Foresaw) -> Callable[[Peer], None]:
    """Script a peer that takes one request and says this."""

    def script(peer: Peer) -> None:
        peer.take()
        peer.send(news)

    return script


def begun(against: Any, script: Callable[[Peer], object], case: Foreseen, spy: Spy) -> Any:
    """Begin a case against a peer, and hand a spy over; the script answers this last call."""

    def whole(peer: Peer) -> None:
        for _ in range(2):
            peer.send(protocol.Returned(peer.take().id, None))
        script(peer)

    channel = against(whole)
    channel.begin_case(1, time.monotonic() + 60, case)
    channel.get(1, "W")
    return channel.call(1, "fit", (spy,), {})


def test_what_a_proof_says_was_asked_is_done_before_the_call_returns(against: Any) -> None:
    case, links = foreseen(0.5, 0.25, 0.125)

    def script(peer: Peer) -> None:
        number = peer.take().id
        peer.send(protocol.Foresaw(2, links[2]))
        peer.send(protocol.Returned(number, 7))

    spy = Spy()
    assert begun(against, script, case, spy) == 7
    assert spy.rates == [0.5, 0.25]


@pytest.mark.parametrize(("count", "link"), [(1, 2), (2, 1), (3, 2), (1, 0), (1 << 40, 3), (-1, 1)])
def test_a_proof_of_other_questions_breaks_the_channel(against: Any, count: int, link: int) -> None:
    case, links = foreseen(0.5, 0.25, 0.125)
    spy = Spy()
    with pytest.raises(BrokenProtocol, match="proof of questions that it has not asked"):
        begun(
            against,
            saying(protocol.Foresaw(count, links[link])),
            case,
            spy,
        )
    assert spy.rates == []


def test_nothing_counts_as_foreseen_after_a_question_that_was_not(against: Any) -> None:
    case, links = foreseen(0.5)

    def script(peer: Peer) -> None:
        peer.take()
        peer.ask(protocol.HostCall(1, 0, "update_param", [0.5], NOTHING))
        peer.send(protocol.Foresaw(1, links[1]))

    spy = Spy()
    with pytest.raises(BrokenProtocol):
        begun(against, script, case, spy)
    assert spy.rates == [0.5]


def test_a_proof_without_anything_to_foresee_breaks_the_channel(against: Any) -> None:
    _, links = foreseen(0.5)
    channel = against(saying(protocol.Foresaw(1, links[1])))
    with pytest.raises(BrokenProtocol):
        channel.get(1, "W")


def test_an_object_that_answers_otherwise_than_before_is_the_tests_fault(against: Any) -> None:
    class Moody(Spy):
        def update_param(self, lr: float) -> Any:
            return "another answer"

    case, links = foreseen(0.5)
    with pytest.raises(GraderError, match="answered the same questions otherwise"):
        begun(
            against,
            saying(protocol.Foresaw(1, links[1])),
            case,
            Moody(),
        )


def test_an_object_that_calls_back_where_it_did_not_before_is_the_tests_fault(against: Any) -> None:
    channels: list[Channel] = []

    class Asking(Spy):
        def update_param(self, lr: float) -> Any:
            channels[0].get(1, "W")

    def made(script: Callable[[Peer], object]) -> Channel:
        channels.append(against(script))
        return channels[0]

    case, links = foreseen(0.5)
    with pytest.raises(GraderError, match="answered the same questions otherwise"):
        begun(
            made,
            saying(protocol.Foresaw(1, links[1])),
            case,
            Asking(),
        )
