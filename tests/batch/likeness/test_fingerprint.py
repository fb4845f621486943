"""A file's fingerprint: what it is blind to, where it points, and that nothing harms it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.batch.likeness.fingerprint import STRETCH, Hashes, fingerprint
from grader.lab import Project
from tests.batch.likeness.conftest import template_of, work_of

CODE = b'''"""About it."""
import numpy as np


class Layer:
    def forward(self, x):
        # the larger of both
        total = np.maximum(x, 0.5) + np.sum(x * x)
        print("forward", total)
        return total

    def backward(self, grad):
        return grad * self.mask / len(self.mask)
'''


def test_names_comments_strings_and_layout_change_nothing() -> None:
    disguised = (
        CODE.replace(b"total", b"my_result_here")
        .replace(b"grad", b"g")
        .replace(b"# the larger of both", b"#")
        .replace(b'"forward"', b'"in the forward pass"')
        .replace(b" + ", b"  +\\\n            ")
        .replace(b"\n", b"\r\n")
    )
    assert np.array_equal(fingerprint("a.py", disguised).own, fingerprint("b.py", CODE).own)


def test_other_code_has_little_in_common() -> None:
    other = CODE.replace(b"np.maximum(x, 0.5)", b"x if x > 1 else 7").replace(b" * ", b" @ ")
    one, two = fingerprint("a.py", CODE).own, fingerprint("a.py", other).own
    assert len(np.intersect1d(one, two)) < 0.7 * len(one)


@pytest.mark.parametrize("before", [b"", b"\n\n\n", b"\xef\xbb\xbf", b"x = 1\r\n\r\n"])
def test_each_token_leads_to_the_line_that_it_stands_on(before: bytes) -> None:
    found = fingerprint("a.py", before + CODE)
    lines = found.text.split("\n")
    wanted = fingerprint("b.py", b"return grad * self.mask / len(self.mask)")
    at = found.hashes.tolist().index(wanted.hashes.tolist()[0])
    assert lines[found.lines[at]].strip().startswith("return grad")
    assert found.lines[0] == next(n for n, line in enumerate(lines) if line.strip(" \ufeff"))
    assert sorted(found.lines.tolist()) == found.lines.tolist()


def test_what_the_template_has_is_nobody_s_own(project: Project, known: Hashes) -> None:
    template = template_of(project)
    assert len(known) > 1000
    assert len(work_of("x", template, known).own) == 0
    assert len(work_of("x", {"a.py": CODE}, known).own) > 0


def test_code_is_read_and_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    fingerprint("a.py", f"open({str(mark)!r}, 'w').close()\nraise SystemExit(3)\n".encode())
    assert not mark.exists()


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\n", b"\x00" * 100, b"\xff\xfe\xfd", b"def f(:\n  (((", b'"""never closed'),
        *(b"class", b"class A", b"\xef\xbb\xbf", b"if x\n\tthen\x0c\x1b[31m", b"a" * 10_000),
    ],
    ids=repr,
)
def test_a_file_may_be_anything(data: bytes) -> None:
    found = fingerprint("a.py", data)
    assert len(found.hashes) == len(found.lines)


@given(st.binary(max_size=200) | st.text("\n\r 'class A:(){}\"#\\\x00\ufeffé", max_size=80))
def test_lines_stay_within_the_file_whatever_it_is(given_: bytes | str) -> None:
    data = given_ if isinstance(given_, bytes) else given_.encode()
    found = fingerprint("a.py", data)
    assert all(0 <= line <= found.text.count("\n") for line in found.lines.tolist())
    assert len(found.own) <= len(found.hashes)
    assert STRETCH > 1


def test_no_plotting_library_is_loaded_to_compare_code() -> None:
    script = (
        "import sys; from grader.batch.likeness.fingerprint import fingerprint;"
        "fingerprint('a.py', b'x = 1'); sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
