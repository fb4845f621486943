"""Makes text that a student controls safe to show: no control characters, no surprises."""

from __future__ import annotations

import unicodedata

# Control characters could rewrite a terminal, format characters (bidi overrides among them)
# could make a name read as another, line separators end a line, surrogates have no encoding.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str, limit: int, keep: str = "") -> str:
    """Return the text with unsafe characters escaped, cut to `limit` characters.

    Parameters
    ----------
    text : str
        Whatever the student wrote.
    limit : int
        Longest result; a longer text ends in an ellipsis.
    keep : str
        Control characters to leave alone, such as line feeds in captured output.
    """
    shown = text[: limit + 1]
    # `isprintable` refuses all that is unsafe here, and some spaces besides. It decides nearly all
    # texts, and a run makes thousands.
    if not shown.translate(dict.fromkeys(map(ord, keep))).isprintable():
        shown = "".join(
            char
            if char in keep or unicodedata.category(char) not in _UNSAFE
            else char.encode("unicode_escape").decode()
            for char in shown
        )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
