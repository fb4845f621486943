"""How a name that came out of a submission is shown to people: quoted, escaped and short."""

from grader.plain_text import printable

_HEAD, _TAIL = 40, 20


def quoted(name: str) -> str:
    r"""Return the name in double quotes, safe for a terminal and short enough for a sentence.

    Control and bidirectional characters become escapes such as ``\x1b``, so that a file name can
    neither move the cursor nor turn the text around it; the middle of a long name is left out.
    """
    if len(name) > _HEAD + _TAIL + 20:
        name = f"{name[:_HEAD]}…{name[-_TAIL:]}"
    return '"' + printable(name, 10 * len(name) + 1).replace('"', '\\"') + '"'


def listed(names: list[str], most: int = 3) -> str:
    """Return the first few names quoted, and how many more there are."""
    some = ", ".join(quoted(name) for name in names[:most])
    return some if len(names) <= most else f"{some} and {len(names) - most} more"
