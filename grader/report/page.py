"""Renders the grader's pages: one look, everything escaped, nothing fetched from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from markupsafe import Markup

from grader.model import CaseResult, ItemResult, Outcome
from grader.plain_text import printable
from grader.report.loss_chart import loss_chart

TEMPLATES = Path(__file__).with_name("templates")
KEPT = "\n\t"
"""Control characters that text may hold; all others are shown as escapes."""
PIECE = 1 << 18
"""Characters, at least, that a large page is written in at once."""


class Limits(msgspec.Struct, frozen=True):
    """How much of a rubric item a page holds.

    Attributes
    ----------
    cases : int
        Cases that did not pass, told of in full.
    output : int
        Characters of what the code printed.
    """

    cases: int
    output: int


class Inline(msgspec.Struct, frozen=True):
    """A style sheet or script that stands in the page itself.

    Attributes
    ----------
    text : Markup
        As it is.
    source : str
        What a content security policy admits it by: the digest of its text.
    """

    text: Markup
    source: str


def render(template: str, /, *folders: Path, **content: Any) -> bytes:
    """Return a page as UTF-8.

    Parameters
    ----------
    template : str
        A file of `templates/`, or of one of the folders.
    *folders : Path
        Where further templates are; they extend `base.html` to look like the others.
    **content : object
        What the template shows. Text is escaped, and what would steer the reader's screen, such as
        control characters and overrides of the writing direction, is shown as an escape.
    """
    return b"".join(render_pieces(template, *folders, **content))


def render_pieces(template: str, /, *folders: Path, **content: Any) -> Iterator[bytes]:
    """Return a page, as `render` does, piece by piece: it need not fit into memory."""
    waiting: list[str] = []
    size = 0
    for text in _environment(folders).get_template(template).generate(content):
        waiting.append(text)
        size += len(text)
        if size >= PIECE:
            yield "".join(waiting).encode()
            waiting, size = [], 0
    yield "".join(waiting).encode()


@cache
def _environment(folders: tuple[Path, ...]) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([TEMPLATES, *folders]),
        autoescape=True,
        finalize=shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        style=inline(TEMPLATES / "style.css"), script=inline(TEMPLATES / "page.js")
    )
    environment.filters.update(
        counted=counted, loss_chart=loss_chart, number=number, parted=parted, words=words
    )
    return environment


def shown(value: object) -> object:
    """Return a value as a page may show it: without characters that act."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    if value.replace("\n", "").replace("\t", "").isprintable():
        return value
    # An escape may be as long as ten characters.
    return printable(value, 10 * len(value) + 1, KEPT)


def number(value: float | None, digits: int = 2) -> str:
    """Return a number with at most so many decimals, and a dash for none at all."""
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, which takes an s for more than one."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def words(outcome: str) -> str:
    """Return an outcome as people say it."""
    return outcome.lower().replace("_", " ")


def parted(item: ItemResult) -> tuple[list[CaseResult], list[CaseResult]]:
    """Return the cases that did not pass, and those that did."""
    lost: list[CaseResult] = []
    passed: list[CaseResult] = []
    for case in item.cases:
        (passed if case.outcome is Outcome.PASSED else lost).append(case)
    return lost, passed


def inline(path: Path) -> Inline:
    """Return a file of ours as it stands in a page."""
    text = path.read_text()
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Inline(Markup(text), f"'sha256-{digest}'")  # noqa: S704 - our own file
