"""Where two submissions share code."""

from __future__ import annotations

from grader.batch.likeness.shared import MOST_LINES, MOST_PASSAGES, compare
from tests.batch.likeness.conftest import Files, work_of


def test_a_shared_passage_is_shown_with_its_lines_on_both_sides(
    solutions: dict[str, Files],
) -> None:
    copied = solutions["plain"]["layers/softmax.py"]
    mine = {"layers/softmax.py": copied}
    before = b"def first(a):\n    return [a]\n\n\n"
    theirs = {"helpers.py": before + copied.replace(b"jacobian", b"j")}
    pair = compare(work_of("a", mine), work_of("b", theirs), 1.0)
    (file,) = pair.files
    assert (file.one, file.other, file.one_shared) == ("layers/softmax.py", "helpers.py", 1.0)
    assert 0.8 < file.other_shared < 1
    longest = pair.passages[0]
    assert longest.other_line == longest.one_line + 4
    assert "jacobian = np.diagflat(z)" in longest.one_text
    assert "j = np.diagflat(z)" in longest.other_text
    assert longest.one_text.split("\n")[0] in copied.decode()


def test_files_that_share_nothing_are_not_named(solutions: dict[str, Files]) -> None:
    mine = {"a.py": solutions["plain"]["layers/full.py"], "b.py": b"x = {1: 2, 3: [4, 5, 6, 7]}\n"}
    pair = compare(work_of("a", mine), work_of("b", {"a.py": mine["a.py"]}), 1.0)
    assert [file.one for file in pair.files] == ["a.py"]


def test_passages_are_few_and_short(solutions: dict[str, Files]) -> None:
    work = work_of("a", solutions["verbose"])
    passages = compare(work, work, 1.0).passages
    assert 0 < len(passages) <= MOST_PASSAGES
    assert all(len(one.one_text.split("\n")) <= MOST_LINES + 1 for one in passages)


def test_a_file_that_repeats_itself_takes_no_time() -> None:
    again = b"self.x = np.dot(a, b) + c\n" * 2_000
    pair = compare(work_of("a", {"a.py": again}), work_of("b", {"b.py": again}), 1.0)
    assert pair.passages
