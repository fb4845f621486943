"""Runs all tests in two halves at the same time: `python tests/side_by_side.py`.

What needs a sandbox or a browser mostly waits for it, so it runs beside everything else. Each half
is a pytest of its own, and a test is in one of them; what the second half says comes when the first
is done. The exit code is the first half's, or the second's if that is 0.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
APART = "docker or bubblewrap or browser"
"""The second half, as `pytest -m` takes it."""


def start(chosen: str, output: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """Start pytest on the tests with some markers."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-m", chosen],
        cwd=ROOT,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
    )


def main() -> int:
    """Run both halves and return the exit code."""
    # What is started in the background ignores it, and the halves would too.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with tempfile.TemporaryFile() as said:
        halves = [start(f"not ({APART})"), start(APART, said)]

        def interrupt(_number: int, _frame: FrameType | None) -> None:
            for half in halves:
                half.send_signal(signal.SIGINT)

        # Ctrl-C reaches the halves by itself; however they are stopped, they clear away first.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, interrupt)
        first = halves[0].wait()
        print(f"\nWith a sandbox or a browser ({APART}):", flush=True)
        second = halves[1].wait()
        said.seek(0)
        shutil.copyfileobj(said, sys.stdout.buffer)
        sys.stdout.flush()
    return first or second


if __name__ == "__main__":
    sys.exit(main())
