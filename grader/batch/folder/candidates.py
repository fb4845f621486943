"""A batch's submissions with what is known of whose each is, for handing grades back."""

from __future__ import annotations

from pathlib import Path

import msgspec

from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.source.enrolment import person_of
from grader.report.lms.filling import Candidate


def candidates_of(folder: Path, lab_name: str) -> tuple[Candidate, ...]:
    """Return a batch's submissions, by key.

    Raises
    ------
    GraderError
        If the folder holds no batch, or a report in it cannot be read.
    """
    batch = BatchFolder(folder)
    found = []
    for handed, entry in zip(batch.manifest().handed, batch.entries(), strict=True):
        person = person_of(handed, lab_name)
        if handed.seed is not None:
            ids = {"student": str(handed.seed), **person.ids}
            person = msgspec.structs.replace(person, ids=ids)
        found.append(Candidate(entry, person))
    return tuple(found)
