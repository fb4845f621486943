"""Serves the student's objects to the grader, in the one process that imports student code.

Nothing here is trusted: the student's code shares this process and can change all of it. The
grader therefore checks every byte that comes out (`grader.bridge.channel`).
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from grader.bridge import protocol, values
from grader.bridge.argument_watch import ArgumentWatch
from grader.bridge.foreseen_answers import ForeseenAnswers
from grader.bridge.frames import Stream
from grader.bridge.host_object import HOST_EXCEPTIONS, HostObject, handle_of, make_host_object
from grader.bridge.services import LAYERS, ServiceClasses
from grader.bridge.student_classes import Spellings, StudentClasses

MESSAGE_LENGTH = 600
ABOUT_LENGTH = 120
TRACEBACK_LINES = 12
# Above all handles that the grader chooses.
FIRST_HANDLE = 1 << 32


def serve(stream: Stream, setup: protocol.Setup, service: str) -> None:
    """Answer requests until the grader closes the connection.

    Parameters
    ----------
    stream : Stream
        The connection to the grader.
    setup : Setup
        What the grader told the worker.
    service : str
        What the process is for: `LAYERS`, or one of `services.SERVICES`.
    """
    layers = StudentClasses(setup.root, setup.modules) if service == LAYERS else None
    classes = layers or ServiceClasses(service)
    _Server(stream, setup, classes).run()


class Classes(Protocol):
    """Where the classes come from that the grader asks for by name."""

    def prepare(self, name: str, module: str, alone: bool) -> None:
        """Import the class, so that no case pays for it; raises what the import raised."""

    def find(self, name: str, module: str) -> Any:
        """Return the class."""

    def find_posed(self, name: str) -> Any:
        """Return the class that a host object stands for, or None."""


class _Server:
    def __init__(self, stream: Stream, setup: protocol.Setup, classes: Classes) -> None:
        self._stream = stream
        self._classes = classes
        self._spellings = Spellings(setup.spellings)
        self._root = setup.root
        self._objects: dict[int, object] = {}
        self._handles: dict[int, int] = {}
        self._host_objects: dict[int, HostObject] = {}
        self._watch = ArgumentWatch()
        self._foreseen = ForeseenAnswers()
        self._next_ask = 0

    def run(self) -> None:
        while True:
            request = self._receive()
            self._answer(request)

    def _receive(self) -> Any:
        return protocol.decode(self._stream.receive(), protocol.requests)

    def _hold_news(self) -> None:
        """Have the grader hear of foreseen questions before what it is sent next."""
        news = self._foreseen.news()
        if news is not None:
            self._stream.hold(protocol.encode(news))

    def _answer(self, request: Any) -> None:
        # Held until the reply is made: the watch alone would not keep them alive.
        arrays: list[values.AnyArray] = []
        try:
            result = self._carry_out(request, arrays)
            reply: protocol.Wire = protocol.Returned(
                request.id, values.to_wire(result, self._handle_of), self._watch.changes()
            )
        # Student code may raise anything, SystemExit and KeyboardInterrupt among it.
        except BaseException as error:
            reply = self._describe(request.id, error)
        self._hold_news()
        # If the grader waits for it, it sends nothing more, and the next `receive` sends this off.
        self._stream.hold(protocol.encode(reply))

    def _carry_out(self, request: Any, arrays: list[values.AnyArray]) -> object:
        match request:
            case protocol.Call():
                args, kwargs = self._arguments(request, arrays)
                target = self._objects[request.target]
                method = getattr(target, self._spellings.of(target, request.method))
                return method(*args, **kwargs)
            case protocol.New():
                args, kwargs = self._arguments(request, arrays)
                made = self._classes.find(request.name, request.module)(*args, **kwargs)
                self._objects[request.handle] = made
                self._handles[id(made)] = request.handle
            case protocol.Get():
                target = self._objects[request.target]
                return getattr(target, self._spellings.of(target, request.name))
            case protocol.Set():
                target = self._objects[request.target]
                value = values.from_wire(request.value, self._object_of)
                setattr(target, self._spellings.of(target, request.name), value)
            case protocol.BeginCase():
                self._objects.clear()
                self._handles.clear()
                self._host_objects.clear()
                self._watch.clear()
                self._foreseen.begin(request.sealed)
                self._next_ask = 0
                random.seed(request.seed)
                # The global generator is the one that students use.
                np.random.seed(request.seed % 2**32)
            case protocol.Prepare():
                self._classes.prepare(request.name, request.module, request.alone)
        return None

    def _arguments(
        self, request: Any, arrays: list[values.AnyArray]
    ) -> tuple[list[Any], dict[str, Any]]:
        args = [values.from_wire(item, self._object_of, arrays) for item in request.args]
        kwargs = values.dict_from_wire(request.kwargs, self._object_of, arrays)
        self._watch.add(request.id, arrays)
        return args, kwargs

    def _handle_of(self, value: object) -> protocol.Remote | protocol.Host:
        if isinstance(value, HostObject):
            return protocol.Host(handle_of(value), [], [])
        handle = self._handles.get(id(value))
        if handle is None:
            handle = FIRST_HANDLE + len(self._objects)
            self._objects[handle] = value
            self._handles[id(value)] = handle
        return protocol.Remote(handle, _about(value))

    def _object_of(self, wire: protocol.Remote | protocol.Host) -> object:
        if isinstance(wire, protocol.Remote):
            return self._objects[wire.handle]
        known = self._host_objects.get(wire.handle)
        if known is None:
            known = make_host_object(
                wire, self._ask_host, self._handle_of, self._classes.find_posed
            )
            self._host_objects[wire.handle] = known
        return known

    def _ask_host(self, kind: Callable[..., protocol.Wire], *fields: Any) -> object:
        """Ask the grader for something of a host object's; it may ask back before it answers."""
        self._next_ask += 1
        question = protocol.encode(kind(self._next_ask, *fields))
        foreseen = self._foreseen.open(question)
        if foreseen is not None:
            return values.from_wire(foreseen.value, self._object_of)
        self._hold_news()
        self._stream.send(question)
        while True:
            answer = self._receive()
            match answer:
                case protocol.HostReturned():
                    return values.from_wire(answer.value, self._object_of)
                case protocol.HostRaised():
                    raise _raised_by_host(answer)
                case _:
                    self._answer(answer)

    def _describe(self, request: int, error: BaseException) -> Any:
        kind = type(error)
        builtin = next(c.__name__ for c in kind.__mro__ if c.__module__ == "builtins")
        try:
            message = str(error)[:MESSAGE_LENGTH]
        except BaseException:
            message = "(its message could not be read)"
        return protocol.Raised(
            request,
            kind.__name__,
            builtin,
            message.encode(errors="replace").decode(),
            list(_frames(error, self._root))[-TRACEBACK_LINES:],
            _host_number(error),
            self._watch.changes(),
        )


