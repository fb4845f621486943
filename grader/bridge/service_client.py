"""The trusted end of a service's process: calls on the one object that it consists of."""

from __future__ import annotations

import time
from typing import Any

from grader.bridge import protocol
from grader.bridge.channel import Channel
from grader.bridge.frames import Stream
from grader.bridge.host_registry import Reach
from grader.bridge.services import SERVICES


class ServiceClient:
    """Makes a service's object in its process and calls its methods.

    What it answers is checked as student code's answers are: it shares a process with that code,
    or with what that code wrote.

    Parameters
    ----------
    stream : Stream
        The process's connection, its Hello already received.
    service : str
        A name in `services.SERVICES`.
    reach : Reach
        What the process may do with host objects among the arguments.
    seconds : float
        Time to import and make the object.
    *args : object
        The object's constructor takes these.

    Raises
    ------
    StudentFault
        If the process does not answer as it must.
    """

    def __init__(
        self, stream: Stream, service: str, reach: Reach, seconds: float, *args: object
    ) -> None:
        module, name = SERVICES[service]
        self._channel = Channel(stream, {}, reach)
        self._channel.use_proxies(lambda remote: remote, _no_handle)
        self._channel.prepare(name, module, alone=False, seconds=seconds)
        made = self._channel.new(name, module, args, {})
        if not isinstance(made, protocol.Remote):
            raise TypeError(f"{name} is not an object of the process's")
        self._handle = made.handle
        self._channel.flush()

    def call(self, method: str, *args: object, seconds: float) -> Any:
        """Call a method and return what it returns.

        Objects that cannot cross come as `protocol.Remote`.

        Raises
        ------
        StudentFault
            If the method raises (`StudentRaised`), takes longer than `seconds`, or the process
            breaks the protocol or ends.
        """
        self._channel.allow_until(time.monotonic() + seconds)
        return self._channel.call(self._handle, method, args, {})

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()


def _no_handle(value: object) -> None:
    """Say that no value stands for an object of the process's."""
