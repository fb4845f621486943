"""What goes wrong on the grader's side is never the student's loss, and leaves nothing for long."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import docker
import msgspec
import pytest

from grader import owner
from grader.lab import Limits, Project
from grader.model import Outcome, Report
from grader.pipeline import Plan, grade
from grader.sandbox.cgroup import PREFIX, Places
from grader.sandbox.docker import CONTAINER_LABEL, DockerSandbox, find_docker, image_status
from grader.sandbox.launch import Launched, Sandbox
from grader.sandbox.leftovers import remove_leftovers
from tests.conftest import FORCED
from tests.hostile.attack import Attack, write_archive
from tests.hostile.test_attacks import item_of

SEED = 7
ITEMS = ("relu", "softmax")
KILLS = 10
PATIENCE_SECONDS = 60.0
SIOCSIFFLAGS, SIOCBRADDBR, SIOCBRDELBR = 0x8914, 0x89A0, 0x89A1
SLOW = """
import time
right_forward = SoftMaxLayer.forward

def forward(self, x):
    time.sleep(0.05)
    return right_forward(self, x)

SoftMaxLayer.forward = forward
"""


def honest_archive(project: Project, folder: Path, code: str = "") -> Path:
    return write_archive(Attack(name="honest", tries="Nothing.", code=code), project, folder)


def graded(project: Project, sandbox: Sandbox, folder: Path, code: str = "") -> Report:
    plan = Plan(project, sandbox, SEED, ITEMS)
    return grade(honest_archive(project, folder, code), plan).report


def require_full_marks(report: Report, project: Project) -> None:
    points = {item: project.lab.line(item).points for item in ITEMS}
    assert {item: item_of(report, item).points for item in ITEMS} == points


def require_no_zero(report: Report) -> None:
    """Require that what could not be graded has no points, rather than none of them."""
    assert report.score is None
    for item in ITEMS:
        result = item_of(report, item)
        assert result.points != 0, result
        assert result.outcome in (Outcome.GRADER_ERROR, Outcome.PASSED), result
    assert Outcome.GRADER_ERROR in {item_of(report, item).outcome for item in ITEMS}


@pytest.fixture
def temporary(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder of the test's own for everything that is temporary but pytest's."""
    tmp_path_factory.getbasetemp()
    # Not below another test's folder: a unix socket's path is short.
    folder = Path(tempfile.mkdtemp(prefix="nn-faults-", dir="/tmp"))
    folder.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Interrupted:
    """A sandbox that does something to the machine a moment after a worker was launched."""

    def __init__(self, sandbox: Sandbox, then: Callable[[Launched], None], wait: float) -> None:
        self._sandbox, self._then, self._wait = sandbox, then, wait
        self.kind, self.isolated, self.uid = sandbox.kind, sandbox.isolated, sandbox.uid
        self.mechanisms, self.forkable = sandbox.mechanisms, sandbox.forkable

    def runtime_digest(self) -> str | None:
        return self._sandbox.runtime_digest()

    def remove_leftovers(self) -> list[str]:
        return self._sandbox.remove_leftovers()

    def launch(self, bridge: Path, token: str, limits: Limits) -> Launched:
        launched = self._sandbox.launch(bridge, token, limits)
        threading.Timer(self._wait, self._then, (launched,)).start()
        return launched


# The grader is killed


class Victim:
    """A grader that is killed again and again, once it has begun to grade.

    Parameters
    ----------
    command : list of str
        What it is started with.
    temporary : Path
        Its folder for temporary files: before there is something in it, Python loads modules,
        and a grader that is killed then leaves nothing.
    cache : Path or None
        Where it keeps results.
    """

    def __init__(self, command: list[str], temporary: Path, cache: Path | None = None) -> None:
        self._command = command
        self._temporary = temporary
        self._environment = {**os.environ, "TMPDIR": str(temporary)}
        if cache is not None:
            self._environment["XDG_CACHE_HOME"] = str(cache)

    def runs_whole(self) -> float:
        """Let it run; return for how many seconds it graded."""
        grader = self._begin()
        began = time.monotonic()
        assert grader.wait() == 0
        return time.monotonic() - began

    def ended_before(self, seconds: float) -> float | None:
        """Kill it so long after it began; return for how many it graded if it was faster."""
        grader = self._begin()
        began = time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            grader.wait(seconds)
        took = time.monotonic() - began
        grader.kill()
        return None if grader.wait() == -signal.SIGKILL else took

    def _begin(self) -> subprocess.Popen[bytes]:
        silence = subprocess.DEVNULL
        grader = subprocess.Popen(
            self._command, env=self._environment, cwd="/", stdout=silence, stderr=silence
        )
        while grader.poll() is None and not any(self._temporary.iterdir()):
            time.sleep(0.005)
        return grader


