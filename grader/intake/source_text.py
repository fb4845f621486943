"""Notes how Python files were saved: marks that editors and version control leave behind."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping

from grader.intake.shown import listed
from grader.model import Finding

_MARKS: tuple[tuple[str, Callable[[bytes], bool], str], ...] = (
    (
        "byte-order-mark",
        lambda source: source.startswith(codecs.BOM_UTF8),
        "begin with a byte order mark; Python reads them all the same, and it costs nothing",
    ),
    (
        "windows-line-ends",
        lambda source: b"\r\n" in source,
        "have Windows line ends; Python reads them all the same, and it costs nothing",
    ),
    (
        "null-bytes",
        lambda source: b"\0" in source,
        "hold null bytes, so Python cannot read them: save them as UTF-8 (not UTF-16)",
    ),
)


def note_marks(files: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """Return one remark for each kind of mark found in the `.py` files; no byte is changed."""
    findings = []
    for id_, has_mark, what in _MARKS:
        marked = sorted(
            path for path, source in files.items() if path.endswith(".py") and has_mark(source)
        )
        if marked:
            message = f"Files that {what}: {listed(marked)}."
            findings.append(Finding(id=id_, costs=None, message=message))
    return tuple(findings)
