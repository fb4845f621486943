"""Brings a container's connections to the cell's socket over its standard streams.

For an engine on another machine, with which no socket can be shared. A thread of its own always
reads what comes: an engine that nobody reads from can neither kill nor describe its container.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from pathlib import Path
from typing import Any

from grader.bridge.relay import PIECE, Relay

_HEADER = struct.Struct(">BxxxI")
"""What the engine puts before each piece of output: the stream it is of, and its length."""
_STDOUT = 1


class AttachedBridge:
    """The grader's end of a container's standard streams.

    Parameters
    ----------
    attached : object
        What the SDK's `attach_socket` returned.
    path : Path
        The cell's socket, which every connection that the container opens leads to.
    """

    def __init__(self, attached: Any, path: Path) -> None:
        self._relay = Relay(_AttachedStreams(attached), lambda: _call(path))
        self._thread = threading.Thread(target=self._relay.run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the streams and every connection; stopping twice does no harm."""
        self._relay.stop()
        self._thread.join()


def _call(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # A queue that is full refuses the caller; waiting for it would hold up all others.
    connection.setblocking(False)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection


class _AttachedStreams:
    """The connection to the engine: standard input one way, and the other way output in pieces."""

    def __init__(self, attached: Any) -> None:
        # Kept, for the SDK's object closes the connection when it is collected.
        self._attached = attached
        self._socket: socket.socket = getattr(attached, "_sock", attached)
        self._socket.setblocking(False)
        self._received = bytearray()
        self._stream = _STDOUT
        self._left = 0

    def reading(self) -> int:
        return self._socket.fileno()

    writing = reading

    def read(self) -> bytes | None:
        try:
            data = self._socket.recv(PIECE)
            if isinstance(self._socket, ssl.SSLSocket):
                # Deciphered already, so no poll would tell of it.
                while data and self._socket.pending():
                    data += self._socket.recv(self._socket.pending())
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        return self._output_in(data) or None if data else b""

    def write(self, data: memoryview) -> int:
        try:
            return self._socket.send(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0

    def close(self) -> None:
        # Closing alone would do nothing while a fork of this process has the descriptor too.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._attached.close()
        self._socket.close()

    def _output_in(self, data: bytes) -> bytes:
        """Return the bytes of standard output; the engine's own framing may be cut anywhere."""
        self._received += data
        output = bytearray()
        while self._left or len(self._received) >= _HEADER.size:
            if not self._left:
                self._stream, self._left = _HEADER.unpack_from(self._received)
                del self._received[: _HEADER.size]
                continue
            piece = self._received[: self._left]
            if not piece:
                break
            del self._received[: len(piece)]
            self._left -= len(piece)
            if self._stream == _STDOUT:
                output += piece
        return bytes(output)
