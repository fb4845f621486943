"""A CSV file of somebody else's, changed cell by cell: every other byte stays as it was."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from typing import Self

import msgspec

_LINE_END = re.compile(r"[\r\n]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class SheetError(ValueError):
    """The file cannot be read as a table; says why, in a clause."""


class Cell(msgspec.Struct, frozen=True):
    """One cell.

    Attributes
    ----------
    value : str
        What it says, without quotes.
    begins, ends : int
        Where it stands in the text, quotes and all.
    quoted : bool
        Whether it stands in quotes.
    """

    value: str
    begins: int
    ends: int
    quoted: bool


class Sheet(msgspec.Struct, frozen=True):
    """A table, with its bytes.

    Attributes
    ----------
    text : str
        The file, decoded.
    rows : tuple of tuple of Cell
        Blank lines are rows of one empty cell.
    delimiter, encoding : str
        As found.
    bom : bytes
        What the file begins with, if anything.
    """

    text: str
    rows: tuple[tuple[Cell, ...], ...]
    delimiter: str
    encoding: str
    bom: bytes

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Take a file apart.

        Raises
        ------
        SheetError
            If it is empty, or a quote in it never ends.
        """
        bom, encoding = next(((b, e) for b, e in _BOMS if data.startswith(b)), (b"", "utf-8"))
        body = data[len(bom) :]
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            # Any bytes at all come out of this one as they went in.
            encoding, text = "latin-1", body.decode("latin-1")
        first = _LINE_END.split(text, maxsplit=1)[0]
        delimiter = max(",;\t", key=first.count)
        rows = tuple(_rows(text, delimiter))
        if not rows:
            raise SheetError("it is empty")
        return cls(text, rows, delimiter, encoding, bom)

    def value(self, row: int, column: int | None) -> str:
        """Return what a cell says, stripped; empty where the row is too short."""
        cells = self.rows[row]
        return cells[column].value.strip() if column is not None and column < len(cells) else ""

    def changed(self, cells: Mapping[tuple[int, int], str]) -> bytes:
        """Return the file with new values in some cells, by row and column.

        A cell that stood in quotes stays in quotes; others get them where they need them.
        """
        pieces = []
        at = 0
        for (row, column), value in sorted(cells.items()):
            line = self.rows[row]
            if column < len(line):
                cell = line[column]
                pieces.append(self.text[at : cell.begins])
                # Alone in its line, nothing would be no line, or join the ends of two.
                quoted = cell.quoted or (not value and len(line) == 1)
                pieces.append(self._written(value, quoted))
                at = cell.ends
            else:
                # The row is too short. What was appended to it before is counted in its length.
                before = max((c for r, c in cells if r == row and c < column), default=-1)
                missing = column - max(before, len(line) - 1)
                pieces.append(self.text[at : line[-1].ends])
                pieces.append(self.delimiter * missing + self._written(value, False))
                at = line[-1].ends
        pieces.append(self.text[at:])
        return self.bom + "".join(pieces).encode(self.encoding, errors="replace")

    def _written(self, value: str, quoted: bool) -> str:
        if quoted or any(sign in value for sign in (self.delimiter, '"', "\n", "\r")):
            return '"' + value.replace('"', '""') + '"'
        return value


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _rows(text: str, delimiter: str) -> Iterator[tuple[Cell, ...]]:
    """Take the text apart as RFC 4180 says; lines end in CR LF, LF or CR."""
    cells: list[Cell] = []
    at = 0
    while at < len(text) or cells:
        cell = _cell(text, at, delimiter)
        cells.append(cell)
        at = cell.ends
        if at < len(text) and text[at] == delimiter:
            at += 1
            continue
        yield tuple(cells)
        cells = []
        at += 2 if text.startswith("\r\n", at) else 1


def _cell(text: str, at: int, delimiter: str) -> Cell:
    begins, value, quoted = at, "", text.startswith('"', at)
    if quoted:
        at += 1
        while True:
            end = text.find('"', at)
            if end < 0:
                line = text.count("\n", 0, begins) + 1
                raise SheetError(f"a quote in line {line} never ends")
            value += text[at:end]
            at = end + 1
            if not text.startswith('"', at):
                break
            value += '"'
            at += 1
    end = at
    while end < len(text) and text[end] not in (delimiter, "\n", "\r"):
        end += 1
    return Cell(value + text[at:end], begins, end, quoted)
