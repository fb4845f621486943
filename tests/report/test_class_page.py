"""The class's page: whole, safe to open, and telling of everybody."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from grader.lab import Project
from grader.model import Entry, ItemResult, Outcome, SubmissionStamp
from grader.picture import as_png
from grader.report.class_page import LIMITS, MOST_PICTURES, ClassFacts, class_page
from grader.report.likeness_report import (
    CodePair,
    FilePair,
    LeftOut,
    Likeness,
    Passage,
    PictureGroup,
    SharedPicture,
)
from grader.report.thumbnail import make_thumbnail
from tests.report.html_page import Page, assert_accessible, assert_needs_nothing_else
from tests.report.samples import EVIL, FULL, LOST, PLOTS, SECRET, evil_report, report_of

ADA = Entry("ADA_LOVELACE", "ADA_LOVELACE_LAB3.zip", report_of())
SMALL = make_thumbnail(as_png(np.full((40, 60, 3), 200, np.uint8)))
assert SMALL is not None


def facts_of(project: Project, *entries: Entry, **more: Any) -> ClassFacts:
    return ClassFacts(lab=project.lab, source="/in", seed=7, entries=entries, **more)


def whole(facts: ClassFacts) -> bytes:
    return b"".join(class_page(facts))


def page_of(project: Project, *entries: Entry, **more: Any) -> Page:
    return Page(whole(facts_of(project, *entries, **more)))


def text_of(project: Project, *entries: Entry, **more: Any) -> str:
    return " ".join(page_of(project, *entries, **more).text.split())


def likeness(text: str) -> Likeness:
    return Likeness(
        made_from="",
        threshold=0.6,
        compared=2,
        code=(
            CodePair(
                "ADA_LOVELACE",
                "evil",
                0.875,
                (FilePair(text, text, 0.9, 0.8),),
                (Passage(text, 3, text, text, 4, text),),
            ),
        ),
        code_pairs=5,
        pictures=(
            PictureGroup(True, (SharedPicture("ADA_LOVELACE", text), SharedPicture("evil", text))),
        ),
        archives=(("ADA_LOVELACE", "evil"),),
        left_out=(LeftOut("evil", text, text),),
    )


def evil_class(project: Project) -> ClassFacts:
    """Return a class in which one student tries what they can."""
    assert SMALL is not None
    evil = Entry("evil", f"{EVIL}.zip", evil_report(), superseded=(EVIL,))
    return facts_of(
        project,
        ADA,
        evil,
        Entry("gone", EVIL, None, EVIL),
        likeness=likeness(EVIL),
        pictures=lambda entry: {"plots/student-1.png": SMALL} if entry.key == "evil" else {},
        remarks={"Passed over": (EVIL,)},
    )


CLASSES = {
    "nobody": facts_of,
    "one": lambda project: facts_of(project, ADA),
    "evil": evil_class,
}


@pytest.mark.parametrize("make", CLASSES.values(), ids=CLASSES.keys())
def test_a_page_is_one_file_that_anyone_can_read(project: Project, make: Any) -> None:
    page = Page(whole(make(project)))
    assert_needs_nothing_else(page)
    assert_accessible(page)


def test_what_a_student_wrote_is_text_and_nothing_else(project: Project) -> None:
    document = whole(evil_class(project)).decode()
    page = Page(document.encode())
    assert [image["src"] for image in page.all("img")] == [SMALL.address if SMALL else ""]
    assert not [char for char in document if ord(char) < 32 and char != "\n"]
    assert not set("\u202e\u2066") & set(document)
    assert page.text.count("<script>alert(1)</script>\\x00\\u202egnp.") >= 20


def test_staff_see_everybody_with_points_diagnostics_and_what_is_to_do(project: Project) -> None:
    text = text_of(project, ADA, Entry("BOB", "BOB_LAB3.zip", None, "The disk was full."))
    for expected in (
        "2 submissions",
        "Ada Lovelace 5?",
        "5 of 15",
        SECRET,
        "Proposed: 7.25 points",
        "decide on plots",
        "Need a regrade",
        "BOB: The disk was full.",
        "1 score, mean 5, median 5. The paler part of the bars (1) is provisional",
        "Without a score: 1.",
        "uses torch",
    ):
        assert expected in text, expected


def test_two_students_of_one_name_can_be_told_apart(project: Project) -> None:
    one, other = (Entry(key, "x.zip", report_of()) for key in ("canvas-1", "canvas-2"))
    ben = SubmissionStamp("BEN_ROE_LAB3.zip", "1" * 64, "BEN", "ROE")
    third = Entry("canvas-3", "x.zip", report_of(submission=ben))
    text = text_of(project, one, other, third)
    assert "Ada Lovelace (canvas-1)" in text
    assert "Ada Lovelace (canvas-2)" in text
    assert "Ben Roe" in text
    assert "Ben Roe (" not in text


def test_a_lost_case_leads_to_what_it_is_about_and_who_lost_it(project: Project) -> None:
    page = page_of(project, ADA)
    rows = {attributes["id"] for tag, attributes in page.tags if tag == "tr" and "id" in attributes}
    links = {a["href"] for a in page.all("a") if (a["href"] or "").startswith("#case-")}
    assert len(links) == 1
    assert {f"#{row}" for row in rows} == links
    assert "full/many-rows hidden" in page.text
    assert "0 of 1" in page.text


def test_rows_can_be_told_apart_by_what_is_to_do_with_them(project: Project) -> None:
    late = report_of(submission=SubmissionStamp("B_LAB3.zip", "0", "B", "B", {"late": "yes"}))
    page = page_of(project, ADA, Entry("B", "B_LAB3.zip", late), Entry("C", "C.zip", None))
    kinds = [(a["data-kinds"] or "").split() for tag, a in page.tags if tag == "tr" and len(a) > 1]
    assert kinds == [
        ["lost-full", "review", "flagged"],
        ["lost-full", "review", "flagged", "late"],
        ["regrade"],
    ]


def test_what_the_batch_did_not_come_to_is_no_person_s_to_decide(project: Project) -> None:
    pending = ItemResult("plots", "plots", 10.0, Outcome.NOT_RUN, pending=True)
    text = text_of(project, Entry("A", "a.zip", report_of(FULL, pending)))
    assert "came to all of it: 1 submission. Run it again." in text
    assert "run the batch again for plots" in text
    assert "Wait for a person" not in text


def test_pictures_stand_beside_the_reference_s_and_the_rest_is_linked(project: Project) -> None:
    own = tuple(f"plots/student-{n}.png" for n in range(1, MOST_PICTURES + 3))
    plots = msgspec.structs.replace(PLOTS, artefacts=(*own, "plots/reference.png"), pictures=())
    entry = Entry("Ä B", "a.zip", report_of(plots))
    names = {*own[:2], *own[3:], "plots/reference.png"}
    page = page_of(project, entry, pictures=lambda _: dict.fromkeys(names, SMALL))
    assert len(page.all("img")) == MOST_PICTURES
    assert "The reference, on the same classes" in page.text
    # Two too many, and one of which there is no small picture.
    linked = [a for a in page.addresses if a.endswith(".png")]
    assert len(linked) == MOST_PICTURES + 3
    assert "submissions/%C3%84%20B/artefacts/plots/student-3.png" in linked


def test_of_many_lost_cases_the_first_are_told_and_the_others_named(project: Project) -> None:
    many = LIMITS.cases + 5
    lost = tuple(msgspec.structs.replace(LOST, id=f"full/case-{n}") for n in range(many))
    text = text_of(
        project, Entry("A", "a.zip", report_of(msgspec.structs.replace(FULL, cases=lost)))
    )
    assert text.count("the result is not the expected one") == LIMITS.cases
    assert "5 more were lost" in text
    assert text.count("full/case-12") == 2


def test_long_output_is_cut_and_says_where_the_rest_is(project: Project) -> None:
    item = msgspec.structs.replace(FULL, output="x" * (LIMITS.output + 7))
    text = text_of(project, Entry("A", "a.zip", report_of(item)))
    assert "x" * LIMITS.output in text
    assert "7 more characters are in the report" in text


def test_what_is_alike_is_shown_side_by_side_and_said_to_be_for_people(project: Project) -> None:
    text = text_of(project, ADA, Entry("evil", "e.zip", report_of()), likeness=likeness("full.py"))
    for expected in ("it costs nobody points", "88 %", "The 1 most alike of 5 pairs", "60 %"):
        assert expected in text, expected
    assert "full.py, from line 3" in text


def test_a_student_s_panel_says_whose_work_theirs_is_like(project: Project) -> None:
    page = page_of(
        project, ADA, Entry("evil", "e.zip", report_of()), likeness=likeness("results/loss.png")
    )
    text = " ".join(page.text.split())
    assert text.count("the same archive as") == 2
    assert text.count("88 % of the code in common with") == 2
    assert text.count("results/loss.png: the same plot to the pixel as") == 2
    kinds = [a["data-kinds"] or "" for tag, a in page.tags if tag == "details" and "id" in a]
    assert all("alike" in kind.split() for kind in kinds)


def test_a_grader_error_is_shown_as_a_regrade_and_never_as_a_number(project: Project) -> None:
    broken = ItemResult("full", "full.py", 15.0, Outcome.GRADER_ERROR)
    report = report_of(broken, score=None, score_note=None)
    page = page_of(project, Entry("A", "a.zip", report, "The engine stopped."))
    text = " ".join(page.text.split())
    assert "Lovelace flag – regrade" in text
    assert "Nobody has a score yet" in text


def test_a_class_of_which_only_some_items_were_run_has_no_final_grades(project: Project) -> None:
    passed = msgspec.structs.replace(FULL, outcome=Outcome.PASSED, points=15.0)
    not_run = ItemResult("relu", "relu.py", 10.0, Outcome.NOT_RUN)
    entries = [
        Entry(key, f"{key}.zip", report_of(*items, score=15.0, provisional=False))
        for key, items in (("PART", (passed, not_run)), ("WHOLE", (passed,)))
    ]
    text = text_of(project, entries[0])
    assert "1graded in part" in text
    assert "have a final grade" not in text
    assert "Not run for all: relu. Their scores leave that out, and are no final grades." in text
    assert "Of what was run, nothing is left to do." in text
    assert "Of all of them, items were not run, so that they are out of fewer points." in text
    both = text_of(project, *entries)
    assert "1have a final grade 1graded in part" in both
    assert "Not run for 1 submission: relu." in both
    assert "Of 1, items were not run" in both
    waits = ItemResult("plots", "Plots", 10.0, Outcome.NEEDS_REVIEW)
    waiting = report_of(passed, not_run, waits, score=15.0, provisional=True)
    text = text_of(project, Entry("WAITS", "WAITS.zip", waiting))
    assert "Not run for all: relu." in text
    assert "in part" not in text
    whole_class = text_of(project, entries[1])
    assert "in part" not in whole_class
    assert "not run" not in whole_class
    assert "Nothing: every submission has its grade." in whole_class
