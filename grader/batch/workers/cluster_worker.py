"""The half of a cluster that runs on its workers: it keeps processes and hands tasks to them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, BinaryIO, cast

import msgspec

from grader.batch.workers.task_process import (
    Came,
    Message,
    Ready,
    Refused,
    Said,
    Setup,
    read_message,
    write_message,
)
from grader.batch.workers.tasks import KILLED, Failed, encode
from grader.errors import GraderError
from grader.one_thread import ONE_THREAD

_lock = threading.Lock()
_idle: dict[bytes, list[TaskProcess]] = {}
_all: list[tuple[str, TaskProcess]] = []
# The kernel ends a child together with the thread that made it, and this one never ends.
_maker = ThreadPoolExecutor(1)


class TaskProcess:
    """A process of `task_process`, from the worker's side.

    Parameters
    ----------
    setup : bytes
        An encoded `Setup`.

    Raises
    ------
    GraderError
        If the machine lacks something.
    """

    def __init__(self, setup: bytes) -> None:
        self._process = _maker.submit(_start).result()
        with suppress(OSError):  # It says why, or its end does.
            write_message(self._stdin, setup)
        answer = self._read()
        if isinstance(answer, Refused):
            raise GraderError(answer.why, "Mend that, then start the worker again.")
        if not isinstance(answer, Ready):
            raise GraderError("The worker's own process did not start.", "Look at its log.")
        self.ready = answer

    @property
    def _stdin(self) -> BinaryIO:
        return cast(BinaryIO, self._process.stdin)

    def perform(self, task: bytes, tell: Callable[[bytes], None]) -> bytes | None:
        """Perform a task; None if the process was killed."""
        with suppress(OSError):
            write_message(self._stdin, task)
        while True:
            match self._read():
                case Said(told):
                    tell(told)
                case Came(result):
                    return result
                case _:
                    self.kill()
                    return None

    def kill(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def _read(self) -> Message | None:
        data = read_message(cast(BinaryIO, self._process.stdout))
        return None if data is None else msgspec.msgpack.decode(data, type=Message)


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "grader.batch.workers.task_process", str(os.getpid())]
    environment = {**os.environ, **ONE_THREAD}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment)  # noqa: S603


def check_in(setup: bytes) -> bytes:
    """Return this worker's encoded `Ready` or `Refused`."""
    try:
        process = _made(setup)
    except GraderError as error:
        return msgspec.msgpack.encode(Refused(error.what))
    with _lock:
        _idle.setdefault(setup, []).append(process)
    return msgspec.msgpack.encode(process.ready)


async def admit(resource: str, dask_worker: Any = None) -> None:
    """Let a worker have as many of a batch's tasks at once as it has threads."""
    await dask_worker.set_resources(**{resource: dask_worker.state.nthreads})


def perform_here(setup: bytes, task: bytes, topic: str) -> bytes:
    """Perform a task on the worker that this is called on; bytes in, bytes out."""
    from distributed import get_worker

    worker = get_worker()
    with _lock:
        waiting = _idle.setdefault(setup, [])
        process = waiting.pop() if waiting else None
    try:
        process = process or _made(setup)
    except GraderError as error:
        return encode(Failed(str(error)))
    result = process.perform(task, lambda told: worker.log_event(topic, told))
    if result is None:
        return encode(Failed(KILLED))
    with _lock:
        waiting.append(process)
    return result


def dismiss(batch: str) -> None:
    """End a batch's processes on this worker."""
    with _lock:
        mine = [process for name, process in _all if name == batch]
        _all[:] = [pair for pair in _all if pair[0] != batch]
        for setup in list(_idle):
            _idle[setup] = [process for process in _idle[setup] if process not in mine]
    for process in mine:
        process.kill()


def _made(setup: bytes) -> TaskProcess:
    process = TaskProcess(setup)
    with _lock:
        _all.append((msgspec.msgpack.decode(setup, type=Setup).batch, process))
    return process
