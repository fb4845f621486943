"""A batch's submissions with what is known of whose each is, for handing grades back."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.source.enrolment import person_of
from grader.batch.source.handed import Handed
from grader.errors import GraderError
from grader.model import Report
from grader.report.lms.filling import Candidate
from grader.report.lms.grade import grade_of
from grader.roster import Person


def candidates_of(batch: BatchFolder, lab_name: str) -> tuple[Candidate, ...]:
    """Return a batch's submissions, by key: one report after the other is read.

    Raises
    ------
    GraderError
        If the folder holds no batch, or a report in it cannot be read.
    """
    return tuple(
        Candidate(grade_of(batch.entry(one)), _person(one, lab_name))
        for one in batch.manifest().handed
    )


def graded_reports(
    batch: BatchFolder, candidates: Collection[Candidate]
) -> Iterator[tuple[Candidate, Report]]:
    """Yield the reports of what has a grade, in the order given: one after the other is read.

    Raises
    ------
    GraderError
        If one cannot be read, or says something else than when the candidates were made.
    """
    handed = {one.key: one for one in batch.manifest().handed}
    for one in candidates:
        key = one.grade.key
        entry = batch.entry(handed[key]) if key in handed else None
        if entry is None or entry.report is None or grade_of(entry) != one.grade:
            raise GraderError(
                f"The result of {key} changed meanwhile.",
                "Run the command again when nobody grades or reviews.",
            )
        yield one, entry.report


def _person(handed: Handed, lab_name: str) -> Person:
    person = person_of(handed, lab_name)
    if handed.seed is None:
        return person
    return msgspec.structs.replace(person, ids={"student": str(handed.seed), **person.ids})
