"""The review's pages: who is let in, what they show, and what a decision does."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from grader.batch.finish import refresh
from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.review.decisions import NONE, decide
from grader.lab import Project
from grader.model import Flag, Graded, ItemResult, LossCurve, Outcome
from grader.overrides import Override
from grader.pipeline import REFUSED
from grader.service.guard import Guard
from grader.service.review import make_app
from grader.service.shelf import Shelf
from tests.batch.batches import PICTURE, case, make_batch, plots, relu, report_of, sha_of

PORT = 8765
HOST = f"127.0.0.1:{PORT}"
ORIGIN = f"http://{HOST}"
EVIL = "<script>alert(1)</script>\u202e"
Post = Callable[..., TestResponse]


class Browser(FlaskClient):
    """Asks the server under its own address, as a browser on the machine does."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        kwargs.setdefault("base_url", ORIGIN)
        kwargs.setdefault("buffered", True)
        return super().open(*args, **kwargs)


@pytest.fixture
def batch(project: Project, tmp_path: Path) -> BatchFolder:
    """Make a batch in which ADA, BEN and CHO wait for a person, and DAN has no plots."""
    ways = {"ADA": plots(), "BEN": plots(), "CHO": plots(), "DAN": plots(Outcome.FAILED)}
    reports = {key: report_of(key, relu(), item) for key, item in ways.items()}
    return make_batch(tmp_path / "graded", project, reports)


@pytest.fixture
def guard() -> Guard:
    return Guard(PORT)


@pytest.fixture
def stranger(project: Project, batch: BatchFolder, guard: Guard) -> FlaskClient:
    """Return a browser that has not opened the printed address."""
    shelf = Shelf(batch.folder)

    def refreshed() -> None:
        refresh(shelf, project)

    app = make_app(shelf, guard, "ada", refreshed, lambda: "")
    app.testing = True
    app.test_client_class = Browser
    return app.test_client()


@pytest.fixture
def browser(stranger: FlaskClient, guard: Guard) -> FlaskClient:
    answer = stranger.get(guard.address)
    assert (answer.status_code, answer.location) == (302, "/")
    return stranger


@pytest.fixture
def post(browser: FlaskClient) -> Post:
    """Send the form of an item as its page would, with some fields filled in."""

    def send(key: str, item: str = "plots", **fields: str) -> TestResponse:
        page = browser.get(f"/decide/{key}/{item}").text
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
        form = {**hidden, "who": "ada", "act": "save", **fields}
        return browser.post(f"/decide/{key}/{item}", data=form, headers={"Origin": ORIGIN})

    return send


# Who is let in.


def test_nobody_is_let_in_without_the_printed_address(stranger: FlaskClient) -> None:
    for path in ("/", "/?token=guess", "/decide/ADA/plots", "/picture/ADA/plots/student-1.png"):
        answer = stranger.get(path)
        assert answer.status_code == 403, path
        assert "Ada" not in answer.text
    assert stranger.get("/static/review.css").status_code == 403


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1:1", ""])
def test_a_foreign_name_for_this_server_is_refused(browser: FlaskClient, host: str) -> None:
    answer = browser.get("/", headers={"Host": host})
    assert answer.status_code == 403
    assert "answers on the loopback address alone" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": f"https://{HOST}"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_form_from_another_page_changes_nothing(
    browser: FlaskClient, batch: BatchFolder, headers: dict[str, str]
) -> None:
    form = {"act": "accept", "sha256": sha_of("ADA"), "seen": NONE, "who": "ada"}
    assert browser.post("/decide/ADA/plots", data=form, headers=headers).status_code == 403
    assert batch.overrides() == ()


def test_the_token_leaves_the_address_and_never_leads_elsewhere(
    stranger: FlaskClient, guard: Guard
) -> None:
    token = guard.address.partition("token=")[2]
    answer = stranger.get(f"//evil.example/?token={token}", base_url=ORIGIN)
    assert "evil" not in (answer.location or "").partition("//")[2]
    cookie = stranger.get(guard.address).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


