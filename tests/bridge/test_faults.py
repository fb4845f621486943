"""What students' exceptions become: safe to show, the same in every run, never ours."""

from __future__ import annotations

import pytest

from grader.bridge.faults import StudentRaised
from grader.bridge.protocol import Frame, Raised
from grader.model import Outcome


def student_raised(
    kind: str = "ValueError",
    builtin: str = "ValueError",
    message: str = "",
    frames: tuple[Frame, ...] = (),
) -> StudentRaised:
    return StudentRaised(Raised(1, kind, builtin, message, list(frames)))


def test_the_text_names_the_exception_its_message_and_the_students_lines() -> None:
    error = student_raised(
        "ShapeError", "ValueError", "3 is not 2", (Frame("layers/full.py", 12, "forward"),)
    )
    assert str(error) == (
        "your code raised ShapeError: 3 is not 2\n  layers/full.py, line 12, in forward"
    )


def test_a_syntax_errors_line_has_no_function() -> None:
    assert str(student_raised(frames=(Frame("layers/full.py", 3, ""),))).endswith(
        "layers/full.py, line 3"
    )


def test_a_made_up_builtin_is_called_exception() -> None:
    assert student_raised(builtin="W is 3.25").builtin == "Exception"
    # A builtin, but no exception.
    assert student_raised(builtin="print").builtin == "Exception"
    assert student_raised(builtin="KeyError").builtin == "KeyError"


def test_addresses_are_left_out_so_that_reports_do_not_differ_from_run_to_run() -> None:
    error = student_raised(message="<FullLayer object at 0x7f3a5c2b9d10> is 0xff")
    assert str(error).endswith("<FullLayer object at 0x...> is 0xff")


@pytest.mark.parametrize("unsafe", ["\x1b[31m", "\u202e", "\r", "\n"])
def test_nothing_a_student_writes_can_move_the_cursor_or_the_reading_order(unsafe: str) -> None:
    error = student_raised(
        kind=f"K{unsafe}", message=f"m{unsafe}", frames=(Frame(f"f{unsafe}", 1, f"g{unsafe}"),)
    )
    first, second = str(error).split("\n")
    assert unsafe not in first + second


def test_long_texts_are_cut_and_the_innermost_lines_kept() -> None:
    frames = tuple(Frame("layers/full.py", number, "f" * 200) for number in range(1, 31))
    text = str(student_raised("K" * 1000, message="m" * 10_000, frames=frames))
    assert len(text) < 3000
    assert "line 30" in text
    assert "line 18," not in text


def test_running_out_of_memory_is_an_outcome_of_its_own() -> None:
    assert student_raised(builtin="MemoryError").outcome is Outcome.MEMORY
    assert student_raised(builtin="KeyError").outcome is Outcome.FAILED
