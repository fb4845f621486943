"""A person with a keyboard and nothing else, at a page in a real browser."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.conftest import FORCED
from tests.report.browser import Browser, find_chromium

_PATIENCE = 60.0
_CODES = {"Enter": 13, "Tab": 9}


class Person:
    """Presses keys, types and looks."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    def on_every_page(self, script: str) -> None:
        """Have JavaScript run in every page, before anything of the page's own."""
        self._browser.call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def go_to(self, address: str) -> None:
        """Open an address and wait until it is shown."""
        self._browser.call("Page.navigate", url=address)
        self.wait_for("location.href != 'about:blank'")

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        code = _CODES.get(key, 0)
        down = {"key": key, "text": text, "windowsVirtualKeyCode": code}
        self._browser.call("Input.dispatchKeyEvent", type="keyDown", **down)
        self._browser.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def write(self, text: str) -> None:
        """Type something into the field that has the focus."""
        self._browser.call("Input.insertText", text=text)

    def sees(self, expression: str) -> object:
        """Return what an expression of JavaScript comes to."""
        return self._browser.evaluate(expression)

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true in a page that is shown."""
        until = time.monotonic() + _PATIENCE
        while True:
            # A page that is being left answers nothing.
            with suppress(AssertionError):
                if self.sees(f"document.readyState == 'complete' && ({expression})"):
                    return
            assert time.monotonic() < until, expression
            time.sleep(0.05)

    @property
    def complaints(self) -> list[str]:
        """What the browser refused, or could not do."""
        return [str(said) for said in self._browser.named("Log.entryAdded")]


@contextmanager
def at_a_browser(profile: Path) -> Iterator[Person]:
    """Start a browser of its own, and end it."""
    chromium = find_chromium() or shutil.which("google-chrome")
    if chromium is None:
        if FORCED:
            pytest.fail("Chromium is required here")
        pytest.skip("no Chromium")
    browser = Browser(chromium, profile)
    try:
        yield Person(browser)
    finally:
        browser.close()
