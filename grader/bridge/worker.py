"""The worker: the first process in a sandbox, which forks a fresh process for each rubric item.

It imports nothing of the student's. Between items it kills whatever the last one left behind.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any

# Imported before the first fork, so that no item process pays for it.
import numpy as np  # noqa: F401
import numpy.linalg
import numpy.random  # noqa: F401

from grader.bridge import item_process, memory_count, protocol
from grader.bridge.dialling import Dial, dial_at
from grader.bridge.frames import Stream, StreamClosed
from grader.bridge.kernel_files import contents, mapped_bytes
from grader.bridge.preloading import Libraries
from grader.bridge.run_delay import delay_seconds

FRAME_CAP = 1 << 30
ENDING_SECONDS, ENDING_PAUSE = 2.0, 0.002
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36

# Looked up once: what a fork does for the first time, it does in memory of its own.
_LIBC = ctypes.CDLL(None)


def main(address: str, token: str) -> None:
    """Serve one grader, found at `address`, until it closes the control connection."""
    # Item processes have the worker's user. They must not write into its memory or take its
    # file descriptors, or student code could live on from one item to the next.
    _prctl(PR_SET_DUMPABLE, 0)
    # As its namespace's first process it gets no signal from within but those that it has a
    # handler for, and Python has one for this.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A process that is killed at the end of its item has no moment to flush.
    for printed in (sys.stdout, sys.stderr):
        if isinstance(printed, io.TextIOWrapper):
            printed.reconfigure(line_buffering=True)
    dial = dial_at(address)
    stream = _greet(dial(), token)
    setup = protocol.decode(stream.receive(), protocol.orders)
    # What item processes share with this one is not to be copied for the garbage collector's marks.
    gc.freeze()
    # Whoever starts a worker may have left it off while everything is imported.
    gc.enable()
    try:
        _Worker(stream, dial, setup).run()
    except StreamClosed:
        _kill_everything(setup.own_pids)
    # Python's own ending would take apart all that was imported, which is two thirds of the work.
    os._exit(0)


def _greet(connection: socket.socket, token: str) -> Stream:
    # The grader caps what it sends; a cap here only catches a broken stream.
    stream = Stream(connection, FRAME_CAP)
    stream.send(protocol.encode(protocol.Hello(token)))
    return stream


class _Worker:
    def __init__(self, stream: Stream, dial: Dial, setup: protocol.Setup) -> None:
        self._stream = stream
        self._dial = dial
        self._setup = setup
        self._child: int | None = None
        self._output = bytearray()
        self._pipe: int | None = None
        self._group = memory_count.own_group()
        self._killed = 0
        self._libraries = Libraries()
        _prctl(PR_SET_CHILD_SUBREAPER, 1)

    def run(self) -> None:
        self._reply(protocol.Done())
        while True:
            self._drain_until_order()
            order = protocol.decode(self._stream.receive(), protocol.orders)
            self._reply(self._carry_out(order))

    def _reply(self, message: protocol.Wire) -> None:
        self._stream.send(protocol.encode(message))

    def _carry_out(self, order: Any) -> protocol.Wire:
        match order:
            case protocol.WriteFile():
                return self._write(order)
            case protocol.Preload():
                return self._preload(order)
            case protocol.Start():
                return self._start(order)
            case protocol.TellDelay():
                return self._tell_delay()
            case protocol.End():
                return self._end(order)
        return protocol.Done(f"unexpected order {type(order).__name__}")

    def _write(self, order: protocol.WriteFile) -> protocol.Done:
        target = os.path.join(self._setup.root, order.path)
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if not order.path.endswith("/"):
                with open(target, "wb") as file:
                    file.write(order.data)
        except OSError as error:
            # What was written of it would take room from others.
            with contextlib.suppress(OSError):
                os.unlink(target)
            return protocol.Done(f"{order.path}: {error.strerror}")
        return protocol.Done()

    def _preload(self, order: protocol.Preload) -> protocol.Done:
        self._libraries.load(order.modules)
        gc.freeze()
        return protocol.Done()

    def _start(self, order: protocol.Start) -> protocol.Done:
        self._libraries.give_way(self._setup.root)
        self._killed = memory_count.kills(self._group)
        self._output.clear()
        # Made before there is a process of the student's, which might keep it from being made.
        connection = self._dial()
        readable, writable = os.pipe()
        try:
            child = os.fork()
        except OSError as error:
            connection.close()
            os.close(readable)
            os.close(writable)
            return protocol.Done(f"no process could be started ({error.strerror})")
        if child == 0:
            _become_item_process(writable, connection, order, self._setup)
        connection.close()
        os.close(writable)
        os.set_blocking(readable, False)
        self._child, self._pipe = child, readable
        return protocol.Done()

    def _tell_delay(self) -> protocol.Delayed:
        if self._child is None:
            return protocol.Delayed(0.0)
        return protocol.Delayed(delay_seconds(self._child, neighbours=self._setup.own_pids))

    def _end(self, order: protocol.End) -> protocol.Ended:
        ended_by = 0
        if self._child is not None:
            status = _status_of(self._child) if order.lost else None
            if status is None:
                _kill(self._child)
            elif os.WIFSIGNALED(status):
                ended_by = os.WTERMSIG(status)
        _kill_everything(self._setup.own_pids)
        self._drain()
        if self._pipe is not None:
            os.close(self._pipe)
        self._child = self._pipe = None
        output = self._output.decode(errors="replace")
        killed = memory_count.kills(self._group) > self._killed
        machines = killed and not memory_count.limit_was_reached(self._group)
        return protocol.Ended(ended_by, killed and not machines, output, machines)

    def _drain_until_order(self) -> None:
        """Wait for the next order; what the item process prints meanwhile is taken or dropped."""
        if self._stream.has_unread:
            return
        poll = select.poll()
        poll.register(self._stream, select.POLLIN)
        if self._pipe is not None:
            poll.register(self._pipe, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll()]
            if self._pipe is not None and self._pipe in ready and not self._drain():
                poll.unregister(self._pipe)
            if self._stream.fileno() in ready:
                return

    def _drain(self) -> bool:
        """Empty the output pipe; False when nobody holds its other end any more."""
        if self._pipe is None:
            return False
        # Bounded, so that a flood cannot keep the worker from hearing its next order.
        for _ in range(64):
            try:
                data = os.read(self._pipe, 1 << 16)
            except BlockingIOError:
                return True
            if not data:
                return False
            room = self._setup.output_bytes - len(self._output)
            self._output += data[: max(room, 0)]
        return True


def _become_item_process(
    output: int,
    connection: socket.socket,
    order: protocol.Start,
    setup: protocol.Setup,
) -> None:
    """Turn a fresh fork into an item process; never returns."""
    try:
        os.setsid()
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # Its own files in /proc are its own again; among them the one that the kernel's choice
        # of whom to kill for memory depends on.
        _prctl(PR_SET_DUMPABLE, 1)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.closerange(3, connection.fileno())
        os.closerange(connection.fileno() + 1, 256)
        _set_limits(setup.rlimits)
        _be_first_to_go()
        os.chdir(setup.root)
        # As when they run a script of theirs: their own folder comes first.
        sys.path.insert(0, setup.root)
        sys.argv = [""]
        # The next item's process need not compile the same files again.
        sys.dont_write_bytecode = False
        stream = _greet(connection, order.token)
        item_process.serve(stream, setup, order.service)
    finally:
        os._exit(0)


def _set_limits(rlimits: dict[str, int]) -> None:
    for name, value in rlimits.items():
        which = getattr(resource, f"RLIMIT_{name}")
        if name == "AS":
            value += mapped_bytes()
        _, hard = resource.getrlimit(which)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(which, (value, value))


def _be_first_to_go() -> None:
    """Ask the kernel to kill this process, not the worker, when memory runs out."""
    try:
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    except OSError:
        return
    try:
        os.write(descriptor, b"1000")
    except OSError:
        return
    finally:
        os.close(descriptor)


def _status_of(child: int) -> int | None:
    """Return how a process ended; None if it goes on.

    A process that is ending has closed its connection before there is a status to read, the longer
    the busier the machine is. One that has closed it and lives is not waited for long.
    """
    deadline = time.monotonic() + ENDING_SECONDS
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        if time.monotonic() > deadline:
            return None
        time.sleep(ENDING_PAUSE)


def _kill_everything(own_pids: bool) -> None:
    """Kill all that the item process left, and collect it."""
    while True:
        if own_pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        else:
            for child in _children():
                _kill(child)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    """Return this process's children, orphans of item processes among them."""
    return [int(pid) for pid in contents(f"/proc/self/task/{os.getpid()}/children").split()]


def _kill(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _prctl(option: int, value: int) -> None:
    """Set a Linux process attribute; elsewhere there is none to set."""
    if sys.platform == "linux":
        _LIBC.prctl(option, value, 0, 0, 0)
