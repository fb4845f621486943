"""The server itself: where it listens, what it leaves, and whether a browser can use its pages."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from grader.batch.folder.batch_folder import BatchFolder
from grader.errors import GraderError
from grader.lab import Project
from grader.service.refresher import Refresher
from tests.batch.batches import make_batch, plots, relu, report_of
from tests.service.keyboard import at_a_browser

START = "from grader.cli.main import main; main()"


@pytest.fixture
def batch(project: Project, tmp_path: Path) -> BatchFolder:
    reports = {key: report_of(key, relu(), plots()) for key in ("ADA", "BEN")}
    return make_batch(tmp_path / "graded", project, reports)


@contextmanager
def reviewing(folder: Path) -> Iterator[str]:
    """Run `grader review` and give its address."""
    command = [sys.executable, "-c", START, "review", str(folder), "--who", "Grace"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has it ignored, and it would be inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert address, process.communicate()[1]
    try:
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "all decisions are kept" in said
    assert "Traceback" not in said


def test_a_decision_over_the_wire_is_in_the_gradebook_when_the_server_has_ended(
    batch: BatchFolder,
) -> None:
    with reviewing(batch.folder) as address:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{43}", address)
        origin = address.partition("/?")[0]
        jar = urllib.request.HTTPCookieProcessor(CookieJar())
        opener = urllib.request.build_opener(jar)
        assert b"2 to decide" in opener.open(address).read()
        page = opener.open(f"{origin}/decide/ADA/plots").read().decode()
        form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
        form |= {"act": "accept", "who": "Grace"}
        request = urllib.request.Request(
            f"{origin}/decide/ADA/plots",
            data=urllib.parse.urlencode(form).encode(),
            headers={"Origin": origin},
        )
        assert b"Kept: 10 of 10 points" in opener.open(request).read()
    assert [one.who for one in batch.overrides()] == ["Grace"]
    assert ",20," in (batch.folder / "gradebook.csv").read_text()


def test_a_port_that_is_taken_is_said(batch: BatchFolder) -> None:
    with reviewing(batch.folder) as address:
        port = re.findall(r":(\d+)/", address)[0]
        again = subprocess.run(
            [sys.executable, "-c", START, "review", str(batch.folder), "--port", port],
            capture_output=True,
            text=True,
            check=False,
        )
    assert again.returncode == 2
    assert f"Nothing can listen on port {port}" in again.stderr


def test_work_that_is_asked_for_while_it_is_done_is_done_once_more() -> None:
    begun, go_on = threading.Event(), threading.Event()
    times: list[int] = []

    def work() -> None:
        times.append(len(times))
        begun.set()
        assert go_on.wait(60)

    refresher = Refresher(work)
    refresher.ask()
    assert begun.wait(60)
    for _ in range(5):
        refresher.ask()
    go_on.set()
    refresher.close()
    assert times == [0, 1]


def test_what_went_wrong_in_the_background_is_said_on_the_pages() -> None:
    def fail() -> None:
        raise GraderError("The disk is full.", "Make room.")

    refresher = Refresher(fail)
    refresher.ask()
    refresher.close()
    assert refresher.problem == "The disk is full. Make room."


# A stroke meant for the page before must not decide on what nobody has looked at.
TOO_EARLY = """addEventListener("DOMContentLoaded", () => {
    dispatchEvent(new KeyboardEvent("keydown", {key: "a", bubbles: true}));
});"""


@pytest.mark.browser
def test_a_person_decides_with_the_keyboard_alone(batch: BatchFolder, tmp_path: Path) -> None:
    with reviewing(batch.folder) as address, at_a_browser(tmp_path / "profile") as person:
        person.on_every_page(TOO_EARLY)
        person.go_to(address)
        assert person.sees("document.images.length") == 4
        person.press("Enter")
        person.wait_for("document.title == 'plots of Ada Doe'")
        person.wait_for("document.body.dataset.seen")
        person.press("a")
        person.wait_for("document.title == 'plots of Ben Doe'")
        assert person.sees("document.body.innerText.includes('Kept: 10 of 10 points')")
        person.wait_for("document.body.dataset.seen")
        person.press("e")
        person.write("6.5")
        person.press("Tab")
        person.press("a")
        person.press("Enter")
        person.wait_for("document.title == 'Review: 0 to decide'")
        person.press("u")
        person.wait_for("document.title == 'plots of Ben Doe'")
        person.wait_for("document.body.dataset.seen")
        person.press("b")
        person.wait_for("!document.body.innerText.includes('Take it back')")
        assert person.sees("getComputedStyle(document.querySelector('.decide')).position") == (
            "sticky"
        )
        # A style sheet, a script or a picture that the policy refuses is said there.
        assert person.complaints == []
    (kept,) = batch.overrides()
    assert (kept.key, kept.points, kept.who) == ("ADA", 10.0, "Grace")
