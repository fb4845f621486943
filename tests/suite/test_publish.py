"""Only a verified suite is published, and a report says whether its suite was."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from grader.errors import ConfigurationError
from grader.lab import Project, read_lab
from grader.publication import is_published, read_publications, record_path
from grader.suite.publish import publish, refuse_used_version
from grader.suite.verify import Verification, verify

from .conftest import SOFTMAX_AXIS


def verification(project: Project, *problems: str) -> Verification:
    return Verification(
        project.lab.suite.version,
        project.suite_digest(),
        "in-process",
        (1,),
        (),
        1,
        1,
        problems,
        (),
        {},
        {},
    )


def test_a_verified_suite_is_recorded_and_known_as_published(copied: Project) -> None:
    assert not is_published(copied, copied.suite_digest())
    published = publish(copied, verification(copied))
    assert is_published(copied, copied.suite_digest())
    assert read_publications(copied) == (published,)


def test_a_changed_byte_ends_being_published(copied: Project) -> None:
    publish(copied, verification(copied))
    path = copied.hidden_tests / "test_relu.py"
    path.write_bytes(path.read_bytes() + b"\n")
    assert not is_published(copied, copied.suite_digest())


def test_a_changed_tolerance_ends_being_published(copied: Project) -> None:
    publish(copied, verification(copied))
    path = copied.root / "lab.toml"
    path.write_text(path.read_text().replace("rtol = 1e-9", "rtol = 1e-8"))
    other = Project(copied.root, read_lab(path))
    assert not is_published(other, other.suite_digest())


def test_a_suite_with_a_problem_is_refused(copied: Project, write_bug: Callable[..., None]) -> None:
    write_bug("by-column", ["relu"], SOFTMAX_AXIS)
    found = verify(copied, (1,), 2, None, lambda done, total: None)
    with pytest.raises(ConfigurationError, match="by-column"):
        publish(copied, found)
    assert not record_path(copied).exists()


def test_a_verification_of_a_part_of_the_corpus_is_refused(copied: Project) -> None:
    whole = verification(copied)
    part = msgspec.structs.replace(whole, only=("softmax-*",))
    none = msgspec.structs.replace(whole, bugs=0, variants=0)
    for found in (part, none):
        with pytest.raises(ConfigurationError, match="a part of its corpus"):
            publish(copied, found)
    assert not record_path(copied).exists()


def test_a_verification_of_other_files_is_refused(copied: Project) -> None:
    found = verification(copied)
    path = copied.hidden_tests / "test_relu.py"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(ConfigurationError, match="changed since"):
        publish(copied, found)


def test_a_version_that_is_taken_by_other_files_is_refused(copied: Project) -> None:
    publish(copied, verification(copied))
    refuse_used_version(copied)
    path = copied.hidden_tests / "test_relu.py"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(ConfigurationError, match="Raise `version`"):
        refuse_used_version(copied)


def test_earlier_publications_stay_in_the_record(copied: Project) -> None:
    publish(copied, verification(copied))
    path = copied.root / "lab.toml"
    path.write_text(path.read_text().replace('version = "', 'version = "2.'))
    tests = copied.hidden_tests / "test_relu.py"
    tests.write_bytes(tests.read_bytes() + b"\n")
    raised = Project(copied.root, read_lab(path))
    publish(raised, verification(raised))
    versions = [one.version for one in read_publications(raised)]
    assert versions == [copied.lab.suite.version, raised.lab.suite.version]


def test_a_record_that_is_not_valid_is_named(copied: Project) -> None:
    record_path(copied).write_text("{}")
    with pytest.raises(ConfigurationError, match=r"published\.json"):
        is_published(copied, copied.suite_digest())


def test_the_project_s_own_suite_is_published_as_it_is(project: Project) -> None:
    assert is_published(project, project.suite_digest()), (
        "run `grader suite publish` and commit hidden_tests/published.json"
    )
    record = read_publications(project)[-1]
    assert msgspec.structs.asdict(record)["version"] == project.lab.suite.version
