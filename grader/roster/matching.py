"""Finds whose a submission is: by the LMS's numbers, else by name. What is ambiguous stays open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from grader.intake import listed, quoted
from grader.roster.names import folded, nearest, run_together, spelled_out
from grader.roster.students import Listed

S = TypeVar("S", bound=Listed)


class Person(msgspec.Struct, frozen=True):
    """What is known of whoever handed in.

    Attributes
    ----------
    ids : mapping of str to str
        The LMS's numbers, by the kinds of `Student.ids`.
    names : tuple of str
        From the surest down: what the LMS says, then what the archive is called.
    squeezed : str
        Last and first name in one, as Canvas writes them; empty if not known.
    """

    ids: Mapping[str, str] = {}
    names: tuple[str, ...] = ()
    squeezed: str = ""


class Match(msgspec.Struct, Generic[S], frozen=True):
    """A student, or in a clause why there is none."""

    student: S | None
    why: str = ""


def match(students: Sequence[S], person: Person) -> Match[S]:
    """Find a person in a list.

    An id decides, whatever the name is. Among names, the first kind of likeness that fits anybody
    decides, and if it fits two, nobody is chosen.
    """
    by_id = [one for one in students if _shares_id(one, person)]
    if by_id:
        return _only(by_id, "the LMS's numbers")
    for name in person.names:
        for fold in (folded, spelled_out):
            found = _same(students, name, fold)
            if found:
                return _only(found, f"the name {quoted(name)}")
    if person.squeezed:
        # `doejane`, without what is no letter.
        letters = "".join(folded(person.squeezed))
        found = [one for one in students if letters and letters in run_together(one.name)]
        if found:
            return _only(found, f"the name {quoted(person.squeezed)}")
    return Match(None, _unknown(students, person))


def _shares_id(student: Listed, person: Person) -> bool:
    for kind, value in person.ids.items():
        mine = [student.ids.get(kind, "")]
        if kind in ("canvas", "moodle", "gradescope"):
            mine.append(student.ids.get("lms", ""))
        if value and _plain(value) in {_plain(one) for one in mine if one}:
            return True
    return False


def _plain(value: str) -> str:
    return value.casefold().lstrip("0") or "0"


def _same(students: Iterable[S], name: str, fold: Callable[[str], tuple[str, ...]]) -> list[S]:
    words = fold(name)
    return [one for one in students if words and fold(one.name) == words]


def _only(found: list[S], what: str) -> Match[S]:
    if len(found) == 1:
        return Match(found[0])
    lines = ", ".join(str(one.line) for one in found)
    return Match(None, f"{what} fits {len(found)} students (lines {lines})")


def _unknown(students: Sequence[Listed], person: Person) -> str:
    if not person.names and not person.squeezed:
        return "no name is known"
    name = person.names[0] if person.names else person.squeezed
    near = nearest(name, [one.name for one in students])
    hint = f"; nearest is {quoted(near)}" if near else ""
    return f"nobody in it is called {listed([*person.names] or [name])}{hint}"
