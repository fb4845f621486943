"""People's decisions about a batch: each is kept at once, and nobody's is lost to another's."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

import msgspec

from grader.batch.folder.batch_folder import BatchFolder
from grader.errors import ConfigurationError, GraderError
from grader.model import Report
from grader.overrides import (
    Override,
    problem_of,
    with_override,
    write_overrides,
)

NONE = ""
"""The version of no decision."""


class DecidedMeanwhile(GraderError):
    """Somebody else decided, or the submission was graded anew, since the person looked."""


def version_of(overrides: Sequence[Override], sha256: str, item: str) -> str:
    """Return what tells the decision about an item of an archive from any other, or `NONE`."""
    mine = [one for one in overrides if (one.sha256, one.item) == (sha256, item)]
    return hashlib.sha256(msgspec.json.encode(mine[-1])).hexdigest()[:16] if mine else NONE


def decide(
    folder: BatchFolder, new: Override, seen: str, nothing_for: Collection[str] = ()
) -> Report:
    """Keep a decision and apply it to the submission's report.

    Parameters
    ----------
    folder : BatchFolder
        Of the batch.
    new : Override
        With the student's key.
    seen : str
        Version of the decision that the person saw when they made this one.
    nothing_for : collection of str
        Further items of the submission that get no points by the same decision, but for those that
        somebody decided on.

    Returns
    -------
    Report
        With the decision applied.

    Raises
    ------
    DecidedMeanwhile
        If there is another decision than the person saw, or another archive was graded; nothing
        is changed then.
    ConfigurationError
        If the decision lacks something or does not fit the rubric.
    GraderError
        If it cannot be written.
    """
    problem = problem_of(new)
    if problem:
        raise ConfigurationError(f"This decision {problem}.", "Complete it.")
    with folder.changing():
        overrides = _unchanged(folder, new.key, new.sha256, new.item, seen)
        decided = {one.item for one in overrides if one.sha256 == new.sha256}
        overrides = with_override(overrides, new)
        for item in nothing_for:
            if item not in decided:
                other = msgspec.structs.replace(new, item=item, points=0.0)
                overrides = with_override(overrides, other)
        return _keep(folder, new.key, overrides)


def take_back(folder: BatchFolder, key: str, sha256: str, item: str, seen: str) -> Report:
    """Forget a decision, so that what the check found holds again; as `decide`.

    What was decided about other items by the same decision is forgotten too.
    """
    with folder.changing():
        overrides = _unchanged(folder, key, sha256, item, seen)
        mine = [one for one in overrides if (one.sha256, one.item) == (sha256, item)]
        made = {(one.sha256, one.when, one.who) for one in mine}
        left = [one for one in overrides if (one.sha256, one.when, one.who) not in made]
        return _keep(folder, key, left)


def _unchanged(
    folder: BatchFolder, key: str, sha256: str, item: str, seen: str
) -> tuple[Override, ...]:
    """Return the decisions that there are, if they and the archive are what the person saw."""
    if folder.read(key).submission.sha256 != sha256:
        raise DecidedMeanwhile(
            f"Another archive of {key} was graded meanwhile.", "Look at it before you decide."
        )
    overrides = folder.overrides()
    if version_of(overrides, sha256, item) != seen:
        there = [one for one in overrides if (one.sha256, one.item) == (sha256, item)]
        what = "took the decision back"
        if there:
            what = f"decided otherwise ({there[-1].who}: {there[-1].points:g} points)"
        raise DecidedMeanwhile(
            f"Somebody {what} about {item} of {key} while you looked at it.",
            "Yours was not kept: look at theirs first.",
        )
    return overrides


def _keep(folder: BatchFolder, key: str, overrides: Sequence[Override]) -> Report:
    # The report first in memory: a decision that does not fit must not get into the file.
    report = folder.decided(key, overrides)
    write_overrides(folder.overrides_path, overrides)
    folder.rewrite(key, report)
    return report
