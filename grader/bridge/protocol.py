"""The messages that cross the bridge, as typed msgpack; unknown fields and types are refused.

Two conversations use them. On the control connection the grader tells the worker to write the
submission's files and to start and end item processes. On an item process's own connection the
grader asks for objects, attributes and calls, and the process calls back host objects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from grader.bridge.frames import BadFrame


class Wire(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag_field="t",
    array_like=True,
    gc=False,
):
    """Common settings of everything on the wire."""


# Values


class Array(Wire, frozen=True, tag="a"):
    """A numpy array: raw bytes with everything needed to check them before use.

    Attributes
    ----------
    dtype : str
        One of `values.DTYPES`.
    shape : list of int
        Every entry at least 0; the product times the item size is the length of `data`.
    layout : str
        `C`, `F` (data in column order) or `S` (the receiver builds a strided view).
    data : memoryview
        The elements, in C order, or in column order for `F`.
    """

    dtype: str
    shape: list[int]
    layout: str
    data: memoryview


class Scalar(Wire, frozen=True, tag="s"):
    """A numpy scalar, so that `np.float64(1.0)` does not come out as a float."""

    dtype: str
    data: bytes


class List(Wire, frozen=True, tag="l"):
    """A list."""

    items: list[Value]


class Tuple(Wire, frozen=True, tag="u"):
    """A tuple."""

    items: list[Value]


class Dict(Wire, frozen=True, tag="d"):
    """A dict with string keys."""

    keys: list[str]
    items: list[Value]


class Remote(Wire, frozen=True, tag="r"):
    """An object that lives in the item process; `about` describes it for people."""

    handle: int
    about: str


class Host(Wire, frozen=True, tag="h"):
    """An object that lives on the trusted side.

    Attributes
    ----------
    handle : int
        Its number.
    methods, attributes : list of str
        The names that go across; whatever else is set on it stays in the item process.
    poses_as : str or None
        The lab class that it stands for.
    """

    handle: int
    methods: list[str]
    attributes: list[str]
    poses_as: str | None = None


Value: TypeAlias = (
    bool | int | float | str | Array | Scalar | List | Tuple | Dict | Remote | Host | None
)


# Grader to worker, on the control connection


class Setup(Wire, frozen=True, tag="setup"):
    """The grader's answer to the worker's Hello: all that the worker has to know.

    Attributes
    ----------
    root : str
        Folder, writable, that becomes the submission's root.
    own_pids : bool
        Whether the worker has a pid namespace to itself, so that it may kill all it sees.
    output_bytes : int
        How much of stdout and stderr together is kept.
    rlimits : dict of str to int
        Resource limits of item processes, such as `{"CORE": 0}`; `AS` is counted on top of
        what the worker has mapped itself.
    spellings : dict of str to list of str
        Other names under which a method or attribute is accepted.
    modules : dict of str to str
        The lab's classes, with the module that each belongs in.
    """

    root: str
    own_pids: bool
    output_bytes: int
    rlimits: dict[str, int]
    spellings: dict[str, list[str]]
    modules: dict[str, str]


class WriteFile(Wire, frozen=True, tag="write"):
    """Write one of the submission's files below its root; make a folder if the path ends in "/"."""

    path: str
    data: bytes


class Preload(Wire, frozen=True, tag="preload"):
    """Import libraries of the sandbox's own, so that item processes find them imported.

    Attributes
    ----------
    modules : list of str
        Their names; one that cannot be imported is left to whoever imports it.
    """

    modules: list[str]


class Start(Wire, frozen=True, tag="start"):
    """Fork a fresh item process, which connects and says Hello with this token.

    Attributes
    ----------
    token : str
        Proof that the connection is this process's.
    service : str
        What the process is for: a name in `services.SERVICES`.
    """

    token: str
    service: str


class TellDelay(Wire, frozen=True, tag="tell_delay"):
    """Say how long the item process has waited for a processor since it was started."""


class End(Wire, frozen=True, tag="end"):
    """Kill the item process and whatever it left, and say how it ended.

    Attributes
    ----------
    lost : bool
        Whether the grader has lost the process's connection, so that it must be ending by itself.
    """

    lost: bool


# Worker to grader


class Hello(Wire, frozen=True, tag="hello"):
    """The first frame of every connection."""

    token: str


class Done(Wire, frozen=True, tag="done"):
    """The order was carried out; `problem` says why it was not."""

    problem: str | None = None


class Delayed(Wire, frozen=True, tag="delayed"):
    """How long the item process has waited for a processor.

    Attributes
    ----------
    seconds : float
        Without what it made itself wait by threads and processes of its own.
    """

    seconds: float


class Ended(Wire, frozen=True, tag="ended"):
    """How the last item process ended, and what it printed.

    Attributes
    ----------
    signal : int
        Signal that killed a process that was lost, or 0.
    out_of_memory : bool
        Whether the kernel reports a kill for memory since the process was started.
    output : str
        Its stdout and stderr, capped.
    machines_memory : bool
        Whether it reports such a kill although the sandbox never used all that it may: it was the
        machine that had none left.
    """

    signal: int
    out_of_memory: bool
    output: str
    machines_memory: bool = False


# Grader to item process


class Prepare(Wire, frozen=True, tag="prepare"):
    """Import the class; `alone` leaves out the package's own `__init__.py`."""

    id: int
    name: str
    module: str
    alone: bool