def test_every_answer_has_a_policy_that_lets_nothing_in_from_elsewhere(
    browser: FlaskClient,
) -> None:
    for path in ("/", "/decide/ADA/plots", "/nowhere", "/static/review.js"):
        answer = browser.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none';")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"


# What is shown.


def test_the_sheet_shows_every_plot_that_waits_beside_the_reference(browser: FlaskClient) -> None:
    page = browser.get("/").text
    assert "3 to decide" in page
    for key in ("ADA", "BEN", "CHO"):
        assert f'src="/picture/{key}/plots/student-1.png"' in page
        assert f'src="/picture/{key}/plots/reference.png"' in page
    assert "DAN" not in page
    assert "0 decided" in page


def test_a_picture_is_sent_only_if_the_report_names_it(
    browser: FlaskClient, batch: BatchFolder
) -> None:
    answer = browser.get("/picture/ADA/plots/student-1.png")
    assert (answer.data, answer.mimetype) == (PICTURE, "image/png")
    (batch.artefacts_path("ADA") / "secret.png").write_bytes(b"secret")
    for name in ("secret.png", "../report.json", "..%2freport.json", "plots/../../report.json"):
        assert browser.get(f"/picture/ADA/{name}").status_code == 404, name
    assert browser.get("/picture/..%2fADA/plots/student-1.png").status_code == 404


def test_the_page_of_an_item_shows_what_was_found_and_where_to_go_on(browser: FlaskClient) -> None:
    page = browser.get("/decide/BEN/plots").text
    assert "2 pictures" in page
    assert "waiting: 2 of 3" in page
    assert '<a href="/decide/ADA/plots?show=waiting" data-key="p ArrowLeft">' in page
    assert '<a href="/decide/CHO/plots?show=waiting" data-key="n ArrowRight">' in page
    assert "Accept 10" in page
    assert 'name="who" maxlength="100" required value="ada"' in page


def test_the_losses_seen_in_training_stand_beside_the_plots(
    browser: FlaskClient, batch: BatchFolder
) -> None:
    curves = (
        LossCurve(EVIL, (1.0, 2.0, 3.0), (1.4, 1.0, 0.5), diverged=False),
        LossCurve("given", (1.0,), (1.4,), diverged=True),
    )
    trained = ItemResult("better_cifar", "better_cifar.py", 10.0, Outcome.PASSED, 10.0)
    seen = msgspec.structs.replace(trained, curves=curves)
    batch.write("ADA", Graded(report_of("ADA", plots(), seen)), ())
    for item in ("plots", "better_cifar"):
        page = browser.get(f"/decide/ADA/{item}").text
        assert page.count('<polyline class="curve k0"') == 2, "the line, and its sample"
        assert f"{html.escape(EVIL[:-1])}\\u202e: from 1.4 to 0.5 in 3 passes" in page
        assert "given; it diverged at the cross" in page
        assert "<script>alert" not in page
    batch.write("BEN", Graded(report_of("BEN", plots(), trained)), ())
    assert "There is no training curve: no loss was seen" in browser.get("/decide/BEN/plots").text
    not_run = msgspec.structs.replace(trained, outcome=Outcome.NOT_RUN, points=None)
    for key, items in {"BEN": (plots(), not_run), "CHO": (relu(), plots())}.items():
        batch.write(key, Graded(report_of(key, *items)), ())
        assert "train" not in browser.get(f"/decide/{key}/plots").text


def test_what_students_wrote_is_text_and_nothing_else(
    browser: FlaskClient, batch: BatchFolder
) -> None:
    item = msgspec.structs.replace(
        plots(),
        description=EVIL,
        feedback=(EVIL,),
        output=EVIL,
        cases=(msgspec.structs.replace(case("x", Outcome.NEEDS_REVIEW), feedback=(EVIL,)),),
    )
    report = report_of("ADA", relu(), item)
    stamp = msgspec.structs.replace(
        report.submission, archive=f"{EVIL}.zip", first_name=EVIL, last_name=EVIL
    )
    report = msgspec.structs.replace(report, submission=stamp)
    batch.write("ADA", Graded(report), ())
    for path in ("/", "/decide/ADA/plots", "/student/ADA"):
        page = browser.get(path).text.lower()
        assert html.escape("<script>alert(1)") in page
        assert "<script>alert" not in page
        assert "\u202e" not in page


