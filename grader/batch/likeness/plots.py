"""Which plots of different students are nearly the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from grader.checks.plots.likeness import BLANK, near_equal
from grader.model import Entry, PictureFacts
from grader.report.likeness_report import PictureGroup, SharedPicture

_Shown = tuple[str, PictureFacts]


def plot_groups(entries: Iterable[Entry]) -> tuple[PictureGroup, ...]:
    """Return groups of plots that copies of each other would make, the largest first.

    Blank ones show nothing, so that nothing can be said of them. Of a student's plots that are
    equal, the first is taken.
    """
    by_digest: dict[str, dict[str, PictureFacts]] = {}
    for entry in entries:
        for item in entry.report.items if entry.report is not None else ():
            for facts in item.pictures:
                if facts.ink >= BLANK:
                    by_digest.setdefault(facts.digest, {}).setdefault(entry.key, facts)
    kinds = [list(owners.items()) for owners in by_digest.values()]
    groups = []
    for near in _connected(kinds):
        members = [shown for kind in near for shown in kinds[kind]]
        if len({key for key, _ in members}) > 1:
            shared = sorted((SharedPicture(key, facts.path) for key, facts in members), key=_order)
            groups.append(PictureGroup(len(near) == 1, tuple(shared)))
    return tuple(sorted(groups, key=lambda group: (-len(group.pictures), group.pictures[0].key)))


def _order(shared: SharedPicture) -> tuple[str, str]:
    return shared.key, shared.name


def _connected(kinds: Sequence[Sequence[_Shown]]) -> list[list[int]]:
    """Put kinds of pictures together that are linked by near equality."""
    group = list(range(len(kinds)))

    def root(at: int) -> int:
        while group[at] != at:
            group[at] = group[group[at]]
            at = group[at]
        return at

    for one in range(len(kinds)):
        for other in range(one):
            if near_equal(kinds[one][0][1], kinds[other][0][1]):
                group[root(one)] = root(other)
    found: dict[int, list[int]] = {}
    for at in range(len(kinds)):
        found.setdefault(root(at), []).append(at)
    return list(found.values())
