"""Reasons that people give often, as quick choices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from grader.overrides import Override

MOST = 9
"""As many as there are digit keys."""
ACCEPTED = "As the check proposed."
REFUSED = "The archive could not be opened."
"""For all items of an archive at once."""

# What people say of plots before anybody has said anything: shares of the item's points.
_FIRST = {
    "plots": (
        (1.0, "Both plots are there and show what was asked."),
        (0.8, "The axes are not labelled."),
        (0.5, "One of the two plots is missing."),
        (0.0, "The pictures do not show the plots that were asked for."),
    ),
    "better_cifar": (
        (1.0, "The network is better than the given one."),
        (0.0, "The network is not better than the given one."),
    ),
}


class Reason(msgspec.Struct, frozen=True):
    """Points with their reason, to be chosen together."""

    points: float
    why: str


def reasons(overrides: Sequence[Override], item: str, max_points: float) -> tuple[Reason, ...]:
    """Return what may be chosen for an item: what was said most often before, then the usual.

    Parameters
    ----------
    overrides : sequence of Override
        All decisions of the batch; of equally frequent reasons the later comes first.
    item : str
        The rubric item.
    max_points : float
        What it is worth.
    """
    said = [Reason(o.points, o.why) for o in reversed(overrides) if o.item == item]
    often = [
        reason for reason, _ in Counter(said).most_common() if reason.why not in (ACCEPTED, REFUSED)
    ]
    usual = [Reason(share * max_points, why) for share, why in _FIRST.get(item, ())]
    return tuple(dict.fromkeys((*often, *usual)))[:MOST]
