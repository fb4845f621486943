"""Puts the class list beside what was handed in: whose is what, who is missing, who is unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from grader.batch.source.handed import Handed
from grader.intake import quoted, read_name
from grader.roster import Match, Person, Roster, Student
from grader.roster.matching import match


class Enrolment(msgspec.Struct, frozen=True):
    """What a class list and a source come to together.

    Attributes
    ----------
    handed : tuple of Handed
        All of them, with the numbers that their students have in the class list.
    unknown : tuple of str
        A sentence for each submission that is nobody's in the class list, or not surely.
    missing : tuple of str
        A sentence for each student without a submission.
    """

    handed: tuple[Handed, ...]
    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def enrol(handed: Sequence[Handed], roster: Roster | None, lab_name: str) -> Enrolment:
    """Find each submission's student; without a class list, change nothing.

    Two submissions of one student, where no LMS says which is the later, get no number: one of
    them may be somebody else's.
    """
    if roster is None:
        return Enrolment(tuple(handed))
    matches = [match(roster.students, person_of(one, lab_name)) for one in handed]
    claims = Counter(found.student.line for found in matches if found.student is not None)
    enrolled, unknown = [], []
    for one, found in zip(handed, matches, strict=True):
        found = _unless_claimed_twice(found, claims)
        seed = None if found.student is None else found.student.seed
        enrolled.append(msgspec.structs.replace(one, seed=seed))
        if found.student is None:
            unknown.append(
                f"{one.key} ({quoted(one.name)}) has no number from the class list: {found.why}."
            )
    missing = tuple(
        f"{student.name} (line {student.line}, number {student.seed}) has no submission."
        for student in roster.students
        if student.line not in claims
    )
    return Enrolment(tuple(enrolled), tuple(unknown), missing)


def person_of(one: Handed, lab_name: str) -> Person:
    """Return what is known of whoever handed an archive in."""
    lms = one.lms or {}
    ids = {"student": lms.get("sid", ""), "email": lms.get("email", "")}
    if lms.get("lms") == "canvas":
        ids["canvas"] = lms.get("user_id", "")
    if lms.get("lms") == "gradescope":
        ids["gradescope"] = lms.get("submission_id", "")
    if lms.get("lms") == "moodle":
        ids["moodle"] = lms.get("participant", "")
    named = (lms.get("name", ""), name_of_archive(one.name, lab_name))
    names = tuple(dict.fromkeys(name for name in named if name))
    return Person({kind: value for kind, value in ids.items() if value}, names, lms.get("sort", ""))


def name_of_archive(file_name: str, lab_name: str) -> str:
    """Return the student's name as an archive's name has it; empty if it has none."""
    who = read_name(file_name, lab_name).identity
    return " ".join(name for name in (who.first_name, who.last_name) if name)


def _unless_claimed_twice(found: Match[Student], claims: Counter[int]) -> Match[Student]:
    if found.student is None or claims[found.student.line] == 1:
        return found
    several = claims[found.student.line]
    return Match(
        None, f"{several} submissions fit {quoted(found.student.name)} (line {found.student.line})"
    )