# What a decision does.


def test_one_key_accepts_the_proposal_and_goes_on(
    browser: FlaskClient, batch: BatchFolder, post: Post
) -> None:
    answer = post("ADA", act="accept")
    assert answer.status_code == 302
    assert answer.location == "/decide/BEN/plots?show=waiting&kept=ADA/plots"
    (kept,) = batch.overrides()
    assert (kept.points, kept.who, kept.why) == (10.0, "ada", "As the check proposed.")
    assert (kept.key, kept.sha256) == ("ADA", sha_of("ADA"))
    assert batch.read("ADA").score == 20.0
    assert "ADA,ADA_LAB3.zip" in (batch.folder / "gradebook.csv").read_text()
    assert ",20," in (batch.folder / "gradebook.csv").read_text()
    page = browser.get(answer.location).text
    assert "Kept: 10 of 10 points for plots of Ada Doe." in page


def test_the_last_decision_leads_back_to_the_sheet(browser: FlaskClient, post: Post) -> None:
    for key in ("ADA", "BEN"):
        post(key, act="accept")
    answer = post("CHO", act="accept")
    assert answer.location == "/?show=waiting&kept=CHO/plots"
    page = browser.get(answer.location).text
    assert "0 to decide" in page
    assert "3 decided" in page


def test_points_with_a_reason_are_kept_and_offered_from_then_on(
    browser: FlaskClient, batch: BatchFolder, post: Post
) -> None:
    assert post("ADA", points="7,5", why="  The loss\nis missing. ", who="Grace").status_code == 302
    (kept,) = batch.overrides()
    assert (kept.points, kept.why, kept.who) == (7.5, "The loss is missing.", "Grace")
    page = browser.get("/decide/BEN/plots").text
    assert "<kbd>1</kbd> 7.5: The loss is missing." in page
    assert 'value="Grace"' in page
    assert post("BEN", act="choose 7.5 The loss is missing.").status_code == 302
    assert batch.read("BEN").items[1].points == 7.5


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"points": "many", "why": "x"}, "is no number of points"),
        ({"points": "nan", "why": "x"}, "is no number of points"),
        ({"points": "11", "why": "x"}, "which has 10"),
        ({"points": "-1", "why": "x"}, "gives -1 points"),
        ({"points": "5", "why": " "}, "does not say why"),
        ({"points": "5", "why": "x", "who": " "}, "does not say who"),
    ],
)
def test_a_decision_that_does_not_fit_is_said_and_what_was_typed_stays(
    batch: BatchFolder, post: Post, fields: dict[str, str], said: str
) -> None:
    answer = post("ADA", **fields)
    assert answer.status_code == 400
    assert said in html.unescape(answer.text)
    assert f'name="points" inputmode="decimal" size="6" value="{fields["points"]}"' in answer.text
    assert batch.overrides() == ()


def test_a_decision_is_taken_back(browser: FlaskClient, batch: BatchFolder, post: Post) -> None:
    before = batch.read("ADA")
    post("ADA", act="accept")
    assert "Take it back" in browser.get("/decide/ADA/plots?show=decided").text
    assert post("ADA", act="take back").location == "/decide/ADA/plots?show=waiting"
    assert batch.read("ADA") == before
    assert "3 to decide" in browser.get("/").text


def test_who_looked_before_another_decided_is_told_and_loses_nothing_typed(
    browser: FlaskClient, batch: BatchFolder
) -> None:
    theirs = Override(
        sha_of("ADA"), "plots", 3.0, "Bob", "2026-11-24T10:00:00+01:00", "blurred", "ADA"
    )
    decide(batch, theirs, NONE)
    form = {"sha256": sha_of("ADA"), "seen": NONE, "who": "ada", "points": "9", "why": "my words"}
    answer = browser.post("/decide/ADA/plots", data=form, headers={"Origin": ORIGIN})
    assert answer.status_code == 409
    assert "Somebody decided otherwise (Bob: 3 points)" in answer.text
    assert "my words" in answer.text
    assert batch.overrides() == (theirs,)