NOTHING_SEALED = msgspec.Raw(msgspec.msgpack.encode({}))


class BeginCase(Wire, frozen=True, tag="case"):
    """Forget the objects of earlier cases and seed the global generators.

    Attributes
    ----------
    sealed : msgspec.Raw
        Answers of host objects, sealed, by tag: dict of bytes to bytes. See `sealing`.
    """

    id: int
    seed: int
    sealed: msgspec.Raw = NOTHING_SEALED


class New(Wire, frozen=True, tag="new"):
    """Construct an object of a lab class; the grader chooses its handle."""

    id: int
    handle: int
    name: str
    module: str
    args: list[Value]
    kwargs: Dict


class Call(Wire, frozen=True, tag="call"):
    """Call a method."""

    id: int
    target: int
    method: str
    args: list[Value]
    kwargs: Dict


class Get(Wire, frozen=True, tag="get"):
    """Read an attribute."""

    id: int
    target: int
    name: str


class Set(Wire, frozen=True, tag="set"):
    """Set a whole attribute."""

    id: int
    target: int
    name: str
    value: Value


# Item process to grader


class Mutation(Wire, frozen=True, tag="m"):
    """An array that the student's code changed in place, of this call's arguments or an earlier's.

    Attributes
    ----------
    request : int
        Number of the request that brought it.
    index : int
        Which of that request's arrays it is, by order of appearance.
    array : Array
        What it holds now.
    """

    request: int
    index: int
    array: Array


class Returned(Wire, frozen=True, tag="ok"):
    """The request's result."""

    id: int
    value: Value
    mutated: list[Mutation] = []


class Frame(Wire, frozen=True, tag="f"):
    """One line of the student's traceback."""

    file: str
    line: int
    function: str


class Raised(Wire, frozen=True, tag="err"):
    """The student's code raised.

    Attributes
    ----------
    kind : str
        Name of the exception's class.
    builtin : str
        Name of its nearest built-in ancestor.
    message : str
        Its text, capped.
    frames : list of Frame
        The traceback's lines in the student's own files, outermost first.
    host_error : int or None
        Number of the host object's exception that caused it, if one did.
    """

    id: int
    kind: str
    builtin: str
    message: str
    frames: list[Frame]
    host_error: int | None = None
    mutated: list[Mutation] = []


COPY, DEEP_COPY = "__copy__", "__deepcopy__"
"""What `HostCall` may ask for beside a host object's methods: another one, as `copy` makes it."""


class HostCall(Wire, frozen=True, tag="hcall"):
    """Call a host object's method."""

    id: int
    target: int
    method: str
    args: list[Value]
    kwargs: Dict


class HostGet(Wire, frozen=True, tag="hget"):
    """Read a host object's attribute."""

    id: int
    target: int
    name: str


class HostSet(Wire, frozen=True, tag="hset"):
    """Set a host object's attribute."""

    id: int
    target: int
    name: str
    value: Value


class Foresaw(Wire, frozen=True, tag="saw"):
    """So many questions were answered by what was sealed; the message after this one comes later.

    Attributes
    ----------
    count : int
        How many since the last time.
    link : bytes
        The last one's link, which proves that they were asked.
    """

    count: int
    link: bytes


# Grader to item process, answering


class HostReturned(Wire, frozen=True, tag="hok"):
    """The host object's result."""

    id: int
    value: Value


class HostRaised(Wire, frozen=True, tag="herr"):
    """The host object raised; `number` lets the grader find the exception again."""

    id: int
    number: int
    builtin: str
    message: str


Order: TypeAlias = Setup | WriteFile | Preload | Start | TellDelay | End
WorkerReply: TypeAlias = Hello | Done | Delayed | Ended
Request: TypeAlias = Prepare | BeginCase | New | Call | Get | Set | HostReturned | HostRaised
Ask: TypeAlias = HostCall | HostGet | HostSet
Reply: TypeAlias = Hello | Returned | Raised | Foresaw | Ask

# Encodes one message as a frame's payload.
encode: Callable[[Wire], bytes] = msgspec.msgpack.Encoder().encode
orders: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
worker_replies: msgspec.msgpack.Decoder[WorkerReply] = msgspec.msgpack.Decoder(WorkerReply)
requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
asks: msgspec.msgpack.Decoder[Ask] = msgspec.msgpack.Decoder(Ask)

_encode_into = msgspec.msgpack.Encoder().encode_into
# Of one thread alone; kept, since to make a new one takes as long as to encode a message.
_buffer = bytearray()


def encode_or_raise(message: Wire) -> bytes:
    """Encode one message as `encode` does, on the trusted side.

    Student code can have host objects take nearly all the memory that a run may take. Where there
    is none left for the message, `encode` ends the process: msgspec does not expect that its own
    buffer cannot grow, but handles it with one from outside.

    Raises
    ------
    MemoryError
        If there is no memory for it.
    """
    _encode_into(message, _buffer)
    return bytes(_buffer)


def decode(payload: bytes | bytearray | memoryview, decoder: msgspec.msgpack.Decoder[Any]) -> Any:
    """Decode one payload with one of this module's decoders.

    Raises
    ------
    BadFrame
        If it is not exactly one message that the decoder knows.
    """
    try:
        return decoder.decode(payload)
    except (msgspec.MsgspecError, RecursionError, ValueError, OverflowError) as error:
        raise BadFrame(f"not a message of the protocol: {str(error)[:200]}") from None
