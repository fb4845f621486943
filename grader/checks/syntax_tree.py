"""Parses a source file of a submission, whatever bytes it holds."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import msgspec

from grader.intake import quoted

# Human sources are far below this; hostile ones take the parser seconds and hundreds of bytes of
# memory for each of their own.
LARGEST_SOURCE = 256 << 10
MOST_REMEMBERED = 32
"""Sources of which it is remembered what was read off them: a class has some that many hand in."""
_Found = TypeVar("_Found")
# Decoders that take time quadratic in the length.
_SLOW_CODEC = re.compile(rb"coding[:=]\s*(punycode|idna)", re.IGNORECASE)


class Unparsable(msgspec.Struct, frozen=True):
    """Why a source could not be parsed, as a clause that ends a sentence about the file."""

    problem: str


def parse_source(source: bytes) -> ast.Module | Unparsable:
    """Parse a source file without running anything of it."""
    if len(source) > LARGEST_SOURCE:
        return Unparsable("it is too large to be a source file")
    if _SLOW_CODEC.search(b"\n".join(source.split(b"\n", 2)[:2])):
        return Unparsable("its encoding is not one for source files")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        where = f" in line {error.lineno}" if error.lineno else ""
        return Unparsable(f"Python cannot read it ({quoted(error.msg)}{where})")
    except ValueError:  # a null byte, in versions where that is no SyntaxError
        return Unparsable("Python cannot read it (it holds null bytes)")
    except (RecursionError, MemoryError):
        return Unparsable("Python cannot read it (it is nested too deeply)")


def read_once(read: Callable[[ast.Module], _Found]) -> Callable[[bytes], _Found | None]:
    """Have what a function reads off a source's tree remembered, for sources that many hand in.

    None for a source that cannot be parsed.
    """

    @lru_cache(MOST_REMEMBERED)
    def remembered(source: bytes) -> _Found | None:
        tree = parse_source(source)
        return None if isinstance(tree, Unparsable) else read(tree)

    def read_source(source: bytes) -> _Found | None:
        # With what is remembered goes its source, and one that is too large is refused anyway.
        return remembered(source) if len(source) <= LARGEST_SOURCE else None

    return read_source