def test_any_item_of_a_submission_can_be_decided_on(
    browser: FlaskClient, batch: BatchFolder, post: Post
) -> None:
    assert 'href="/decide/DAN/relu?show=waiting"' in browser.get("/student/DAN").text
    post("DAN", "relu", points="4", why="by hand")
    item = batch.read("DAN").items[0]
    assert item.decision is not None
    assert (item.points, item.decision.before, item.decision.points_before) == (
        4.0,
        Outcome.PASSED,
        10.0,
    )


def test_a_decision_about_an_earlier_archive_is_said(
    browser: FlaskClient, batch: BatchFolder, post: Post
) -> None:
    post("ADA", points="3", why="blurred")
    again = report_of("ADA", relu(), plots(), sha256="f" * 64)
    batch.write("ADA", Graded(again), batch.overrides())
    page = browser.get("/decide/ADA/plots").text
    assert "A decision about an earlier archive exists and does not count" in page
    assert "ada gave 3 points" in page
    assert "A decision about an earlier archive exists" in browser.get("/").text


def test_what_could_not_be_graded_is_named(browser: FlaskClient, batch: BatchFolder) -> None:
    batch.write_problem("BEN", "The disk was full.")
    assert "1 could not be graded and are not here" in browser.get("/").text
    assert browser.get("/decide/BEN/plots").status_code == 404
    assert "The disk was full." in browser.get("/student/BEN").text


# Archives that could not be opened.


@pytest.fixture
def refused(project: Project, batch: BatchFolder) -> Graded:
    """Make ADA's archive one that nothing could be read from."""
    items = [
        ItemResult("structure", "Names", 10.0, Outcome.NEEDS_REVIEW, feedback=("It is no zip.",)),
        ItemResult("relu", "relu.py", 10.0, Outcome.NOT_RUN),
        ItemResult("plots", "Plots", 10.0, Outcome.NOT_RUN),
    ]
    flags = (Flag(REFUSED, "It is no zip."),)
    graded = Graded(msgspec.structs.replace(report_of("ADA", *items), flags=flags))
    batch.write("ADA", graded, ())
    return graded


def test_one_stroke_gives_nothing_for_all_of_an_archive_that_could_not_be_opened(
    browser: FlaskClient, post: Post, batch: BatchFolder, refused: Graded
) -> None:
    page = browser.get("/decide/ADA/structure").text
    assert 'value="refuse" data-key="0"' in page
    assert page.count("It is no zip.") == 1
    post("ADA", "structure", act="refuse")
    report = batch.read("ADA")
    assert (report.score, report.is_final) == (0.0, True)
    assert {item.decision and item.decision.why for item in report.items} == {
        "The archive could not be opened."
    }
    assert 'value="refuse"' not in browser.get("/decide/ADA/structure").text
    post("ADA", "structure", act="take back")
    assert batch.overrides() == ()
    assert batch.read("ADA") == refused.report


def test_what_somebody_gave_for_an_item_of_such_an_archive_stays(
    post: Post, batch: BatchFolder, refused: Graded
) -> None:
    post("ADA", "plots", points="7", why="sent by mail")
    post("ADA", "structure", act="refuse")
    assert {one.item: one.points for one in batch.overrides()} == {
        "plots": 7.0,
        "structure": 0.0,
        "relu": 0.0,
    }


def test_only_an_archive_that_could_not_be_opened_can_be_refused(
    browser: FlaskClient, post: Post, batch: BatchFolder
) -> None:
    assert 'value="refuse"' not in browser.get("/decide/ADA/plots").text
    post("ADA", "plots", act="refuse")
    assert [one.item for one in batch.overrides()] == ["plots"]
