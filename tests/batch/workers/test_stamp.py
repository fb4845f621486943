"""What a cluster's worker must have in common with the machine that sends it tasks."""

from __future__ import annotations

import msgspec
import pytest

from grader.batch.workers.cluster import objection
from grader.batch.workers.stamp import Stamp, difference
from grader.batch.workers.task_process import Ready, Refused

HERE = Stamp("g" * 64, "l" * 64, "s" * 64, "r" * 64, "docker", "sha256:" + "1" * 64, "d", "3", "2")


def answer(**changed: str) -> bytes:
    return msgspec.msgpack.encode(Ready(msgspec.structs.replace(HERE, **changed)))


def test_a_worker_like_this_machine_is_let_in() -> None:
    assert objection(answer(), HERE) == ""


@pytest.mark.parametrize("field", Stamp.__struct_fields__)
def test_a_worker_that_differs_in_anything_is_refused(field: str) -> None:
    assert objection(answer(**{field: "other"}), HERE)


def test_the_sentence_names_what_differs_on_both_sides() -> None:
    there = msgspec.structs.replace(HERE, runtime="sha256:" + "2" * 64, dataset="")
    assert difference(HERE, there) == (
        "the sandbox's image or runtime (111111111111 here, 222222222222 there), "
        "the data set (d here, none there)"
    )


def test_a_worker_without_a_sandbox_or_without_the_grader_says_why() -> None:
    refused = msgspec.msgpack.encode(Refused("There is no Docker."))
    assert objection(refused, HERE) == "There is no Docker."
    missing = ModuleNotFoundError("No module named 'grader'")
    assert "No module named 'grader'" in objection(missing, HERE)
