"""What is foreseen of a case, how it is sealed, and what proves that it was asked."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.bridge import foreseen, protocol
from grader.bridge.foreseen import Asked, Foreseen
from grader.bridge.foreseen_answers import ForeseenAnswers
from grader.bridge.sealing import FIRST_LINK, linked, sealed

NOTHING = protocol.Dict([], [])


def asked(*methods: str) -> Asked:
    """Return the questions and answers of calls of methods that answer with their own name."""
    return [
        (
            protocol.encode(protocol.HostCall(number, 0, method, [], NOTHING)),
            protocol.encode(protocol.HostReturned(number, method)),
        )
        for number, method in enumerate(methods, 1)
    ]


def known(*ways: Asked) -> Foreseen:
    case = Foreseen()
    for way in ways:
        case.learn(way)
    return case


def link_of(way: Asked) -> bytes:
    link = FIRST_LINK
    for question, _ in way:
        link, _, _ = linked(link, question)
    return link


WAY = asked("forward", "backward", "update_param")


@given(st.binary(min_size=32, max_size=32), st.binary(), st.binary(max_size=2000))
def test_what_is_sealed_is_opened_by_its_own_question_and_no_other(
    before: bytes, question: bytes, answer: bytes
) -> None:
    link, tag, key = linked(before, question)
    assert sealed(key, sealed(key, answer)) == answer
    another = bytes([before[0] ^ 1, *before[1:]])
    for other in (linked(before, question + b"\0"), linked(another, question)):
        assert not {link, tag, key} & set(other)
        assert len(answer) < 8 or sealed(other[2], sealed(key, answer)) != answer


def test_nothing_of_questions_and_answers_is_to_be_read_on_the_wire() -> None:
    secret = "a-very-long-secret-of-the-test" * 3
    case = known(asked("forward", secret, "backward"))
    assert b"secret" not in bytes(case.on_wire)
    assert b"forward" not in bytes(case.on_wire)
    link, _, _ = linked(FIRST_LINK, WAY[0][0])
    assert link not in bytes(case.on_wire)


def test_the_order_on_the_wire_tells_nothing() -> None:
    tags = list(msgspec.msgpack.decode(known(WAY).on_wire, type=dict[bytes, bytes]))
    assert tags == sorted(tags)


def test_answers_open_in_the_order_of_the_questions_alone() -> None:
    answers = ForeseenAnswers()
    answers.begin(known(WAY).on_wire)
    assert [answers.open(question) for question, _ in WAY] == [
        protocol.HostReturned(number, method)
        for number, method in enumerate(("forward", "backward", "update_param"), 1)
    ]
    assert answers.news() == protocol.Foresaw(3, link_of(WAY))
    assert answers.news() is None
    answers.begin(known(WAY).on_wire)
    assert answers.open(WAY[1][0]) is None
    assert answers.open(WAY[0][0]) is None, "the first question is not the first any more"
    assert answers.news() is None


def test_ways_that_part_are_both_foreseen() -> None:
    other = asked("forward", "update_param")
    case = known(WAY, other)
    for way in (WAY, other):
        answers = ForeseenAnswers()
        answers.begin(case.on_wire)
        assert None not in [answers.open(question) for question, _ in way]


def test_steps_lead_from_one_link_to_another() -> None:
    case = known(WAY)
    assert [step.on_wire for step in case.steps(FIRST_LINK, link_of(WAY), 3) or ()] == [
        question for question, _ in WAY
    ]
    assert [step.answer for step in case.steps(link_of(WAY[:1]), link_of(WAY), 2) or ()] == [
        answer for _, answer in WAY[1:]
    ]


@pytest.mark.parametrize(
    ("until", "count"),
    [
        (link_of(WAY), 2),
        (link_of(WAY), 4),
        (link_of(WAY), 0),
        (link_of(WAY), -1),
        (link_of(WAY), 1 << 62),
        (link_of(WAY[:2]), 3),
        (link_of([*WAY, *WAY]), 6),
        (bytes(32), 1),
        (b"", 1),
        (linked(FIRST_LINK, WAY[0][0])[1], 1),
    ],
)
def test_what_proves_too_little_leads_nowhere(until: bytes, count: int) -> None:
    assert known(WAY).steps(FIRST_LINK, until, count) is None


def test_as_much_is_foreseen_as_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = [asked(f"forward{number}") for number in range(foreseen.MOST_WAYS + 1)]
    case = known(*ways)
    assert case.steps(FIRST_LINK, link_of(ways[-2]), 1) is not None
    assert case.steps(FIRST_LINK, link_of(ways[-1]), 1) is None
    monkeypatch.setattr(foreseen, "MOST_BYTES", sum(map(len, WAY[0])))
    assert bytes(known(WAY).on_wire) == bytes(protocol.NOTHING_SEALED)
    assert bytes(known(WAY[:1]).on_wire) != bytes(protocol.NOTHING_SEALED)
