"""What students are told about a case that did not pass."""

from __future__ import annotations

from enum import Enum

from grader.bridge.faults import StudentRaised
from grader.model import Outcome
from grader.plain_text import printable

FEEDBACK_LENGTH = 3000

_ENDED = {
    Outcome.TIMEOUT: "your code did not finish in time",
    Outcome.MEMORY: "your code used more memory than it may",
    Outcome.CRASHED: "your code ended the process it ran in",
    Outcome.FAILED: "the result is not the expected one",
}


def public_feedback(error: BaseException, outcome: Outcome, how: str) -> tuple[str, ...]:
    """Say everything: students have the public tests and may see all that is in them."""
    if isinstance(error, AssertionError | StudentRaised):
        said = str(error)
    elif outcome is Outcome.FAILED:
        said = f"the test could not use your result ({type(error).__name__}: {error})"
    else:
        said = str(error) + (f" ({how})" if how else "")
    return (printable(said, FEEDBACK_LENGTH, keep="\n"),)


def hidden_feedback(about: str, error: BaseException, outcome: Outcome) -> tuple[str, ...]:
    """Say what the case is about and how it ended, in words of a closed set.

    An exception's text, its class name and its line could all carry hidden values out. Student
    code can choose which built-in exception it raises, and with it a few bits a case; that much is
    accepted, since the name tells an honest student most of what went wrong (docs/security.md). A
    diagnosis is one sentence of a closed set, which the tests choose.
    """
    if isinstance(error, StudentRaised) and outcome is Outcome.FAILED:
        return (f"{about}: your code raised {error.builtin}",)
    ended = f"{about}: {_ENDED.get(outcome, _ENDED[Outcome.FAILED])}"
    diagnosis = diagnosis_of(error)
    return (ended,) if diagnosis is None else (ended, f"diagnosis: {diagnosis.value}")


def diagnosis_of(error: BaseException) -> Enum | None:
    """Return the mistake that a comparison of the hidden tests found behind a failure.

    Its name is for staff, its value the sentence for students. Anything but a member of an
    enumeration could hold values, and counts for nothing.
    """
    diagnosis = getattr(error, "diagnosis", None) if isinstance(error, AssertionError) else None
    return diagnosis if isinstance(diagnosis, Enum) else None
