"""Keeps code that asks for a window, as it does on a desktop, from failing where there is none."""

from __future__ import annotations

import sys
from typing import Any


def make_headless() -> None:
    """Have matplotlib, if it is imported, go on drawing into memory whatever it is asked to use."""
    matplotlib: Any = sys.modules.get("matplotlib")
    if matplotlib is not None:
        matplotlib.use = _use_no_other


def _use_no_other(*_args: Any, **_kwargs: Any) -> None:
    """Stand in for `matplotlib.use`."""
