"""Where student code's questions to host objects are answered: now, or foreseen and made up for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from grader.bridge import host_memory, protocol, values
from grader.bridge.faults import StudentFault, StudentRaised
from grader.bridge.foreseen import MOST_BYTES, Asked, Foreseen, Step
from grader.bridge.frames import BadFrame
from grader.bridge.host_registry import HostRegistry
from grader.bridge.sealing import FIRST_LINK
from grader.errors import GraderError

MESSAGE_LENGTH = 600
_Done = TypeVar("_Done")


class HostDesk:
    """Carries out on host objects what student code asks of them.

    Parameters
    ----------
    hosts : HostRegistry
        The case's host objects.
    value_of : callable
        Returns the object of a handle that came off the wire.
    wire_of : callable
        Returns the handle of an object that has no plain form.

    Attributes
    ----------
    catching_up : bool
        Whether it is doing what was foreseen. Student code is not to be asked meanwhile: it has
        gone on long since.
    """

    def __init__(
        self,
        hosts: HostRegistry,
        value_of: Callable[[protocol.Remote | protocol.Host], object],
        wire_of: Callable[[object], protocol.Remote | protocol.Host],
    ) -> None:
        self._hosts = hosts
        self._value_of = value_of
        self._wire_of = wire_of
        self.catching_up = False
        self.begin_case(None)

    def begin_case(self, foreseen: Foreseen | None) -> None:
        """Begin a case; without anything to foresee it by, nothing is kept either."""
        self._hosts.clear()
        self._foreseen = foreseen
        # None once there was a question that was not foreseen.
        self._link: bytes | None = FIRST_LINK
        self._keeping = foreseen is not None
        self._steps: list[Step] = []
        self._asked: Asked = []
        self._room = MOST_BYTES

    @property
    def learned(self) -> Asked:
        """What was asked in this case from its beginning, if not all of it was foreseen."""
        if not self._asked:
            return []
        return [*((step.on_wire, step.answer) for step in self._steps), *self._asked]

    def answer(self, ask: protocol.Ask) -> protocol.HostReturned | protocol.HostRaised:
        """Do what is asked, and put the result on the wire.

        Raises
        ------
        BadFrame
            If it is more than there is memory for.
        """
        return _in_bounds(lambda: self._do(ask))

    def _do(self, ask: protocol.Ask) -> protocol.HostReturned | protocol.HostRaised:
        result: object = None
        try:
            match ask:
                case protocol.HostCall():
                    args = [values.from_wire(item, self._value_of) for item in ask.args]
                    kwargs = values.dict_from_wire(ask.kwargs, self._value_of)
                    result = self._hosts.call(ask.target, ask.method, args, kwargs)
                case protocol.HostGet():
                    result = self._hosts.get(ask.target, ask.name)
                case protocol.HostSet():
                    value = values.from_wire(ask.value, self._value_of)
                    self._hosts.set(ask.target, ask.name, value)
            return protocol.HostReturned(ask.id, values.to_wire(result, self._wire_of))
        except StudentRaised as error:
            # The host object called student code back, and that raised.
            return self._refuse(ask, error, error.builtin)
        except (BadFrame, StudentFault, GraderError, MemoryError):
            raise
        # Whatever else a host object raises goes to the student's code, as it would in-process.
        except Exception as error:
            return self._refuse(ask, error, type(error).__name__)

    def _refuse(self, ask: protocol.Ask, error: Exception, builtin: str) -> protocol.HostRaised:
        number = self._hosts.remember(error)
        return protocol.HostRaised(ask.id, number, builtin, str(error)[:MESSAGE_LENGTH])

    def keep(self, question: Any, answer: bytes, again: bool) -> None:
        """Keep what was asked and answered just now, as it was on the wire.

        Parameters
        ----------
        question, answer : bytes-like
        again : bool
            Whether the same question after the same others has the same answer, and nothing else
            comes of it. If not, neither this nor what follows can be foreseen.
        """
        self._link = None
        self._keeping = self._keeping and again
        if not self._keeping:
            return
        self._room -= len(question) + len(answer)
        if self._room < 0:
            # No such way will be foreseen, and student code could fill this memory with it.
            self._keeping = False
            self._asked.clear()
            return
        self._asked.append((bytes(question), answer))

    def catch_up(self, saw: protocol.Foresaw) -> None:
        """Do on the host objects what student code has asked and been answered ahead.

        Raises
        ------
        BadFrame
            If it has not.
        GraderError
            If a host object answers otherwise than before.
        """
        steps = None
        if self._foreseen is not None and self._link is not None:
            steps = self._foreseen.steps(self._link, saw.link, saw.count)
        if steps is None:
            raise BadFrame("proof of questions that it has not asked")
        self._link = saw.link
        self.catching_up = True
        _in_bounds(lambda: self._repeat(steps))
        self._steps += steps
        self.catching_up = False

    def _repeat(self, steps: list[Step]) -> None:
        for step in steps:
            if protocol.encode_or_raise(self._do(step.question)) != step.answer:
                raise misled()


def _in_bounds(work: Callable[[], _Done]) -> _Done:
    """Have host objects work with the memory that they may take."""
    before = host_memory.enter()
    try:
        return work()
    except MemoryError:
        # What is kept is given back with the case; until then there shall be no more of it.
        pass
    finally:
        host_memory.leave(before)
    raise BadFrame("requests for more memory than a case can need")


def misled() -> GraderError:
    """Make the error for a test whose objects cannot be foreseen."""
    return GraderError(
        "An object that a test handed to student code answered the same questions otherwise than "
        "for an earlier submission.",
        "Let such objects depend on the case's seed and on what they are asked, on nothing else.",
    )