def _raised_by_host(answer: protocol.HostRaised) -> Exception:
    """Make a host object's exception.

    Here rather than where it is raised: a variable there would keep it, and with its traceback the
    whole question, until the garbage collector comes by.
    """
    error = HOST_EXCEPTIONS.get(answer.builtin, RuntimeError)(answer.message)
    error._host_number = answer.number  # type: ignore[attr-defined]
    return error


def _host_number(error: BaseException | None) -> int | None:
    """Return the number of the host object's exception at the root of this one, if any."""
    for _ in range(16):
        if error is None:
            return None
        number = getattr(error, "_host_number", None)
        if isinstance(number, int):
            return number
        error = error.__cause__ or error.__context__
    return None


# Describing things to people --------------------------------------------------------------------


def _about(value: object) -> str:
    kind = type(value).__name__
    if isinstance(value, np.ndarray):
        kind = f"array of dtype {value.dtype} and shape {value.shape}"
    return kind[:ABOUT_LENGTH].encode(errors="replace").decode()


def _frames(error: BaseException, root: str) -> Iterator[protocol.Frame]:
    """Yield the traceback's lines in the student's own files, outermost first."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frame = _frame(code.co_filename, trace.tb_lineno, code.co_name, root)
        if frame is not None:
            yield frame
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename:
        frame = _frame(error.filename, error.lineno or 0, "", root)
        if frame is not None:
            yield frame


def _frame(file: str, line: int, function: str, root: str) -> protocol.Frame | None:
    folder = root + os.sep
    if not file.startswith(folder):
        return None
    return protocol.Frame(file.removeprefix(folder)[:200], line, function[:100])
