"""Publishes a suite: only one that was verified, and so that each report can say which it was."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from grader import __version__
from grader.atomic_file import write_atomically
from grader.errors import ConfigurationError
from grader.lab import Project
from grader.publication import Publication, read_publications, record_path
from grader.suite.verify import Verification


def refuse_used_version(project: Project) -> None:
    """Refuse to publish other tests under a version that is taken.

    Raises
    ------
    ConfigurationError
        If the version was published with other test files.
    """
    version, digest = project.lab.suite.version, project.suite_digest()
    for one in read_publications(project):
        if one.version == version and one.sha256 != digest:
            raise ConfigurationError(
                f"Suite {version} was published on {one.published_at[:10]} with other test files.",
                "Raise `version` under [suite] in lab.toml.",
            )


def publish(project: Project, verification: Verification) -> Publication:
    """Add a verified suite to the record.

    Raises
    ------
    ConfigurationError
        If the verification found a problem, left bugs or variants out, or is of other test files.
    GraderError
        If the record cannot be written.
    """
    if verification.problems:
        raise ConfigurationError(
            f"The suite is not published: {len(verification.problems)} problems, the first: "
            f"{verification.problems[0]}",
            "Mend them and try again.",
        )
    if verification.only or not verification.bugs:
        raise ConfigurationError(
            "The suite was verified against a part of its corpus.",
            "Verify it against all bugs and variants.",
        )
    if verification.suite_sha256 != project.suite_digest():
        raise ConfigurationError(
            "The test files have changed since they were verified.", "Verify them again."
        )
    publication = Publication(
        version=verification.suite_version,
        sha256=verification.suite_sha256,
        seeds=len(verification.seeds),
        bugs=verification.bugs,
        variants=verification.variants,
        cases=len(verification.cases),
        published_at=datetime.now(UTC).isoformat(timespec="seconds"),
        grader_version=__version__,
    )
    earlier = [one for one in read_publications(project) if one.sha256 != publication.sha256]
    document = msgspec.json.format(msgspec.json.encode([*earlier, publication]), indent=2)
    write_atomically(record_path(project), document + b"\n")
    return publication
