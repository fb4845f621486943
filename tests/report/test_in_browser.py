"""The pages in a real browser: from disk, without a word to anybody, and at every size."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grader.lab import Project
from grader.model import CaseResult, Entry, Outcome, SubmissionStamp, Suite
from grader.report.student_page import student_page
from tests.conftest import FORCED
from tests.report.browser import Browser, find_chromium
from tests.report.samples import FULL, LOST, PLOTS, evil_report, report_of
from tests.report.test_class_page import evil_class, facts_of, whole

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium = find_chromium()
    if chromium is None:
        if FORCED:
            pytest.fail("Chromium is required here and was not found")
        pytest.skip("Chromium was not found")
    opened = Browser(chromium, tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


def scored(name: str, score: float, *, late: bool = False) -> Entry:
    points = min(score, 15.0)
    full = msgspec.structs.replace(FULL, points=points)
    stamp = SubmissionStamp(f"{name}_LAB3.zip", "0", name, None, {"late": "yes"} if late else None)
    report = report_of(full, PLOTS, score=score, provisional=False, flags=(), submission=stamp)
    return Entry(name, stamp.archive, report)


@pytest.fixture(scope="module")
def pages(project: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    plain = [
        *(scored("ANNA", 9.5), scored("BERT", 100), scored("CARO", 20, late=True)),
        Entry("DIRK", "DIRK_LAB3.zip", None, "The disk was full."),
    ]
    many = tuple(
        CaseResult(f"full/case-{n}", Suite.HIDDEN, Outcome.PASSED, 1.0, about=f"about {n}")
        for n in range(9)
    )
    long = report_of(msgspec.structs.replace(FULL, cases=(*many, LOST)))
    documents = {
        "class": whole(facts_of(project, *plain)),
        "evil class": whole(evil_class(project)),
        "student": student_page(long, "LAB3"),
        "evil student": student_page(evil_report(), "LAB3"),
    }
    for name, document in documents.items():
        (folder / f"{name}.html").write_bytes(document)
    return {name: folder / f"{name}.html" for name in documents}


EVERY = pytest.mark.parametrize("name", ["class", "evil class", "student", "evil student"])


@EVERY
def test_a_page_asks_nobody_for_anything_and_complains_of_nothing(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    browser.open(pages[name])
    asked = [event["request"]["url"] for event in browser.named("Network.requestWillBeSent")]
    outside = [url for url in asked if not url.startswith("data:")]
    assert outside == [pages[name].as_uri()]
    assert browser.evaluate("document.styleSheets.length") == 1
    assert browser.evaluate("getComputedStyle(document.querySelector('h1')).fontSize") != "32px"
    assert browser.named("Log.entryAdded", "Runtime.consoleAPICalled") == []
    assert browser.named("Runtime.exceptionThrown", "Page.javascriptDialogOpening") == []


@EVERY
@pytest.mark.parametrize("width", [320, 400, 1280])
def test_a_page_is_never_wider_than_its_window(
    browser: Browser, pages: dict[str, Path], name: str, width: int
) -> None:
    metrics: dict[str, Any] = {"width": width, "height": 800, "deviceScaleFactor": 1}
    browser.call("Emulation.setDeviceMetricsOverride", mobile=width < 500, **metrics)
    browser.open(pages[name])
    browser.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    browser.call("Emulation.clearDeviceMetricsOverride")


def names(browser: Browser) -> list[str]:
    listed: list[str] = browser.evaluate(
        "[...document.querySelectorAll('.students tbody tr')].filter(r => !r.hidden)"
        ".map(r => r.querySelector('a').textContent)"
    )
    return listed


def press(browser: Browser, column: int) -> None:
    browser.evaluate(f"document.querySelectorAll('.students thead button')[{column}].click()")


def test_students_are_sorted_by_number_and_name_and_the_unknown_stay_last(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["class"])
    assert names(browser) == ["Anna", "Bert", "Caro", "DIRK"]
    press(browser, 1)
    assert names(browser) == ["Anna", "Caro", "Bert", "DIRK"]
    press(browser, 1)
    assert names(browser) == ["Bert", "Caro", "Anna", "DIRK"]
    assert browser.evaluate("document.querySelector('[aria-sort]').textContent") == "score"
    press(browser, 0)
    press(browser, 0)
    assert names(browser) == ["DIRK", "Caro", "Bert", "Anna"]


def test_students_are_found_by_name_and_by_what_is_to_do(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["class"])
    choose = (
        "(text, kind) => { const [i, s] = document.querySelectorAll('.filters input, .filters "
        "select'); i.value = text; s.value = kind; i.dispatchEvent(new Event('input')); }"
    )
    for text, kind, expected in (
        ("", "", ["Anna", "Bert", "Caro", "DIRK"]),
        ("AR", "", ["Caro"]),
        ("", "late", ["Caro"]),
        ("", "regrade", ["DIRK"]),
        ("dirk", "late", []),
        ("", "lost-full", ["Anna"]),
    ):
        browser.evaluate(f"({choose})({text!r}, {kind!r})")
        assert names(browser) == expected, (text, kind)
        assert browser.evaluate("document.querySelector('output').textContent") == (
            f"{len(expected)} shown"
        )
        hidden = "document.querySelectorAll('details.student:not([hidden])').length"
        assert browser.evaluate(hidden) == len(expected)


def test_a_link_opens_the_report_that_it_leads_to(browser: Browser, pages: dict[str, Path]) -> None:
    is_open = "document.getElementById('student-3').open"
    browser.open(pages["class"])
    assert browser.evaluate(is_open) is False
    browser.evaluate("document.querySelector('.students a[href=\"#student-3\"]').click()")
    browser.evaluate("new Promise(done => setTimeout(done, 0))")
    assert browser.evaluate(is_open) is True
    browser.open(pages["student"])
    browser.open(pages["class"], "#student-3")
    assert browser.evaluate(is_open) is True


def test_everything_is_there_without_scripts(browser: Browser, pages: dict[str, Path]) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(pages["class"])
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert names(browser) == ["Anna", "Bert", "Caro", "DIRK"]
    assert browser.evaluate("document.querySelectorAll('thead button').length") == 0
    assert browser.evaluate("document.querySelector('.filters').offsetHeight") == 0
    browser.evaluate("document.querySelector('details.student summary').click()")
    assert browser.evaluate("document.querySelector('details.student').open") is True


def test_a_student_s_paper_holds_what_the_screen_can_open(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["student"])
    assert browser.evaluate("document.querySelector('details').open") is False
    paper = base64.b64decode(browser.call("Page.printToPDF")["data"])
    assert paper.startswith(b"%PDF")
    assert browser.evaluate("document.querySelector('details').open") is True
