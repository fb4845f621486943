"""Seals answers so that only whoever has asked for them, in that order, can open them.

Each question of a case makes a link out of the question and the link before it. A link gives away
neither: its tag says which answer belongs to it, its key opens that answer, and the link itself,
told to the other side, proves that every question up to here is known. So answers can be handed out
before they are asked for, and tell nothing to those who do not ask.
"""

from __future__ import annotations

import struct
from hashlib import blake2b, shake_128

FIRST_LINK = bytes(32)
"""What comes before a case's first question; all links are as long."""
_PARTS = struct.Struct("32s16s16s")


def linked(before: bytes, question: bytes) -> tuple[bytes, bytes, bytes]:
    """Link a question to the link before it: BLAKE2b (RFC 7693) of both.

    Returns
    -------
    link : bytes
        What the next question is linked to.
    tag : bytes
        By which the question's answer is found.
    key : bytes
        With which it is sealed.
    """
    link, tag, key = _PARTS.unpack(blake2b(before + question).digest())
    return link, tag, key


def sealed(key: bytes, answer: bytes) -> bytes:
    """Seal an answer with a key that seals nothing else, or open what was sealed with it.

    The answer and as many bytes of SHAKE128 (FIPS 202) of the key, exclusive or.
    """
    pad = shake_128(key).digest(len(answer))
    mixed = int.from_bytes(answer, "big") ^ int.from_bytes(pad, "big")
    return mixed.to_bytes(len(answer), "big")
