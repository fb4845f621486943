"""Cells: one sandbox a submission, entered or refused cleanly, replaced when killed, removed."""

from __future__ import annotations

import contextlib
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from grader import owner
from grader.bridge import protocol
from grader.bridge.faults import ProcessLost
from grader.bridge.frames import Stream
from grader.errors import GraderError
from grader.lab import Lab, Limits, Project
from grader.sandbox import leftovers
from grader.sandbox.cell import MOST_LAUNCHES, Cell
from grader.sandbox.launch import SOCKET_NAME, Sandbox
from grader.sandbox.leftovers import temporary_prefix
from grader.sandbox.process import ProcessSandbox


@pytest.fixture
def lab(project: Project) -> Lab:
    limits = msgspec.structs.replace(project.lab.limits, start_seconds=30.0)
    return msgspec.structs.replace(project.lab, limits=limits)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have every temporary folder made here, so that what is left behind is seen."""
    # Socket paths are short: longer ones than about 100 characters cannot be bound.
    folder = Path(tempfile.mkdtemp(prefix="cell", dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(autouse=True)
def _nothing_is_left(place: Path) -> Iterator[None]:
    yield
    assert list(place.iterdir()) == []
    place.rmdir()


class FakeWorker:
    """A sandbox whose worker is a thread that answers as it is told to."""

    kind = "fake"
    isolated = False
    forkable = False
    uid: int | None = None
    root = "/nowhere"
    own_pids = False

    def __init__(self, *scripts: Callable[[Path, str], object]) -> None:
        self._scripts = list(scripts)
        self._threads: list[threading.Thread] = []
        self.rlimits: dict[str, int] = {}
        self.mechanisms: dict[str, str] = {}
        self.stopped = 0

    def runtime_digest(self) -> None:
        """Return nothing: there is no runtime."""

    def remove_leftovers(self) -> list[str]:
        return []

    def launch(self, bridge: Path, token: str, limits: Limits) -> FakeWorker:
        script = self._scripts.pop(0)
        self._threads.append(threading.Thread(target=script, args=(bridge / SOCKET_NAME, token)))
        self._threads[-1].start()
        return self

    def stop(self) -> None:
        self.stopped += 1
        for thread in self._threads:
            thread.join(60)

    def ended_from_outside(self, *, closed: bool) -> None:
        """Return None: it does as it was told."""

    def last_words(self) -> str:
        return "it fell asleep"


def connect(path: Path) -> Stream:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(str(path))
    return Stream(connection, 1 << 20)


def answering(*answers: protocol.Wire) -> Callable[[Path, str], None]:
    """Return a worker that says Hello and then gives these answers, one an order."""

    def run(path: Path, token: str) -> None:
        with contextlib.closing(connect(path)) as stream:
            stream.send(protocol.encode(protocol.Hello(token)))
            for answer in answers:
                stream.receive()
                stream.send(protocol.encode(answer))

    return run


def silent(path: Path, token: str) -> None:
    """Be a worker that never connects."""


def test_a_worker_that_never_calls_is_a_grader_error_with_its_last_words(lab: Lab) -> None:
    limits = msgspec.structs.replace(lab.limits, start_seconds=0.1)
    worker = FakeWorker(silent)
    with (
        pytest.raises(GraderError, match=r"fake sandbox did not start: it fell asleep\. Run"),
        Cell(worker, msgspec.structs.replace(lab, limits=limits), {}),
    ):
        pass
    assert worker.stopped == 1


def test_files_that_cannot_be_written_are_a_grader_error(lab: Lab) -> None:
    worker = FakeWorker(answering(protocol.Done(), protocol.Done("layers/full.py: disk full")))
    with (
        pytest.raises(GraderError, match=r"layers/full\.py: disk full"),
        Cell(worker, lab, {"layers/full.py": b""}),
    ):
        pass


def test_only_the_caller_with_the_token_is_let_in(lab: Lab) -> None:
    def worker(path: Path, token: str) -> None:
        for hello in (
            protocol.encode(protocol.Hello("guess")),
            protocol.encode(protocol.Hello(token[:-1])),
            protocol.encode(protocol.Done()),
            b"garbage",
        ):
            stream = connect(path)
            stream.send(hello)
            callers.append(stream)
        # One that hangs up without a word.
        connect(path).close()
        answering(protocol.Done())(path, token)

    callers: list[Stream] = []
    with Cell(FakeWorker(worker), lab, {}):
        assert len(callers) == 4
        for stream in callers:
            stream.deadline = time.monotonic() + 20
            with pytest.raises(Exception, match=r"closed|reset"):
                stream.receive()
            stream.close()


def test_every_process_has_a_token_of_its_own(lab: Lab) -> None:
    tokens: list[str] = []

    def worker(path: Path, token: str) -> None:
        tokens.append(token)
        with contextlib.closing(connect(path)) as stream:
            stream.send(protocol.encode(protocol.Hello(token)))
            stream.receive()
            stream.send(protocol.encode(protocol.Done()))
            for _ in range(2):
                order = protocol.decode(stream.receive(), protocol.orders)
                tokens.append(order.token)
                stream.send(protocol.encode(protocol.Done()))
                item = connect(path)
                item.send(protocol.encode(protocol.Hello(order.token)))
                item.receive()
                item.close()

    with Cell(FakeWorker(worker), lab, {}) as cell:
        for _ in range(2):
            item = cell.start()
            item.send(b"enough")
            item.close()
    assert len(set(tokens)) == 3
    assert all(len(token) == 32 for token in tokens)


def test_the_cells_folder_is_closed_to_other_users_and_its_socket_open_to_the_sandbox(
    lab: Lab, place: Path
) -> None:
    with Cell(FakeWorker(answering(protocol.Done())), lab, {}):
        (folder,) = place.iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        path = folder / "bridge" / SOCKET_NAME
        assert stat.S_IMODE(path.stat().st_mode) == 0o666


def test_a_lost_worker_is_replaced_and_gets_the_files_again(lab: Lab) -> None:
    second = []

    def dies(path: Path, token: str) -> None:
        answering(protocol.Done(), protocol.Done())(path, token)

    def lives(path: Path, token: str) -> None:
        with contextlib.closing(connect(path)) as stream:
            stream.send(protocol.encode(protocol.Hello(token)))
            for _ in range(3):
                order = protocol.decode(stream.receive(), protocol.orders)
                second.append(order)
                stream.send(protocol.encode(protocol.Done()))
            item = connect(path)
            item.send(protocol.encode(protocol.Hello(order.token)))
            item.close()

    with Cell(FakeWorker(dies, lives), lab, {"layers/full.py": b"code"}) as cell:
        assert cell.end() == protocol.Ended(0, False, "")
        cell.start().close()
    assert [type(order).__name__ for order in second] == ["Setup", "WriteFile", "Start"]
    assert second[1].data == b"code"


def test_libraries_that_end_the_worker_or_take_too_long_are_left_to_the_student(lab: Lab) -> None:
    orders = []

    def writes(path: Path, token: str) -> None:
        with contextlib.closing(connect(path)) as stream:
            stream.send(protocol.encode(protocol.Hello(token)))
            for _ in range(2):
                orders.append(protocol.decode(stream.receive(), protocol.orders))
                stream.send(protocol.encode(protocol.Done()))

    with Cell(FakeWorker(answering(protocol.Done()), writes), lab, {}) as cell:
        cell.fill({"layers/full.py": b"code"}, ["matplotlib"])
    assert [type(order).__name__ for order in orders] == ["Setup", "WriteFile"]


def test_a_worker_that_keeps_dying_is_in_the_end_the_students_loss(lab: Lab) -> None:
    def dies_with_its_process(path: Path, token: str) -> None:
        with contextlib.closing(connect(path)) as stream:
            stream.send(protocol.encode(protocol.Hello(token)))
            stream.receive()
            stream.send(protocol.encode(protocol.Done()))
            order = protocol.decode(stream.receive(), protocol.orders)
            stream.send(protocol.encode(protocol.Done()))
            with contextlib.closing(connect(path)) as item:
                item.send(protocol.encode(protocol.Hello(order.token)))

    worker = FakeWorker(*[dies_with_its_process] * MOST_LAUNCHES)
    with Cell(worker, lab, {}) as cell:
        for _ in range(MOST_LAUNCHES):
            cell.start().close()
            # Ending never fails: it is asked for when a case has its verdict already.
            assert cell.end().signal == 0
        with pytest.raises(ProcessLost, match="ended its sandbox too often"):
            cell.start()
    assert worker.stopped == MOST_LAUNCHES


@pytest.mark.parametrize(
    ("answers", "said"),
    [((), "it fell asleep"), ((protocol.Done("no process could be started"),), "no process")],
)
def test_a_fresh_sandbox_that_starts_no_process_is_no_fault_of_the_students(
    lab: Lab, answers: tuple[protocol.Wire, ...], said: str
) -> None:
    """None of their code has run in it: the machine is too busy, or has no room for one more."""
    worker = FakeWorker(*[answering(protocol.Done(), *answers)] * 2)
    with Cell(worker, lab, {}) as cell, pytest.raises(GraderError, match=said):
        cell.start()
    assert worker.stopped == 2


def test_a_closed_cell_leaves_nothing_and_can_be_closed_again(lab: Lab, place: Path) -> None:
    files = {"layers/full.py": b"x = 1\n", "layers/deep/er/more.py": b""}
    with Cell(ProcessSandbox(), lab, files) as cell:
        (root,) = place.glob("nn-lab-process-*/submission")
        assert (root / "layers/full.py").read_bytes() == b"x = 1\n"
        assert (root / "layers/deep/er/more.py").exists()
    cell.close()
    assert list(place.iterdir()) == []


def test_an_error_inside_a_cell_closes_it_and_goes_on(lab: Lab, place: Path) -> None:
    with pytest.raises(KeyError), Cell(ProcessSandbox(), lab, {}):
        raise KeyError
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("trouble", ["long name", "closed to others"])
def test_a_temporary_folder_that_no_socket_can_be_in_is_no_hindrance(
    trouble: str,
    isolated_sandbox: Sandbox,
    project: Project,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a TMPDIR like these every item was the grader's own error."""
    place.chmod(0o755)
    folder = place / ("long-" * 30 if trouble == "long name" else "closed")
    folder.mkdir(mode=0o755 if trouble == "long name" else 0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with Cell(isolated_sandbox, project.lab, {}) as cell:
        cell.start().close()
    assert list(folder.iterdir()) == []
    assert list(Path("/tmp").glob(f"{temporary_prefix('cell')}*")) == []
    folder.rmdir()


def test_where_no_socket_can_be_made_is_said_in_a_sentence(
    lab: Lab, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(place / ("long-" * 30)))
    monkeypatch.setattr(leftovers, "SHORT_PARENT", place / "nowhere")
    with pytest.raises(GraderError, match=r"No socket can be made in .*Set TMPDIR to a folder"):
        Cell(FakeWorker(silent), lab, {}).open()


def test_leftovers_of_the_dead_are_found_in_both_places(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = place / "other"
    monkeypatch.setattr(leftovers, "SHORT_PARENT", other)
    names = [f"nn-lab-cell-{name}-abc" for name in ("00000000.1.1.1", owner.own_name())]
    for parent in (place, other):
        for name in names:
            (parent / name).mkdir(parents=True)
    assert leftovers.remove_leftovers(ProcessSandbox()) == [names[0]] * 2
    for parent in (other, place):
        (parent / names[1]).rmdir()
    other.rmdir()


def test_how_long_a_process_has_waited_for_a_processor_is_known(
    sandbox: Sandbox, project: Project
) -> None:
    with Cell(sandbox, project.lab, {}) as cell:
        assert cell.delay_seconds() == 0
        stream = cell.start()
        # Whatever is started waits a moment before it first runs.
        assert 0 < cell.delay_seconds() < 60
        stream.close()
        cell.end()
        assert cell.delay_seconds() == 0
