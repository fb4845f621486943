"""A cell: one live sandbox with a worker in it, used for one submission and thrown away."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from grader.bridge import protocol
from grader.bridge.faults import ProcessLost
from grader.bridge.frames import BadFrame, DeadlinePassed, Stream, StreamClosed
from grader.bridge.services import LAYERS
from grader.errors import GraderError
from grader.lab import Lab, Limits
from grader.sandbox.launch import SOCKET_NAME, Launched, Sandbox
from grader.sandbox.leftovers import temporary_parents, temporary_prefix

# A worker killed by student code is replaced; one that keeps dying is the student's loss.
MOST_LAUNCHES = 12

LONGEST_ADDRESS = 103
"""Bytes of a socket's path: 107 with Linux, 103 with macOS."""
FRAME_MARGIN = 1 << 16
"""Bytes of a frame that are left for everything but a file's content."""

_T = TypeVar("_T")


class Cell:
    """Starts a sandbox, gives its worker the submission's files, and starts item processes.

    Parameters
    ----------
    sandbox : Sandbox
        The kind to use.
    lab : Lab
        Accepted spellings and module names.
    files : mapping of str to bytes
        What to write below the submission's root.
    limits : Limits or None
        What the student's code may use; None for the lab's limits for layer tests.

    Raises
    ------
    GraderError
        On entering, if the sandbox does not start.
    """

    def __init__(
        self, sandbox: Sandbox, lab: Lab, files: Mapping[str, bytes], limits: Limits | None = None
    ) -> None:
        self._sandbox = sandbox
        self._lab = lab
        self._limits = lab.limits if limits is None else limits
        self._files = files
        self._libraries: Sequence[str] = ()
        self._place: Path | None = None
        self._listener: socket.socket | None = None
        self._launched: Launched | None = None
        self._control: Stream | None = None
        self._launches = 0

    def __enter__(self) -> Self:
        self.open()
        try:
            self.fill(self._files)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def open(self) -> None:
        """Start the sandbox, with nothing of a submission in it yet.

        Raises
        ------
        GraderError
            If it does not start.
        """
        try:
            self._listen()
            self._launch()
        except BaseException:
            self.close()
            raise

    @property
    def is_open(self) -> bool:
        """Whether there is a sandbox, started and not stopped."""
        return self._launched is not None

    def fill(self, files: Mapping[str, bytes], libraries: Sequence[str] = ()) -> None:
        """Write a submission's files; an empty sandbox that has ended meanwhile is replaced.

        Parameters
        ----------
        files : mapping of str to bytes
            What to write below the submission's root, now and in each sandbox that takes the
            place of this one. A path that ends in a slash is a folder.
        libraries : sequence of str
            Modules of the sandbox's own that the worker is to import before.

        Raises
        ------
        GraderError
            If they cannot be written.
        """
        self._files, self._libraries = files, libraries
        try:
            self._give()
        except (StreamClosed, DeadlinePassed, BadFrame):
            # No student code has run in it; but its sources say what the libraries are, and can do
            # without that.
            self._libraries = ()
            self._stop()
            self._launch()
            self._told(self._give)

    def hand_to_fork(self) -> None:
        """Leave the cell to a fork that was made just now; what is left here is to close it."""
        for end in (self._control, self._listener):
            if end is not None:
                end.close()
        self._control = self._listener = None

    def close_replacement(self) -> None:
        """Stop the sandbox if it is not the first one, which whoever opened the cell stops."""
        if self._launches > 1:
            self._stop()

    def close(self) -> None:
        """Stop the sandbox and remove everything of it."""
        self._stop()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._place is not None:
            shutil.rmtree(self._place, ignore_errors=True)
            self._place = None

    def start(self, service: str = LAYERS) -> Stream:
        """Start a fresh item process and return its connection.

        Parameters
        ----------
        service : str
            What the process is for: see `grader.bridge.services`.

        Raises
        ------
        ProcessLost
            If the student's code has taken down too many workers.
        GraderError
            If not even a fresh sandbox can start one, or if the last one was ended by something
            that student code has no part in.
        """
        try:
            return self._start(service)
        except (StreamClosed, DeadlinePassed, BadFrame) as error:
            self._lay_blame(error)
        self._replace()
        # No student code has run in this one.
        return self._told(lambda: self._start(service))

    def delay_seconds(self) -> float:
        """Return how long the item process has waited for a processor; 0 if none can tell."""
        with contextlib.suppress(StreamClosed, DeadlinePassed, BadFrame):
            told = self._order(protocol.TellDelay())
            if isinstance(told, protocol.Delayed):
                return told.seconds
        return 0.0

    def end(self, *, lost: bool = False) -> protocol.Ended:
        """Kill the item process; if the worker is gone as well, stop the whole sandbox.

        Parameters
        ----------
        lost : bool
            Whether its connection broke, so that the process has ended by itself or is about to.

        Raises
        ------
        GraderError
            If the sandbox was ended by something that student code has no part in.
        """
        try:
            ended = self._order(protocol.End(lost))
            if isinstance(ended, protocol.Ended):
                self._require_memory(ended)
                return ended
        except (StreamClosed, DeadlinePassed, BadFrame) as error:
            self._lay_blame(error)
        # The next start launches another.
        self._stop()
        return protocol.Ended(signal=0, out_of_memory=False, output="")

    def _listen(self) -> None:
        # Private by its parent; what the sandbox sees of it is the inner folder.
        self._place = _make_place(self._sandbox.uid)
        if self._sandbox.uid is not None:
            os.chown(self._place, self._sandbox.uid, -1)
        bridge = self._place / "bridge"
        bridge.mkdir(mode=0o755)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(bridge / SOCKET_NAME))
        (bridge / SOCKET_NAME).chmod(0o666)
        self._listener.listen(8)

    def _launch(self) -> None:
        if self._place is None:
            raise RuntimeError("a closed cell cannot launch")
        self._launches += 1
        token = secrets.token_hex(16)
        self._turn_away_early_callers()
        self._launched = self._sandbox.launch(self._place / "bridge", token, self._limits)
        self._told(lambda: self._set_up(token))

    def _set_up(self, token: str) -> None:
        if self._launched is None:
            raise StreamClosed("the sandbox is gone")
        self._control = self._accept(token)
        self._done(
            protocol.Setup(
                root=self._launched.root,
                own_pids=self._launched.own_pids,
                output_bytes=self._limits.output_kib * 1024,
                rlimits=self._launched.rlimits,
                spellings={name: list(more) for name, more in self._lab.spellings.items()},
                modules=self._lab.classes,
            )
        )

    def _start(self, service: str) -> Stream:
        token = secrets.token_hex(16)
        self._turn_away_early_callers()
        problem = self._done(protocol.Start(token, service)).problem
        if problem is not None:
            raise BadFrame(problem)
        return self._accept(token)

    def _told(self, talk: Callable[[], _T]) -> _T:
        """Talk to a worker that has not seen student code; if it fails, it is not the student's."""
        try:
            return talk()
        except (StreamClosed, DeadlinePassed, BadFrame) as error:
            last = self._launched.last_words() if self._launched is not None else ""
            words = "; ".join(filter(None, (str(error), last)))
            raise GraderError(
                f"The worker in the {self._sandbox.kind} sandbox did not start"
                + (f": {words}." if words else "."),
                "Run `grader doctor`; if the sandbox works there, grade this submission again.",
            ) from error

    def _give(self) -> None:
        """Have the libraries imported, and the submission's files written."""
        if self._libraries:
            self._done(protocol.Preload(list(self._libraries)))
        self._write_files()

    def _write_files(self) -> None:
        """Write the submission's files, the smallest first: the sources are among them.

        What the sandbox has no room for, what does not fit into a frame, or whose name is too
        long, is left out. It is data; a case that needs it fails.
        """
        longest = (self._limits.frame_mib << 20) - FRAME_MARGIN
        problems = []
        for path in sorted(self._files, key=lambda path: len(self._files[path])):
            if len(self._files[path]) <= longest:
                problem = self._done(protocol.WriteFile(path, self._files[path])).problem
                if not path.endswith("/"):  # There is room for a folder where there is none else.
                    problems.append(problem)
        if problems and None not in problems:
            raise GraderError(
                f"The submission's files could not be written in the sandbox ({problems[0]}).",
                "Raise `scratch_mib` in lab.toml if there is no room; else run `grader doctor`.",
            )

    def _lay_blame(self, error: Exception) -> None:
        """Raise if it was not the student's code that broke the connection to the worker."""
        if self._launched is None:
            return
        ended_by = self._launched.ended_from_outside(closed=isinstance(error, StreamClosed))
        if ended_by is not None:
            raise GraderError(
                f"The {self._sandbox.kind} sandbox was ended from outside: {ended_by}.",
                "Find out what ended it, and grade this submission again.",
            )

    def _require_memory(self, ended: protocol.Ended) -> None:
        """Raise if student code was killed because others had used up the machine's memory."""
        if ended.machines_memory:
            raise GraderError(
                "The machine ran out of memory, and the kernel ended student code in the "
                f"{self._sandbox.kind} sandbox, which had used less than it may.",
                "Free some memory, or grade fewer submissions at once, and grade this one again.",
            )

    def _replace(self) -> None:
        """Start over in a fresh sandbox after student code has taken the worker down."""
        if self._launches >= MOST_LAUNCHES:
            raise ProcessLost("your code has ended its sandbox too often")
        self._stop()
        self._launch()
        self._told(self._give)

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._launched is not None:
            self._launched.stop()
            self._launched = None

    def _done(self, order: protocol.Wire) -> protocol.Done:
        done = self._order(order)
        if not isinstance(done, protocol.Done):
            raise BadFrame("an unexpected answer to an order")
        return done

    def _order(self, order: protocol.Wire) -> Any:
        if self._control is None:
            raise StreamClosed("the worker is gone")
        self._control.deadline = time.monotonic() + self._limits.start_seconds
        self._control.send(protocol.encode(order))
        return protocol.decode(self._control.receive(), protocol.worker_replies)

    def _turn_away_early_callers(self) -> None:
        """Close the connections made before anybody was asked to connect.

        Student code may have made them and never say Hello; and it can keep them open beyond its
        own end, as file descriptors on their way through one another.
        """
        if self._listener is None:
            return
        self._listener.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._listener.accept()[0].close()

    def _accept(self, token: str) -> Stream:
        """Accept the connection whose Hello has the token; others are turned away."""
        if self._listener is None:
            raise StreamClosed("the cell is closed")
        deadline = time.monotonic() + self._limits.start_seconds
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise DeadlinePassed
            self._listener.settimeout(left)
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                raise DeadlinePassed from None
            stream = Stream(connection, self._limits.frame_mib << 20)
            stream.deadline = deadline
            try:
                hello = protocol.decode(stream.receive(), protocol.worker_replies)
            except (BadFrame, StreamClosed):
                stream.close()
                continue
            if isinstance(hello, protocol.Hello) and secrets.compare_digest(hello.token, token):
                return stream
            stream.close()


def _make_place(uid: int | None) -> Path:
    """Make a folder whose socket has a path that is short enough and that the user can reach."""
    prefix = temporary_prefix("cell")
    usual, short = temporary_parents()
    # Eight random letters are added to a temporary folder's name.
    name = f"{usual}/{prefix}{'x' * 8}/bridge/{SOCKET_NAME}"
    if len(os.fsencode(name)) <= LONGEST_ADDRESS and (uid is None or _open_to_all(usual)):
        return Path(tempfile.mkdtemp(prefix=prefix))
    try:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=short))
    except OSError as error:
        raise GraderError(
            f"No socket can be made in {usual}, because its name is too long or the sandbox's user "
            f"cannot reach it, nor in {short} ({error.strerror}).",
            "Set TMPDIR to a folder with a shorter name that every user can pass through.",
        ) from error


def _open_to_all(folder: Path) -> bool:
    resolved = folder.resolve()
    return all(path.stat().st_mode & 0o001 for path in (resolved, *resolved.parents))
