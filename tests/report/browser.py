"""Drives a headless Chromium over its DevTools protocol, by a pipe: no port, no other package."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--remote-debugging-pipe"),
)
SECONDS = 60.0


def find_chromium() -> str | None:
    """Return the browser's path, if there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """One browser with one page, and everything that it told of.

    Attributes
    ----------
    events : list of dict
        What the protocol calls events, in their order.
    """

    def __init__(self, chromium: str, profile: Path) -> None:
        # The protocol speaks on descriptors 3 and 4.
        words = [chromium, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["sh", "-c", 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1', "sh", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._last = 0
        self._read = b""
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        targets = self.call("Target.getTargets")["targetInfos"]
        (page,) = [one["targetId"] for one in targets if one["type"] == "page"]
        attached = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\0")
        self._process.stdin.flush()
        while True:
            answer = self._next()
            if answer.get("id") == self._last:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self._read:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._process.stdout], [], [], max(left, 0))
            assert ready, "the browser does not answer"
            chunk = os.read(self._process.stdout.fileno(), 1 << 20)
            assert chunk, "the browser has ended"
            self._read += chunk
        line, _, self._read = self._read.partition(b"\0")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def open(self, path: Path, hash_: str = "") -> None:
        """Load a page from disk and wait until it is there."""
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri() + hash_)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def evaluate(self, expression: str) -> Any:
        """Return a JavaScript expression's value."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def named(self, *methods: str) -> list[dict[str, Any]]:
        """Return the events of these kinds."""
        return [event["params"] for event in self.events if event["method"] in methods]

    def close(self) -> None:
        """End the browser, with the processes that it started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
