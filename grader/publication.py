"""The record of published suites, by which a report can say which tests judged."""

from __future__ import annotations

from pathlib import Path

import msgspec

from grader.errors import ConfigurationError
from grader.lab import Project

RECORD = "published.json"


class Publication(msgspec.Struct, frozen=True):
    """What is kept of a published suite.

    Attributes
    ----------
    version, sha256 : str
        Which suite.
    seeds, bugs, variants, cases : int
        What it was verified with.
    published_at : str
        When, in UTC.
    grader_version : str
        By which grader.
    """

    version: str
    sha256: str
    seeds: int
    bugs: int
    variants: int
    cases: int
    published_at: str
    grader_version: str


def read_publications(project: Project) -> tuple[Publication, ...]:
    """Return all publications, oldest first.

    Raises
    ------
    ConfigurationError
        If the record is not valid.
    """
    path = record_path(project)
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Publication, ...])
    except FileNotFoundError:
        return ()
    except (msgspec.DecodeError, OSError) as error:
        raise ConfigurationError(
            f"{path} is not valid: {error}.", "Restore it from the repository."
        ) from error


def is_published(project: Project, digest: str) -> bool:
    """Whether a suite of that digest is, to the byte, one that was published."""
    return any(one.sha256 == digest for one in read_publications(project))


def record_path(project: Project) -> Path:
    """Return where the record is; it need not be there."""
    return project.hidden_tests / RECORD
