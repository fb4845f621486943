"""What Gradescope says of a submission is read liberally, and never stops a grading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.autograder.metadata import GradescopeMetadata, read_metadata

DUE = "2026-11-24T10:00:00.000000-08:00"


def read(tmp_path: Path, document: Any) -> GradescopeMetadata:
    (tmp_path / "m.json").write_text(json.dumps(document))
    return read_metadata(tmp_path / "m.json")


@pytest.mark.parametrize(
    ("created", "own", "late", "said"),
    [
        ("2026-11-24T12:05:00.000000-08:00", None, "yes", "2 h 5 min after"),
        ("2026-11-24T09:59:00.000000-08:00", None, "no", None),
        ("2026-11-24T18:30:00.000000+00:00", None, "yes", "30 min after"),
        ("2026-11-24T12:05:00.000000-08:00", "2026-11-25T10:00:00.000000-08:00", "no", None),
    ],
)
def test_lateness_counts_from_the_due_date_or_an_extension(
    tmp_path: Path, created: str, own: str | None, late: str, said: str | None
) -> None:
    user = {"name": "Ada Right", "email": "a@x.edu", "id": 5, "assignment": {"due_date": own}}
    document = {
        "id": 17,
        "created_at": created,
        "assignment": {"due_date": DUE},
        "users": [user],
    }
    found = read(tmp_path, document)
    assert found.lms == {
        "lms": "gradescope",
        "submission_id": "17",
        "name": "Ada Right",
        "email": "a@x.edu",
        "late": late,
    }
    assert len(found.remarks) == (said is not None)
    assert (said or "") in "".join(found.remarks)


def test_without_a_due_date_nothing_is_said_of_lateness(tmp_path: Path) -> None:
    found = read(tmp_path, {"id": 17, "created_at": DUE})
    assert "late" not in found.lms
    assert found.remarks == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
KEYS = ("id", "created_at", "assignment", "users", "due_date", "name")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.dictionaries(st.sampled_from(KEYS), JSON) | JSON)
def test_any_document_gives_an_answer(tmp_path: Path, document: Any) -> None:
    assert read(tmp_path, document).lms["lms"] == "gradescope"


def test_a_missing_file_is_no_reason_not_to_grade(tmp_path: Path) -> None:
    assert read_metadata(tmp_path / "none") == GradescopeMetadata()
