"""What staff chose when they made the autograder; it travels in the zip."""

from __future__ import annotations

from pathlib import Path

import msgspec

from grader.errors import ConfigurationError

FILE = "autograder.json"
ROSTER = "students.csv"
DATA = "data"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`autograder.json`.

    Attributes
    ----------
    items : tuple of str
        The rubric items to grade.
    seed : int
        The grading seed.
    """

    items: tuple[str, ...]
    seed: int


def read_settings(folder: Path) -> Settings:
    """Read them.

    Raises
    ------
    ConfigurationError
        If they are not there, or say something else.
    """
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Settings)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(
            f"{folder / FILE} cannot be read ({error}).", "Make the autograder's zip again."
        ) from error
