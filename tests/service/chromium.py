"""Drives a headless Chromium as a person at the keyboard would, over its own debugging pipe."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FORCED

_PATIENCE = 30.0
_TEXT = {"Enter": "\r"}


class Browser:
    """One tab (Chrome DevTools Protocol: JSON messages, each ended by a zero byte)."""

    def __init__(self, requests: int, replies: int) -> None:
        self._requests = requests
        self._replies = replies
        self._read = b""
        self._number = 0
        self._session: str | None = None
        self.said: list[str] = []
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self._ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable")

    def open(self, address: str) -> None:
        """Go to an address and wait until it is shown."""
        self._ask("Page.navigate", url=address)
        self.wait_for("document.readyState == 'complete' && location.href != 'about:blank'")

    def on_every_page(self, script: str) -> None:
        """Run JavaScript in every page, before anything of the page's own."""
        self._ask("Page.addScriptToEvaluateOnNewDocument", source=script)

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        text = _TEXT.get(key, key if len(key) == 1 else "")
        event = {"key": key, "text": text} if text else {"key": key}
        if key in ("Enter", "Tab"):
            event["windowsVirtualKeyCode"] = {"Enter": 13, "Tab": 9}[key]  # type: ignore[assignment]
        self._ask("Input.dispatchKeyEvent", type="keyDown", **event)
        self._ask("Input.dispatchKeyEvent", type="keyUp", key=key)

    def write(self, text: str) -> None:
        """Type something into the field that has the focus."""
        self._ask("Input.insertText", text=text)

    def value(self, expression: str) -> str:
        """Return what an expression of JavaScript comes to, as text."""
        found = self._ask("Runtime.evaluate", expression=f"String({expression})")
        return str(found["result"].get("value"))

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true and the page is shown."""
        until = time.monotonic() + _PATIENCE
        while self.value(f"({expression}) && document.readyState == 'complete'") != "true":
            assert time.monotonic() < until, (expression, self.value("document.body.innerText"))
            time.sleep(0.05)

    def wait(self, seconds: float) -> None:
        """Do nothing for a while."""
        time.sleep(seconds)

    def close(self) -> None:
        """End the browser."""
        self._session = None
        self._ask("Browser.close")

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._requests, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._next()
            if heard.get("id") == self._number:
                # A page that is being left answers nothing; whoever waits asks again.
                return heard.get("result", {"result": {}})  # type: ignore[no-any-return]
            if heard.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.said.append(json.dumps(heard["params"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            piece = os.read(self._replies, 1 << 16)
            assert piece, "Chromium ended"
            self._read += piece
        message, _, self._read = self._read.partition(b"\0")
        return dict(json.loads(message))


@contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """Start a browser of its own, and end it."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        if FORCED:
            pytest.fail("Chromium is required here")
        pytest.skip("no Chromium")
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()

    def hand_over() -> None:
        # The numbers are the protocol's. First out of the way, lest one overwrites the other.
        first, second = os.dup(theirs_in), os.dup(theirs_out)
        for number in (first, second):
            assert number > 4
        os.dup2(first, 3)
        os.dup2(second, 4)

    process = subprocess.Popen(
        [
            chromium,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={profile}", "--remote-debugging-pipe", "--window-size=1280,900"),
        ],
        preexec_fn=hand_over,
        pass_fds=(3, 4),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        browser = Browser(ours_out, ours_in)
        yield browser
        browser.close()
    finally:
        process.kill()
        process.wait()
        os.close(ours_out)
        os.close(ours_in)