def test_a_grader_killed_at_any_moment_leaves_nothing_after_the_next_start(
    isolated_sandbox: Sandbox, project: Project, temporary: Path, tmp_path: Path
) -> None:
    archive, out = honest_archive(project, tmp_path), tmp_path / "out"
    command = [str(Path(sys.executable).with_name("grader")), "grade", str(archive)]
    command += ["--sandbox", isolated_sandbox.kind, "--only", ",".join(ITEMS), "--out", str(out)]
    grader = Victim(command, temporary)
    seconds = grader.runs_whole()
    whole = {path.name: path.stat().st_size for path in out.iterdir()}
    shutil.rmtree(out)
    chance, killed = random.Random(20), 0
    for number in itertools.count():
        if number >= KILLS and killed > KILLS / 2:
            break
        ended = grader.ended_before(chance.uniform(0, seconds))
        killed += ended is None
        # The machine may have been busier when it was measured.
        seconds = min(seconds, ended or seconds)
        _require_nothing_left(isolated_sandbox, temporary)
        if out.exists():
            # A report is there whole or not at all.
            sizes = {path.name: path.stat().st_size for path in out.glob("[!.]*")}
            assert all(size > whole[name] / 2 for name, size in sizes.items())
    grader.runs_whole()
    assert {path.name for path in out.iterdir()} == whole.keys(), "an unfinished report is left"
    assert list(temporary.iterdir()) == []


def scores_in(out: Path) -> dict[str, float | None]:
    """Return each submission's score in a batch's folder."""
    reports = sorted((out / "submissions").glob("*/report.json"))
    return {
        path.parent.name: msgspec.json.decode(path.read_bytes(), type=Report).score
        for path in reports
    }


def test_a_batch_killed_at_any_moment_leaves_nothing_after_the_next_start_and_completes(
    isolated_sandbox: Sandbox, project: Project, temporary: Path, tmp_path: Path
) -> None:
    source, out, cache = (tmp_path / name for name in ("handed-in", "out", "cache"))
    source.mkdir()
    whole = honest_archive(project, tmp_path)
    for name in ("ADA_RIGHT", "BOB_RIGHT"):
        shutil.copy(whole, source / f"{name}_LAB3.zip")
    command = [str(Path(sys.executable).with_name("grader")), "batch", str(source)]
    command += ["--out", str(out), "--sandbox", isolated_sandbox.kind, "--only", "relu"]
    grader = Victim(command, temporary, cache)
    seconds = grader.runs_whole()
    undisturbed = scores_in(out)
    assert len(undisturbed) == 2
    chance, killed = random.Random(21), 0
    for number in itertools.count():
        # On a machine that is faster by turns, some end before they are killed.
        if number >= KILLS and killed > KILLS / 3:
            break
        # Now one that begins, now one that goes on.
        begins = number % 2 == 0
        if begins:
            shutil.rmtree(out, ignore_errors=True)
            shutil.rmtree(cache, ignore_errors=True)
        ended = grader.ended_before(chance.uniform(0, seconds))
        killed += ended is None
        if begins:
            # The machine may have been busier when it was measured.
            seconds = min(seconds, ended or seconds)
        _require_nothing_left(isolated_sandbox, temporary, str(out))
        # A report is there whole or not at all, and none has a score of nothing.
        assert scores_in(out).items() <= undisturbed.items()
    grader.runs_whole()
    assert scores_in(out) == undisturbed
    assert list(temporary.iterdir()) == []
    partial = [path for path in (out / "submissions").rglob(".*") if path.is_file()]
    assert partial == [], "an unfinished file is left"


