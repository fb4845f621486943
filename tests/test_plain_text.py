"""Text that a student controls, made safe to show in a terminal, a table or a web page."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.plain_text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("left\u202eright", r"left\u202eright"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("\x9b31m", r"\x9b31m"),
        ("\ud800", r"\ud800"),
        ("\ue000", r"\ue000"),
        ("\u2028", r"\u2028"),
        ("Zoë Müller 𝑊 → 数", "Zoë Müller 𝑊 → 数"),
    ],
)
def test_what_could_change_how_a_text_is_read_is_escaped(text: str, shown: str) -> None:
    assert printable(text, 100) == shown


def test_characters_to_keep_are_kept_and_no_others() -> None:
    assert printable("a\nb\r\n\tc", 100, keep="\n\t") == "a\nb\\r\n\tc"


@pytest.mark.parametrize(
    ("text", "shown"), [("12345", "12345"), ("123456", "1234…"), ("1234\n", "1234…"), ("", "")]
)
def test_a_longer_text_ends_in_an_ellipsis(text: str, shown: str) -> None:
    assert printable(text, 5) == shown


@given(st.text(st.characters()), st.integers(1, 40))
def test_nothing_unsafe_and_nothing_too_long_comes_out(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert len(shown) <= limit
    unsafe = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not unsafe & {unicodedata.category(char) for char in shown}


def test_a_huge_text_is_cut_before_it_is_looked_at() -> None:
    # A million characters at a microsecond each would show in a batch.
    assert printable("\x00" * 10_000_000, 10) == r"\x00\x00\…"
