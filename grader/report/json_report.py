"""The report as JSON, and its schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from grader.model import (
    REPORT_SCHEMA,
    Audience,
    CaseResult,
    ItemResult,
    Outcome,
    Report,
    Suite,
)

SCHEMA_FILE = Path(__file__).with_name("grader-report-1.schema.json")
NOT_YOUR_FAULT = "This could not be graded, for a reason that is not yours. Staff will see to it."


def to_json(report: Report, audience: Audience) -> bytes:
    """Encode a report for its readers, indented, with a line feed at its end.

    Parameters
    ----------
    report : Report
        Everything that is known.
    audience : Audience
        Students get the same document without diagnostics and captured output; their feedback
        never held a hidden value in the first place.
    """
    shown = report if audience is Audience.STAFF else for_students(report)
    return msgspec.json.format(msgspec.json.encode(shown), indent=2) + b"\n"


def for_students(report: Report) -> Report:
    """Return the report without what only staff may see."""
    return msgspec.structs.replace(report, items=tuple(_item_for_students(i) for i in report.items))


def _item_for_students(item: ItemResult) -> ItemResult:
    # What went wrong on our side may quote a log, and with it what a hidden test said.
    feedback = (NOT_YOUR_FAULT,) if item.outcome is Outcome.GRADER_ERROR else item.feedback
    decision = item.decision
    if decision is not None:
        # That a person decided, and why, is the student's to know; which of the staff is not.
        decision = msgspec.structs.replace(decision, who="staff", points_before=None)
    return msgspec.structs.replace(
        item,
        decision=decision,
        output="",
        proposed=None,
        artefacts=(),
        pictures=(),
        feedback=feedback,
        cases=tuple(_case_for_students(case) for case in item.cases),
    )


def _case_for_students(case: CaseResult) -> CaseResult:
    # How long a hidden case took can depend on its values, as the student's code pleases.
    seconds = 0.0 if case.suite is Suite.HIDDEN else case.seconds
    return msgspec.structs.replace(case, diagnostics=(), seconds=seconds)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of `grader-report/1`, made from the report's types."""
    schema = msgspec.json.schema(Report)
    for definition in schema["$defs"].values():
        definition["description"] = definition["description"].partition("\n")[0]
        if "properties" in definition:
            # A report is always written whole: readers may rely on every field.
            definition["required"] = list(definition["properties"])
            definition["additionalProperties"] = False
            for field in definition["properties"].values():
                field.pop("default", None)
    schema["$defs"]["Report"]["properties"]["schema"] = {"const": REPORT_SCHEMA}
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = REPORT_SCHEMA
    return schema
