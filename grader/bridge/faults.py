"""What student code does wrong during a case, as the test sees it: exceptions inside a test.

They never leave the check that runs the tests; there they become outcomes.
"""

from __future__ import annotations

import builtins
import re

from grader.bridge.protocol import Raised
from grader.model import Outcome
from grader.plain_text import printable

BUILTINS = frozenset(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
)
ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")


class StudentFault(Exception):
    """Something the student's code did that ends the case."""

    outcome = Outcome.FAILED


class StudentRaised(StudentFault):
    """The student's code raised an exception.

    Attributes
    ----------
    builtin : str
        The nearest built-in exception's name; unlike the rest, safe to show for hidden cases.
    """

    def __init__(self, raised: Raised) -> None:
        self.builtin = raised.builtin if raised.builtin in BUILTINS else "Exception"
        kind = printable(raised.kind, 60)
        # Addresses differ from run to run, and a report must not.
        message = ADDRESS.sub("0x...", printable(raised.message, 600))
        lines = [
            f"  {printable(frame.file, 100)}, line {frame.line}, in {printable(frame.function, 60)}"
            if frame.function
            else f"  {printable(frame.file, 100)}, line {frame.line}"
            for frame in raised.frames[-12:]
        ]
        told = f"your code raised {kind}" + (f": {message}" if message else "")
        super().__init__("\n".join([told, *lines]))
        if self.builtin == "MemoryError":
            self.outcome = Outcome.MEMORY


class CaseTimedOut(StudentFault):
    """The student's code did not answer in time."""

    outcome = Outcome.TIMEOUT


class ProcessLost(StudentFault):
    """The process that runs the student's code ended in the middle of a case."""

    outcome = Outcome.CRASHED


class BrokenProtocol(StudentFault):
    """The student's process sent what no honest process sends."""

    outcome = Outcome.CRASHED
