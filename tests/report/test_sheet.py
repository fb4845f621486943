"""Somebody else's sheet: what is not meant stays as it was, byte for byte."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.report.lms.sheet import Sheet, SheetError, harmless

VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
SPECIAL = st.text('a,;"\r\n\t é=', max_size=6)
TABLES = st.lists(
    st.lists(st.one_of(VALUES, SPECIAL), min_size=2, max_size=4), min_size=1, max_size=5
)
STYLES = st.tuples(
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
)


def written(table: list[list[str]], style: tuple[int, str, bytes]) -> bytes:
    text = io.StringIO()
    quoting, ends, bom = style
    header = ["column a", "column b", "column c"]
    csv.writer(text, quoting=quoting, lineterminator=ends).writerows([header, *table])  # type: ignore[arg-type]
    return bom + text.getvalue().encode()


@given(TABLES, STYLES)
def test_cells_say_what_another_reader_reads(
    table: list[list[str]], style: tuple[int, str, bytes]
) -> None:
    data = written(table, style)
    text = data.removeprefix(style[2]).decode()
    theirs = [row or [""] for row in csv.reader(io.StringIO(text, newline=""))]
    assert [[cell.value for cell in row] for row in Sheet.read(data).rows] == theirs


@given(st.binary())
def test_any_file_comes_out_as_it_went_in(data: bytes) -> None:
    try:
        sheet = Sheet.read(data)
    except SheetError:
        return
    assert sheet.changed({}) == data


@given(TABLES, STYLES, st.data(), VALUES | SPECIAL)
def test_a_changed_cell_changes_nothing_else(
    table: list[list[str]], style: tuple[int, str, bytes], data: st.DataObject, value: str
) -> None:
    before = written(table, style)
    sheet = Sheet.read(before)
    row = data.draw(st.integers(1, len(table)))
    column = data.draw(st.integers(0, len(sheet.rows[row]) - 1))
    after = sheet.changed({(row, column): value})
    cell = sheet.rows[row][column]
    start = len(style[2]) + len(sheet.text[: cell.begins].encode())
    end = len(sheet.text[cell.ends :].encode())
    assert after[:start] == before[:start]
    assert after[len(after) - end :] == before[len(before) - end :]
    again = Sheet.read(after)
    expected = [[cell.value for cell in each] for each in sheet.rows]
    expected[row][column] = value
    assert [[cell.value for cell in each] for each in again.rows] == expected


def test_what_separates_cells_is_told_by_the_first_line_alone() -> None:
    assert Sheet.read(b"a,b\rx\t\t\t,y\r").delimiter == ","


@pytest.mark.parametrize("before", [b"a,b\n1,2\r3\n4,5\n", b"a,b\n1,2\n3"])
def test_a_line_whose_only_cell_is_emptied_stays_a_line(before: bytes) -> None:
    after = Sheet.read(before).changed({(2, 0): ""})
    assert after == before.replace(b"3", b'""')
    assert len(Sheet.read(after).rows) == len(Sheet.read(before).rows)


def test_a_row_that_is_too_short_grows() -> None:
    sheet = Sheet.read(b"a,b,c,d\nx\ny,2\n")
    after = sheet.changed({(1, 2): "3", (1, 3): "4", (2, 3): "5"})
    assert after == b"a,b,c,d\nx,,3,4\ny,2,,5\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_the_encoding_stays(encoding: str) -> None:
    sheet = Sheet.read("name;note\r\nJosé;1\r\n".encode(encoding))
    after = sheet.changed({(1, 1): "2"})
    assert after == "name;note\r\nJosé;2\r\n".encode(encoding)


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b'a,b\n"never ends'])
def test_what_is_no_table_is_refused(data: bytes) -> None:
    with pytest.raises(SheetError):
        Sheet.read(data)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_text_is_a_formula(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert harmless("5 of 10") == "5 of 10"
