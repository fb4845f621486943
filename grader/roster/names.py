"""Tells when two spellings are one person's name: case, accents, signs and order do not count."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

# Letters that Unicode does not take apart, as people write them where they have no such key.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "ð": "d", "þ": "th"}
)
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa"})
_APOSTROPHES = re.compile("['’‘ʼ`´]")


def folded(name: str) -> tuple[str, ...]:
    """Return a name's words in alphabetical order, without case and accents.

    `DOE_JANE`, `Jane Doe` and `doe, jané` are one name; so are `O'Brien` and `OBRIEN`, and
    `Anne-Marie` and `ANNE_MARIE`.
    """
    return tuple(sorted(_words(name)))


def spelled_out(name: str) -> tuple[str, ...]:
    """Return the same with umlauts spelled out: `Müller` as `mueller`."""
    composed = unicodedata.normalize("NFC", name.casefold())
    return folded(composed.translate(_UMLAUTS))


def run_together(name: str) -> frozenset[str]:
    """Return a name's words in one, in each order that a last name can be put first in.

    Canvas writes `doejane` for Jane Doe, and `vanderbergjan` for Jan van der Berg.
    """
    words = _words(name)
    turned = [words[n:] + words[:n] for n in range(max(1, len(words)))]
    return frozenset("".join(each) for each in turned)


def nearest(name: str, others: list[str]) -> str | None:
    """Return the name of several that shares most pairs of letters with this one, if half are."""
    best, most = None, 0.5
    for other in others:
        mine, theirs = _pairs(name), _pairs(other)
        share = 2 * len(mine & theirs) / max(1, len(mine) + len(theirs))
        if share > most:
            best, most = other, share
    return best


def _words(name: str) -> list[str]:
    text = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", name).casefold())
    # Folding again: taking apart can leave capitals, as of letters in circles.
    text = "".join(char for char in text.casefold() if not unicodedata.combining(char))
    return re.findall(r"[^\W\d_]+", text.translate(_LETTERS))


def _pairs(name: str) -> set[tuple[str, str]]:
    return set(pairwise("".join(folded(name))))
