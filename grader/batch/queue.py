"""Orders a batch's tasks so that no slot idles and the end is not one long training alone."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection

import msgspec

from grader.batch.pace import Kind
from grader.batch.workers.tasks import Result, Task


class Piece(msgspec.Struct, eq=False):
    """One task of the queue.

    Attributes
    ----------
    kind : Kind
        Short, or one of the long ones.
    key : str
        Whose it is, for people.
    make : callable
        Makes the task when its turn has come: archives are not all held in memory.
    then : callable
        Takes what came of it.
    failed : int
        How often it, or a part of it, failed for a reason of ours.
    suspect : bool
        Whether a process was killed while it ran: it then runs alone, so that no other is blamed.
    """

    kind: Kind
    key: str
    make: Callable[[], Task]
    then: Callable[[Result], None]
    failed: int = 0
    suspect: bool = False


class TaskQueue:
    """Hands out pieces in a good order.

    Short pieces keep one slot, so that submissions come in beside long trainings; all others go to
    long pieces while there are any. Of these, runs of the reference that a finished training waits
    for come first. Then the curves that plots wait for, which are short beside a training, unless
    the trainings are about to run out: the last ones start before the curves, which then fill the
    slots beside them.

    Parameters
    ----------
    more : callable
        Takes the next submission in, which may add pieces; returns False when there is none.
    """

    def __init__(self, more: Callable[[], bool]) -> None:
        self._more = more
        self._short: deque[Piece] = deque()
        self._urgent: deque[Piece] = deque()
        self._trainings: deque[Piece] = deque()
        self._curves: deque[Piece] = deque()
        self._again: deque[Piece] = deque()
        self._ahead: deque[Piece] = deque()
        self._suspects: deque[Piece] = deque()

    def add(self, piece: Piece, *, urgent: bool = False, ahead: bool = False) -> None:
        """Put a piece where it belongs.

        Parameters
        ----------
        piece : Piece
            What is to be done.
        urgent : bool
            Whether a finished training waits for it.
        ahead : bool
            Whether nothing needs it yet, so that it only fills slots that would idle.
        """
        self._line_of(piece, urgent, ahead).append(piece)

    def promote(self, piece: Piece, *, urgent: bool) -> None:
        """Move a piece forward that waits, since something waits for it now."""
        for line in (self._ahead, self._curves) if urgent else (self._ahead,):
            if piece in line:
                line.remove(piece)
                self.add(piece, urgent=urgent)

    def waiting(self) -> Counter[Kind]:
        """Count what waits, without what only fills idle slots."""
        lines = (self._short, self._urgent, self._trainings, self._curves, self._again)
        return Counter(piece.kind for line in (*lines, self._suspects) for piece in line)

    def next(self, running: Collection[Piece], slots: int) -> Piece | None:
        """Return what to begin beside what is running; None if nothing may be.

        Parameters
        ----------
        running : collection of Piece
            Fewer than there are slots.
        slots : int
            How many can run at once.
        """
        if self._suspects or any(piece.suspect for piece in running):
            # Alone, so that whichever is killed again is the one.
            return self._suspects.popleft() if not running else None
        if not any(piece.kind is Kind.SHORT for piece in running) and self._have_short():
            return self._short.popleft()
        last_trainings = len(self._trainings) <= slots
        first, then = self._curves, self._trainings
        if last_trainings:
            first, then = then, first
        for line in (self._urgent, first, then):
            if line:
                return line.popleft()
        if self._have_short():
            return self._short.popleft()
        # Taking submissions in may have brought long ones.
        for line in (self._trainings, self._curves, self._again, self._ahead):
            if line:
                return line.popleft()
        return None

    def _have_short(self) -> bool:
        while not self._short and self._more():
            pass
        return bool(self._short)

    def _line_of(self, piece: Piece, urgent: bool, ahead: bool) -> deque[Piece]:
        if piece.suspect:
            return self._suspects
        if piece.failed:
            return self._again
        if urgent:
            return self._urgent
        if ahead:
            return self._ahead
        match piece.kind:
            case Kind.SHORT:
                return self._short
            case Kind.TRAINING:
                return self._trainings
            case Kind.REFERENCE | Kind.DRAWING:
                return self._curves
