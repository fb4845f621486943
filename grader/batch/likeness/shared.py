"""Where two submissions share code: file by file, and the longest stretches side by side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from grader.batch.likeness.fingerprint import STRETCH, Fingerprint, Hashes, Work, among
from grader.report.likeness_report import CodePair, FilePair, Passage

MOST_PASSAGES = 3
MOST_LINES = 30
LEAST_RUN = 2 * STRETCH
"""Characters of tokens from which a shared passage is worth a look."""

_Place = tuple[int, int]
"""A file's number, and a token character in it."""


def compare(one: Work, other: Work, share: float) -> CodePair:
    """Return what two submissions share."""
    return CodePair(one.key, other.key, share, _files(one, other), _passages(one, other))


def _files(one: Work, other: Work) -> tuple[FilePair, ...]:
    """Put each file beside the one that has most of it; those that share most come first."""
    pairs = []
    for file in one.files:
        shared = _common(file.own, other.own)
        if not shared:
            continue
        like = other.files[int(np.argmax([_common(file.own, its.own) for its in other.files]))]
        back = _common(like.own, one.own) / len(like.own)
        pairs.append((shared, FilePair(file.path, like.path, shared / len(file.own), back)))
    return tuple(pair for _, pair in sorted(pairs, key=lambda pair: (-pair[0], pair[1].one)))


def _common(one: Hashes, other: Hashes) -> int:
    return int(np.count_nonzero(among(one, other)))


def _passages(one: Work, other: Work) -> tuple[Passage, ...]:
    runs = sorted(_runs(one, other), key=lambda run: -run[0])[:MOST_PASSAGES]
    return tuple(
        Passage(
            *_lines(one.files[mine[0]], mine[1], length),
            *_lines(other.files[its[0]], its[1], length),
        )
        for length, mine, its in runs
    )


def _runs(one: Work, other: Work) -> Iterator[tuple[int, _Place, _Place]]:
    """Walk through one's files and yield the longest run of each place in the other's."""
    places: dict[int, list[_Place]] = {}
    for number, file in enumerate(other.files):
        for at in _places_among(file, one.own):
            places.setdefault(int(file.hashes[at]), []).append((number, at))
    for number, file in enumerate(one.files):
        end = 0
        for at in _places_among(file, other.own):
            if at < end:
                continue
            starts = places[int(file.hashes[at])][:8]
            length, place = max(
                (_length(file, at, other.files[n], its), (n, its)) for n, its in starts
            )
            if length + STRETCH >= LEAST_RUN:
                yield length + STRETCH, (number, at), place
            end = at + length


def _places_among(file: Fingerprint, known: Hashes) -> list[int]:
    """Return where in a file the stretches begin that are among known ones."""
    found: list[int] = np.flatnonzero(among(file.hashes, known)).tolist()
    return found


def _length(one: Fingerprint, at: int, other: Fingerprint, its: int) -> int:
    """Return for how many token characters the same stretches follow each other."""
    left = min(len(one.hashes) - at, len(other.hashes) - its)
    differ = (one.hashes[at : at + left] != other.hashes[its : its + left]).nonzero()[0]
    return int(differ[0]) if len(differ) else left


def _lines(file: Fingerprint, at: int, length: int) -> tuple[str, int, str]:
    """Return the path, the first line's number and the whole lines of a run."""
    first = int(file.lines[at])
    last = int(file.lines[min(at + length, len(file.lines)) - 1])
    lines = file.text.split("\n")[first : last + 1]
    cut = ["…"] if len(lines) > MOST_LINES else []
    return file.path, first + 1, "\n".join([*lines[:MOST_LINES], *cut])
