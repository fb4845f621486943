"""What is read off a source's tree is remembered, within bounds."""

from __future__ import annotations

import ast
import sys

from grader.checks.syntax_tree import LARGEST_SOURCE, read_once


def test_an_equal_source_is_read_once_and_what_cannot_be_parsed_says_nothing() -> None:
    read: list[ast.Module] = []

    @read_once
    def statements(tree: ast.Module) -> int:
        read.append(tree)
        return len(tree.body)

    sources = (b"x = 1\ny = 2\n", bytearray(b"x = 1\ny = 2\n"), b"x = 1\n", b"x =\n")
    assert [statements(bytes(source)) for source in sources] == [2, 2, 1, None]
    assert len(read) == 2


def test_a_source_that_is_too_large_is_not_kept() -> None:
    statements = read_once(lambda tree: len(tree.body))
    large = b"#" * (LARGEST_SOURCE + 1)
    before = sys.getrefcount(large)
    assert statements(large) is None
    assert sys.getrefcount(large) == before