def _require_nothing_left(sandbox: Sandbox, temporary: Path, word: str | None = None) -> None:
    """Require that starting again clears away what is left, once the killed have ended.

    The processes are known by what stands in their command line: `word`, or the folder's name.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := _left(sandbox, temporary, word or str(temporary)):
        assert time.monotonic() < deadline, left
        remove_leftovers(sandbox)


def _left(sandbox: Sandbox, temporary: Path, word: str) -> list[str]:
    left = [path.name for path in temporary.iterdir()]
    for command_line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            text = command_line.read_bytes()
            if word.encode() in text or str(temporary).encode() in text:
                left.append(text.decode(errors="replace"))
    if sandbox.kind == "docker":
        client = docker.from_env()
        mine = client.containers.list(
            all=True, ignore_removed=True, filters={"label": CONTAINER_LABEL}
        )
        left += [
            str(container.name)
            for container in mine
            if any(str(temporary) in mount["Source"] for mount in container.attrs["Mounts"])
        ]
        client.close()
    for place in Places.find().of.values():
        for group in place.folder.glob(f"{PREFIX}*"):
            # Other graders may be at work here: theirs are not dead.
            if owner.is_dead(group.name.removeprefix(PREFIX).rpartition("-")[0]):
                left.append(str(group))
    return left


# What the grader stands on goes away


@pytest.mark.docker
def test_a_container_that_somebody_kills_is_no_loss_of_the_students(
    docker_sandbox: DockerSandbox, project: Project, temporary: Path, tmp_path: Path
) -> None:
    def kill(launched: Launched) -> None:
        docker_sandbox.own_client().api.kill(launched.id)  # type: ignore[attr-defined]

    require_no_zero(graded(project, Interrupted(docker_sandbox, kill, 0.8), tmp_path, SLOW))
    assert list(temporary.iterdir()) == []
    require_full_marks(graded(project, docker_sandbox, tmp_path), project)


@pytest.mark.bubblewrap
def test_a_bubblewrap_that_somebody_kills_is_no_loss_of_the_students(
    bubblewrap_sandbox: Sandbox, project: Project, temporary: Path, tmp_path: Path
) -> None:
    def kill(launched: Launched) -> None:
        launched._process.kill()  # type: ignore[attr-defined]

    require_no_zero(graded(project, Interrupted(bubblewrap_sandbox, kill, 0.8), tmp_path, SLOW))
    assert list(temporary.iterdir()) == []
    require_full_marks(graded(project, bubblewrap_sandbox, tmp_path), project)


class OwnEngine:
    """A Docker engine of the tests' own, which they may stop; it answers in two ways.

    It has a bridge of its own too, though its containers use none: an engine that is told to do
    without removes `docker0`, which is this machine's engine's.
    """

    def __init__(self, program: str, folder: Path, bridge: str) -> None:
        self._program, self._folder, self._bridge = program, folder, bridge
        with socket.create_server(("127.0.0.1", 0)) as free:
            over_tcp = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self.addresses = {"unix": f"unix://{folder}/engine.sock", "tcp": over_tcp}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.stop()
        hosts = [word for address in self.addresses.values() for word in ("--host", address)]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(self._program, *hosts, "--pidfile", f"{self._folder}/pid"),
                    *("--data-root", f"{self._folder}/data", "--exec-root", f"{self._folder}/exec"),
                    *("--bridge", self._bridge, "--iptables=false"),
                    *("--ip-forward=false", "--ip-masq=false"),
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while self.run("info").returncode:
            assert time.monotonic() < deadline, (self._folder / "log").read_text()[-2000:]
            time.sleep(0.2)

    def run(
        self, *words: str, stdin: IO[bytes] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command of the docker program on it."""
        command = ["docker", "--host", self.addresses["unix"], *words]
        return subprocess.run(command, stdin=stdin, capture_output=True)

    def ask_to_stop(self) -> None:
        """Ask it from whatever process: the tests run in a fork, which has no children."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGTERM)

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None


@contextlib.contextmanager
def network_bridge(name: str) -> Iterator[str]:
    """Make a bridge, as `ip link add` would, and remove it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as kernel:
        fcntl.ioctl(kernel, SIOCBRADDBR, name.encode() + b"\0")
        try:
            yield name
        finally:
            down = struct.pack("16sh14x", name.encode(), 0)
            fcntl.ioctl(kernel, SIOCSIFFLAGS, down)
            fcntl.ioctl(kernel, SIOCBRDELBR, name.encode() + b"\0")


@pytest.fixture(scope="module")
def own_engine(docker_sandbox: DockerSandbox, project: Project) -> Iterator[OwnEngine]:
    """An engine with the sandbox image in it, to be started by the test."""
    program = shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or os.geteuid() != 0:
        pytest.skip("a second Docker engine needs dockerd and root")
    folder = Path(tempfile.mkdtemp(prefix="nn-engine-", dir="/tmp"))
    with network_bridge(f"nn-{os.getpid()}") as bridge:
        engine = OwnEngine(program, folder, bridge)
        try:
            engine.start()
            command = ["docker", "save", image_status(project.root).tag]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as saved:
                assert engine.run("load", stdin=saved.stdout).returncode == 0
            assert saved.returncode == 0
            yield engine
        finally:
            engine.stop()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.docker
