"""What is observed: which cases of an implementation under which seeds, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from grader.model import Suite

SUITES = (Suite.PUBLIC, Suite.HIDDEN)


class Observation(msgspec.Struct, frozen=True, array_like=True):
    """One case, run once.

    Attributes
    ----------
    case : str
        The case's id, after its suite, such as `hidden:softmax/large-logits[wide]`.
    item : str
        Its rubric item.
    seed : int
        The grading seed.
    passed : bool
        Whether it passed.
    seconds : float
        Wall time of setup, call and teardown.
    margin : float or None
        Largest error as a fraction of its tolerance, where the case compares numbers.
    place : str
        Where the test is: file and line, relative to the project.
    said : str
        The line of its failure that says most; empty if it passed.
    diagnosis : str
        The sentence that names the mistake behind the failure, as students read it; empty if none
        does.
    """

    case: str
    item: str
    seed: int
    passed: bool
    seconds: float
    margin: float | None
    place: str
    said: str
    diagnosis: str


class Stops(StrEnum):
    """When a job leaves cases out that it was to run."""

    NEVER = "never"
    AT_FAILURE = "at failure"
    """The first case that fails ends the job."""

    AT_FAILURE_OF_SEED = "at failure of seed"
    """After the first seed, which runs whole, a hidden case that fails ends a seed of its item.

    Cases that failed before come first, so that a bug costs about one case a seed.
    """


class Job(msgspec.Struct, frozen=True):
    """What to observe.

    Attributes
    ----------
    files : mapping of str to bytes
        The implementation, by path below its root; holds the package `layers`.
    items : tuple of str
        Rubric items.
    seeds : tuple of int
        Grading seeds; under those after the first the items run one after the other, each under
        all seeds. Public cases, which have seeds of their own, run once for all.
    stops : Stops
        When to leave cases out.
    later_items : tuple of str or None
        The items to run under seeds after the first; None for all of `items`.
    seed_of : mapping of str to int
        Seeds of single cases, by id, that take the place of those in `seeds`.
    """

    files: Mapping[str, bytes]
    items: tuple[str, ...]
    seeds: tuple[int, ...]
    stops: Stops = Stops.NEVER
    later_items: tuple[str, ...] | None = None
    seed_of: Mapping[str, int] = {}
