"""How the worker, and each item process that it forks, comes by a connection to the grader."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable

from grader.bridge.relay import PIECE, Relay

STANDARD_STREAMS = "-"
"""The address that says: all connections go over standard input and output."""

Dial = Callable[[], socket.socket]


def dial_at(address: str) -> Dial:
    """Return what makes connections to the grader; called before the worker's first fork.

    Parameters
    ----------
    address : str
        A unix socket's path, or `STANDARD_STREAMS`, where no socket can be shared.
    """
    if address == STANDARD_STREAMS:
        # In the worker itself: as the sandbox's first process it can be neither killed nor read.
        relay = Relay(_StandardStreams())
        threading.Thread(target=relay.run, daemon=True).start()
        return lambda: _open_through(relay)
    return lambda: _connect_to(address)


def _connect_to(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(path)
    return connection


def _open_through(relay: Relay) -> socket.socket:
    ours, carried = socket.socketpair()
    relay.open(carried)
    return ours


class _StandardStreams:
    """The process's standard input and output, taken from it: nothing else may speak there."""

    def __init__(self) -> None:
        self._input, self._output = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDWR)
        for taken in (0, 1):
            os.dup2(nothing, taken)
        os.close(nothing)
        for descriptor in (self._input, self._output):
            os.set_blocking(descriptor, False)

    def reading(self) -> int:
        return self._input

    def writing(self) -> int:
        return self._output

    def read(self) -> bytes | None:
        try:
            return os.read(self._input, PIECE)
        except BlockingIOError:
            return None

    def write(self, data: memoryview) -> int:
        try:
            return os.write(self._output, data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        os.close(self._input)
        os.close(self._output)
