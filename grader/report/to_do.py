"""Says what is still to do about a submission."""

from __future__ import annotations

from grader.model import Entry, Outcome


def to_do(entry: Entry) -> str:
    """Return it in a few words; nothing where the submission has its grade."""
    if entry.report is None or entry.needs_regrade:
        return "needs regrade"
    pending = [item.id for item in entry.report.items if item.pending]
    if pending:
        return f"run the batch again for {', '.join(pending)}"
    waiting = [item.id for item in entry.report.items if item.outcome is Outcome.NEEDS_REVIEW]
    return f"decide on {', '.join(waiting)}" if waiting else ""
