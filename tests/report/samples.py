"""Reports for tests of the pages: a plain one, and one whose student tries what they can."""

from __future__ import annotations

from typing import Any

import msgspec

from grader.model import (
    CaseResult,
    Decision,
    Flag,
    ItemResult,
    Outcome,
    PictureFacts,
    Report,
    SandboxStamp,
    SubmissionStamp,
    Suite,
    SuiteStamp,
)

EVIL = "<script>alert(1)</script>\x00\u202egnp.\u2066\x1b[31m\"'><img src=x onerror=alert(2)>"
"""What a student may write wherever they can."""
SECRET = "expected 8675309.25"

PASSED = CaseResult("full/one-row", Suite.PUBLIC, Outcome.PASSED, 1.0, about="one row")
LOST = CaseResult(
    "full/many-rows",
    Suite.HIDDEN,
    Outcome.FAILED,
    2.0,
    seconds=0.5,
    about="many rows",
    feedback=("many rows: the result is not the expected one",),
    diagnostics=(SECRET,),
)
FULL = ItemResult(
    "full",
    "full.py implementation",
    15.0,
    Outcome.PARTIAL,
    points=5.0,
    cases=(PASSED, LOST),
    output=f"printed: {SECRET}",
)
PLOTS = ItemResult(
    "plots",
    "Plot of the loss",
    10.0,
    Outcome.NEEDS_REVIEW,
    proposed=7.25,
    feedback=('"results/loss.png": PNG, 600 x 400.',),
    artefacts=("plots/student-1.png", "plots/reference.png"),
    pictures=(
        PictureFacts(
            "plots/student-1.png", "results/loss.png", "PNG", 600, 400, 0.1, "a" * 64, "b" * 64
        ),
    ),
)


def report_of(*items: ItemResult, **changes: Any) -> Report:
    """Return a report about Ada's submission."""
    whole = Report(
        submission=SubmissionStamp("ADA_LOVELACE_LAB3.zip", "0" * 64, "ADA", "LOVELACE"),
        score=5.0,
        max_score=100.0,
        provisional=True,
        score_note="out of 15 points; provisional, plots (10) needs a person's decision",
        items=items or (FULL, PLOTS),
        flags=(Flag("library-use", "uses torch"),),
        suite=SuiteStamp("1.0.0", "0" * 64, 7, published=True),
        sandbox=SandboxStamp("docker", "sha256:0", True, {"case_seconds": 20.0}, {}),
        timings={"total": 1.5},
        graded_at="2026-11-24T03:05:00+00:00",
        grader_version="0.1.0",
    )
    return msgspec.structs.replace(whole, **changes)


def evil_report() -> Report:
    """Return a report in which everything that a student can write is an attack."""
    case = msgspec.structs.replace(
        LOST, feedback=(EVIL, f"one\n{EVIL}"), diagnostics=(EVIL, f"two\n{EVIL}")
    )
    full = msgspec.structs.replace(FULL, feedback=(EVIL,), cases=(PASSED, case), output=EVIL)
    decision = Decision("Bob", "2026-11-24T10:00:00+01:00", EVIL, 3.0, Outcome.NEEDS_REVIEW)
    facts = msgspec.structs.replace(PLOTS.pictures[0], path=f"results/{EVIL}.png")
    plots = msgspec.structs.replace(PLOTS, feedback=(EVIL,), pictures=(facts,), decision=decision)
    return report_of(
        full,
        plots,
        submission=SubmissionStamp(f"{EVIL}.zip", "1" * 64, EVIL, EVIL, {"name": EVIL}),
        flags=(Flag("library-use", EVIL),),
        score_note=EVIL,
    )
