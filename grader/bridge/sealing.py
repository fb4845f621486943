"""Seals answers so that only whoever has asked for them, in that order, can open them.

Each question of a case makes a link out of the question and the link before it. A link gives away
neither: its tag says which answer belongs to it, its key opens that answer, and the link itself,
told to the other side, proves that every question up to here is known. So answers can be handed out
before they are asked for, and tell nothing to those who do not ask.
"""

from __future__ import annotations

from hashlib import blake2b, shake_128
from typing import NamedTuple

LINK_BYTES, TAG_BYTES = 32, 16
FIRST_LINK = b""
"""What comes before a case's first question."""


class Links(NamedTuple):
    """What a question makes, together with all questions before it.

    Attributes
    ----------
    link : bytes
        What the next question is linked to.
    tag : bytes
        By which its answer is found.
    key : bytes
        With which its answer is sealed.
    """

    link: bytes
    tag: bytes
    key: bytes


def linked(before: bytes, question: bytes) -> Links:
    """Link a question to the link before it, by BLAKE2b (RFC 7693) keyed with that link."""
    digest = blake2b(question, key=before).digest()
    seal = LINK_BYTES + TAG_BYTES
    return Links(digest[:LINK_BYTES], digest[LINK_BYTES:seal], digest[seal:])


def sealed(key: bytes, answer: bytes) -> bytes:
    """Seal an answer with a key that seals nothing else, or open what was sealed with it.

    The answer and as many bytes of SHAKE128 (FIPS 202) of the key, exclusive or.
    """
    pad = shake_128(key).digest(len(answer))
    mixed = int.from_bytes(answer, "big") ^ int.from_bytes(pad, "big")
    return mixed.to_bytes(len(answer), "big")
