"""What of a batch is for a person to decide on, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from grader.batch.review.decisions import version_of
from grader.checks.better_cifar import ITEM as TRAINING
from grader.model import Entry, Flag, ItemResult, Outcome, SubmissionStamp
from grader.overrides import Override, earlier_decisions
from grader.pipeline import REFUSED


class Wanted(StrEnum):
    """Which of a batch's items a person wants to go through."""

    WAITING = "waiting"
    DECIDED = "decided"
    PLOTS = "plots"


class Matter(msgspec.Struct, frozen=True):
    """One item of one submission.

    Attributes
    ----------
    place : tuple of int and str
        What sorts it: the item's place in the rubric, then the student's key, so that all plots
        come in a row.
    key : str
        The student's, in the batch.
    stamp : SubmissionStamp
        Whose archive it is about.
    flags : tuple of Flag
        What else a person is to look at about it.
    item : ItemResult
        As it is now.
    training : ItemResult or None
        The submission's item whose losses people hold beside its plots, if it has one.
    unread : tuple of str
        Ids of the submission's items of which nothing is known, as its archive was refused.
    version : str
        Of the decision about it.
    earlier : tuple of Override
        Decisions about the same item of other archives of the student; they do not count.
    """

    place: tuple[int, str]
    key: str
    stamp: SubmissionStamp
    flags: tuple[Flag, ...]
    item: ItemResult
    training: ItemResult | None
    unread: tuple[str, ...]
    version: str
    earlier: tuple[Override, ...]

    @property
    def waiting(self) -> bool:
        """Whether a person is still to decide."""
        return self.item.outcome is Outcome.NEEDS_REVIEW


def matters_of(entry: Entry, overrides: Sequence[Override]) -> tuple[Matter, ...]:
    """Return every item of a submission; none of one that could not be graded."""
    if entry.report is None:
        return ()
    stamp = entry.report.submission
    earlier = earlier_decisions(stamp.sha256, overrides, entry.key)
    training = next((item for item in entry.report.items if item.id == TRAINING), None)
    refused = any(flag.id == REFUSED for flag in entry.report.flags)
    unread = entry.report.left_out if refused else ()
    return tuple(
        Matter(
            place=(number, entry.key),
            key=entry.key,
            stamp=stamp,
            flags=entry.report.flags,
            item=item,
            training=training,
            unread=unread,
            version=version_of(overrides, stamp.sha256, item.id),
            earlier=tuple(one for one in earlier if one.item == item.id),
        )
        for number, item in enumerate(entry.report.items)
    )


def matters(entries: Sequence[Entry], overrides: Sequence[Override]) -> tuple[Matter, ...]:
    """Return every item of every submission, in the order in which people go through them."""
    about: dict[str, list[Override]] = {}
    for one in overrides:
        about.setdefault(one.sha256, []).append(one)
        if one.key:
            about.setdefault(one.key, []).append(one)
    found: list[Matter] = []
    for entry in entries:
        if entry.report is not None:
            of = about.get(entry.report.submission.sha256, []) + about.get(entry.key, [])
            found += matters_of(entry, of)
    return tuple(sorted(found, key=lambda one: one.place))


def wanted_of(all_of_them: Sequence[Matter], wanted: Wanted) -> tuple[Matter, ...]:
    """Return what a person wants to go through."""
    return tuple(one for one in all_of_them if _fits(one, wanted))


def neighbours(
    all_of_them: Sequence[Matter], place: tuple[int, str]
) -> tuple[Matter | None, Matter | None]:
    """Return what comes before and after a place, which need not be among them any more."""
    before = [one for one in all_of_them if one.place < place]
    after = [one for one in all_of_them if one.place > place]
    return before[-1] if before else None, after[0] if after else None


def _fits(one: Matter, wanted: Wanted) -> bool:
    match wanted:
        case Wanted.WAITING:
            return one.waiting
        case Wanted.DECIDED:
            return one.item.decision is not None
        case Wanted.PLOTS:
            return bool(one.item.artefacts) and one.item.id == Wanted.PLOTS
