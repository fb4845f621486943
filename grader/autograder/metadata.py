"""What Gradescope says of a submission: whose it is, and whether it is late."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec


class GradescopeMetadata(msgspec.Struct, frozen=True):
    """`submission_metadata.json`, as far as grading needs it.

    Attributes
    ----------
    number : str
        The submission's; empty if not known.
    names, emails, sids : tuple of str
        Of those who handed in; a member may lack one.
    late_by : timedelta or None
        How long after the due date; None if it was not late, or nobody says.
    due_known : bool
        Whether there is a due date.
    """

    number: str = ""
    names: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    sids: tuple[str, ...] = ()
    late_by: timedelta | None = None
    due_known: bool = False

    @property
    def lms(self) -> dict[str, str]:
        """The numbers, for the report."""
        known = {"lms": "gradescope", "submission_id": self.number}
        for key, values in (("name", self.names), ("email", self.emails), ("sid", self.sids)):
            if values:
                known[key] = values[0]
        if self.due_known:
            known["late"] = "no" if self.late_by is None else "yes"
        return known

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the student reads first."""
        if self.late_by is None:
            return ()
        minutes = int(self.late_by.total_seconds()) // 60
        hours, minutes = divmod(minutes, 60)
        after = f"{hours} h {minutes} min" if hours else f"{minutes} min"
        return (f"Handed in {after} after the due date. No points were taken off for it here.",)


def read_metadata(path: Path) -> GradescopeMetadata:
    """Read the file; whatever it lacks, or says in a way that is not known, is left out."""
    try:
        document = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return GradescopeMetadata()
    if not isinstance(document, dict):
        return GradescopeMetadata()
    listed = document.get("users")
    users = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    due = _due(document, users)
    handed_in = _time(document.get("created_at"))
    late_by = handed_in - due if due is not None and handed_in is not None else None
    return GradescopeMetadata(
        number=_word(document.get("id")),
        names=_words(users, "name"),
        emails=_words(users, "email"),
        sids=_words(users, "sid"),
        late_by=late_by if late_by is not None and late_by > timedelta(0) else None,
        due_known=late_by is not None,
    )


def _due(document: dict[str, Any], users: list[dict[str, Any]]) -> datetime | None:
    """Return the latest of the due dates: an extension is a user's own."""
    holders = [document, *users]
    own = [one.get("assignment") for one in holders]
    times = [_time(each.get("due_date")) for each in own if isinstance(each, dict)]
    known = [each for each in times if each is not None]
    return max(known, default=None)


def _time(value: Any) -> datetime | None:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo is not None else None


def _words(users: list[dict[str, Any]], key: str) -> tuple[str, ...]:
    return tuple(word for one in users if (word := _word(one.get(key))))


def _word(value: Any) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