@pytest.mark.parametrize("way", ["unix", "tcp"])
def test_an_engine_that_is_stopped_in_the_middle_is_no_loss_of_the_students(
    way: str,
    own_engine: OwnEngine,
    docker_sandbox: DockerSandbox,
    project: Project,
    temporary: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over TCP the engine may be on another machine, and shares no socket with the grader."""

    def stop(launched: Launched) -> None:
        own_engine.ask_to_stop()

    own_engine.start()
    monkeypatch.setenv("DOCKER_HOST", own_engine.addresses[way])
    theirs = find_docker(project.root)
    assert theirs._remote is (way == "tcp")
    require_full_marks(graded(project, theirs, tmp_path), project)
    # The engine gives its containers 10 s to end, and kills them then.
    slow = SLOW.replace("0.05", "1.0")
    require_no_zero(graded(project, Interrupted(theirs, stop, 0.5), tmp_path, slow))
    assert list(temporary.iterdir()) == []
    monkeypatch.delenv("DOCKER_HOST")
    require_full_marks(graded(project, docker_sandbox, tmp_path), project)


@pytest.mark.docker
def test_an_image_that_is_removed_is_no_loss_of_the_students(
    docker_sandbox: DockerSandbox, project: Project, temporary: Path, tmp_path: Path
) -> None:
    client = docker.from_env()
    container = client.containers.create(docker_sandbox.runtime_digest())
    copy = container.commit(repository="nn-lab-test-copy")
    container.remove()
    doomed = DockerSandbox(str(copy.id), docker_sandbox._profile)
    try:
        require_full_marks(graded(project, doomed, tmp_path), project)
    finally:
        client.images.remove(str(copy.id), force=True)
        client.close()
    report = graded(project, doomed, tmp_path)
    require_no_zero(report)
    assert "No such image" in item_of(report, "relu").feedback[0]
    assert list(temporary.iterdir()) == []
    require_full_marks(graded(project, find_docker(project.root), tmp_path), project)


# The machine misbehaves


@pytest.fixture
def small_disk(temporary: Path) -> Iterator[Path]:
    """Put the temporary folder on a disk of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    options = "size=256k,nr_inodes=64,mode=755"
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(temporary)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    yield temporary
    subprocess.run(["umount", str(temporary)], check=True)


@pytest.mark.parametrize("room", ["none", "few-files", "few-bytes"])
def test_a_full_disk_is_no_loss_of_the_students(
    room: str, isolated_sandbox: Sandbox, project: Project, small_disk: Path, tmp_path: Path
) -> None:
    fillers: list[Path] = []
    if room == "few-bytes":
        with (small_disk / "filler").open("wb", buffering=0) as filler:
            with contextlib.suppress(OSError):
                while filler.write(b"x" * 4096):
                    pass
            filler.truncate(filler.tell() - 4096)
    else:
        with contextlib.suppress(OSError):
            while True:
                fillers.append(small_disk / str(len(fillers)))
                fillers[-1].touch()
        for _ in range({"none": 0, "few-files": 4}[room]):
            fillers.pop().unlink(missing_ok=True)
    report = graded(project, isolated_sandbox, tmp_path)
    # A few bytes, of which grading needs no more, may do: what is forbidden is a zero.
    if room == "few-bytes" and report.score is not None:
        require_full_marks(report, project)
    else:
        require_no_zero(report)
    for path in small_disk.iterdir():
        path.unlink()
    require_full_marks(graded(project, isolated_sandbox, tmp_path), project)
    assert list(small_disk.iterdir()) == []


@pytest.fixture
def settable_clock(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A file that says how far a program's time of day is off, and the environment for it."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        if FORCED:
            pytest.fail("libfaketime is required here")
        pytest.skip("a clock can be set back for one program only with libfaketime")
    setting = tmp_path / "clock"
    setting.write_text("+0")
    # It mistakes the moment until which time.sleep sleeps for one of the time of day.
    (tmp_path / "sitecustomize.py").write_text(
        "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], seconds)\n"
    )
    environment = {
        "PYTHONPATH": str(tmp_path),
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(setting),
        "FAKETIME_NO_CACHE": "1",
        # Setting a machine's clock leaves its monotonic one alone.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    return setting, environment


def test_a_clock_that_is_set_back_changes_nothing(
    isolated_sandbox: Sandbox,
    project: Project,
    temporary: Path,
    tmp_path: Path,
    settable_clock: tuple[Path, dict[str, str]],
) -> None:
    """Every deadline is of the clock that only goes forward."""
    setting, environment = settable_clock
    out = tmp_path / "out"
    command = [str(Path(sys.executable).with_name("grader")), "grade"]
    command += [str(honest_archive(project, tmp_path, SLOW)), "--only", ",".join(ITEMS)]
    command += ["--sandbox", isolated_sandbox.kind, "--out", str(out)]
    began = datetime.now(UTC)
    environment = {**os.environ, "TMPDIR": str(temporary), **environment}
    grader = subprocess.Popen(command, env=environment, cwd="/", stderr=subprocess.PIPE)
    days = 0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            _, said = grader.communicate(timeout=0.2)
            break
        days += 1
        setting.write_text(f"-{days}d")
    assert grader.returncode == 0, said
    assert days > 2, "it ended before its clock could be set back"
    report = msgspec.json.decode(next(out.glob("*.json")).read_bytes(), type=Report)
    assert datetime.fromisoformat(report.graded_at) < began - timedelta(days=2)
    require_full_marks(report, project)
    assert all(0 <= case.seconds < 60 for item in report.items for case in item.cases)
    assert list(temporary.iterdir()) == []
