"""The two ends of the watch on arguments, one against the other."""

from __future__ import annotations

import gc
import weakref
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.bridge import argument_watch, protocol, values
from grader.bridge.argument_watch import ArgumentWatch
from grader.bridge.frames import BadFrame
from grader.bridge.given_arrays import GivenArrays

LAYOUTS = (
    np.zeros(3),
    np.zeros((2, 2), order="F"),
    np.zeros((2, 4))[:, ::2],
    np.zeros((0, 2)),
    np.zeros((), np.int64),
)


def received(array: values.AnyArray) -> values.AnyArray:
    """Return the array as the item process has it: a copy."""
    return values.array_from_wire(values.array_to_wire(array))


class Step(NamedTuple):
    """One call: what it brings, which of these stay, and which of all that stayed change."""

    brings: list[int]
    keeps: list[int]
    changes: list[int]
    fails: bool


steps = st.lists(
    st.builds(
        Step,
        st.lists(st.integers(0, len(LAYOUTS) - 1), max_size=3),
        st.lists(st.integers(0, 2), max_size=3),
        st.lists(st.integers(0, 60), max_size=4),
        st.booleans(),
    ),
    max_size=20,
)


@given(steps)
def test_after_each_reply_the_test_has_what_student_code_has(calls: list[Step]) -> None:
    watch, ours = ArgumentWatch(), GivenArrays()
    held: list[tuple[values.AnyArray, values.AnyArray]] = []
    for request, call in enumerate(calls):
        arrays = [received(LAYOUTS[index]) for index in call.brings]
        theirs = [received(array) for array in arrays]
        ours.add(request, arrays)
        if not call.fails:  # Else the process could not read the request.
            watch.add(request, theirs)
            held += [(arrays[i], theirs[i]) for i in call.keeps if i < len(arrays)]
        for index in call.changes:
            if held:
                _, array = held[index % len(held)]
                array += 1
        ours.write_back(watch.changes())
        ours.forget_old()
        del theirs
        for known, array in held:
            assert np.array_equal(known, array)


def test_what_student_code_does_not_keep_is_not_kept_for_it() -> None:
    watch = ArgumentWatch()
    array = np.zeros(3)
    alive = weakref.ref(array)
    watch.add(1, [array])
    del array
    gc.collect()
    assert alive() is None
    assert watch.changes() == []
    assert watch._watched == []


def test_an_array_is_told_again_only_when_it_has_changed_again() -> None:
    watch = ArgumentWatch()
    array = np.zeros(3)
    watch.add(1, [array])
    array += 1
    assert [change.request for change in watch.changes()] == [1]
    assert watch.changes() == []
    array += 1
    assert [change.index for change in watch.changes()] == [0]


def test_an_array_that_student_code_shaped_anew_is_told_as_it_was_given() -> None:
    watch, ours = ArgumentWatch(), GivenArrays()
    known, array = np.zeros((2, 3)), np.zeros((2, 3))
    ours.add(1, [known])
    watch.add(1, [array])
    array.shape = (6,)
    array[4] = 1
    ours.write_back(watch.changes())
    assert known.tolist() == [[0, 0, 0], [0, 1, 0]]
    array.dtype = np.int64  # type: ignore[misc, assignment]
    array[0] = np.float64(2).view(np.int64)
    ours.write_back(watch.changes())
    assert known.tolist() == [[2, 0, 0], [0, 1, 0]]


def test_an_array_above_the_bound_is_watched_for_its_own_call_alone() -> None:
    watch = ArgumentWatch()
    array = np.zeros(argument_watch.MOST_BYTES // 8 + 1)
    watch.add(1, [array])
    array += 1
    assert len(watch.changes()) == 1
    array += 1
    assert watch.changes() == []


@pytest.mark.parametrize("size", [1, argument_watch.MOST_BYTES // 8 // 10])
def test_what_an_honest_process_watches_is_never_forgotten_by_the_grader(size: int) -> None:
    watch, ours = ArgumentWatch(), GivenArrays()
    everything = []
    for request in range(3 * argument_watch.MOST_CALLS):
        array = np.zeros(size)
        everything.append(array)
        ours.add(request, [array.copy()])
        if request % 2:  # The process could not read the other requests.
            watch.add(request, [array])
        for one in everything:
            one += 1
        changes = watch.changes()
        ours.write_back(changes)
        ours.forget_old()
    assert 1 < len(changes) <= len(ours._given) < len(everything)


def test_a_forgotten_array_cannot_be_changed() -> None:
    ours = GivenArrays()
    first = np.zeros(1)
    ours.add(0, [first])
    for request in range(1, 4 * argument_watch.MOST_CALLS):
        ours.add(request, [np.zeros(1)])
    ours.forget_old()
    forged = protocol.Mutation(0, 0, values.array_to_wire(np.ones(1)))
    with pytest.raises(BadFrame, match="a change to an argument that there was not"):
        ours.write_back([forged])
    assert first.tolist() == [0]
