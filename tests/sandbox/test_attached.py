"""Over its standard streams, a container on an engine elsewhere is as good as one that is here."""

from __future__ import annotations

import socket
import struct
import time

import docker
import numpy as np
import pytest
from docker.models.containers import Container
from hypothesis import given
from hypothesis import strategies as st

from grader import owner
from grader.bridge import proxy
from grader.bridge.channel import Channel
from grader.bridge.faults import CaseTimedOut
from grader.lab import Project
from grader.sandbox.cell import Cell
from grader.sandbox.docker import CONTAINER_LABEL, DockerSandbox
from grader.sandbox.docker.attached import _AttachedStreams
from grader.sandbox.docker.container import MACHINE_LABEL

ECHO = """
class FullLayer:
    def __init__(self, n_i, n_o):
        print("printed text is no part of the streams", flush=True)

    def forward(self, x):
        return x
"""


class Attached:
    """What the SDK returns: an object around the connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._sock = connection

    def close(self) -> None:
        """Leave the connection to whoever has it."""


@given(
    pieces=st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=50)), max_size=8),
    cut=st.integers(1, 20),
)
def test_the_engines_own_framing_is_read_wherever_it_is_cut(
    pieces: list[tuple[int, bytes]], cut: int
) -> None:
    """The piece's stream, three bytes of nothing, its length: as the engine's API says."""
    engine, end = socket.socketpair()
    with engine, end:
        streams, read = _AttachedStreams(Attached(end)), b""
        raw = b"".join(struct.pack(">BxxxI", *(s, len(data))) + data for s, data in pieces)
        for at in range(0, len(raw), cut):
            engine.sendall(raw[at : at + cut])
            read += streams.read() or b""
        assert read == b"".join(data for stream, data in pieces if stream == 1)
        assert streams.read() is None
        engine.close()
        assert streams.read() == b""


def own_containers() -> list[Container]:
    client = docker.from_env()
    try:
        own = f"{CONTAINER_LABEL}={owner.own_name()}"
        return client.containers.list(all=True, filters={"label": own})
    finally:
        client.close()


@pytest.mark.docker
def test_large_arrays_pass_and_nothing_of_the_host_is_shared(
    attached_docker_sandbox: DockerSandbox, project: Project
) -> None:
    array = np.random.default_rng(1).normal(size=(1000, 1250))
    with Cell(attached_docker_sandbox, project.lab, {"layers/full.py": ECHO.encode()}) as cell:
        (container,) = own_containers()
        assert container.attrs["Mounts"] == []
        channel = Channel(cell.start(), {})
        proxy.attach(channel)
        channel.begin_case(1, time.monotonic() + 60)
        channel.new("FullLayer", "layers.full", (2, 3), {})
        assert np.array_equal(channel.call(1, "forward", (array,), {}), array)
        channel.close()
        assert "printed text" in cell.end().output
    assert own_containers() == []


@pytest.mark.docker
def test_a_process_that_never_reads_does_not_keep_the_next_from_starting(
    attached_docker_sandbox: DockerSandbox, project: Project
) -> None:
    deaf = ECHO + "\n    def forward(self, x):\n        import time\n        time.sleep(1000)\n"
    array = np.zeros((1000, 1250))
    with Cell(attached_docker_sandbox, project.lab, {"layers/full.py": deaf.encode()}) as cell:
        for _ in range(2):
            channel = Channel(cell.start(), {})
            proxy.attach(channel)
            channel.begin_case(1, time.monotonic() + 2)
            channel.new("FullLayer", "layers.full", (2, 3), {})
            with pytest.raises(CaseTimedOut):
                channel.call(1, "forward", (array,), {})
            channel.close()
            assert cell.end().signal == 0


@pytest.mark.docker
def test_what_another_machines_grader_has_on_a_shared_engine_is_left_alone(
    attached_docker_sandbox: DockerSandbox,
) -> None:
    """From here every grader of another machine looks dead: it is of another boot."""
    image, dead = attached_docker_sandbox.runtime_digest(), "00000000.1.1.1"
    client = docker.from_env()
    ours, theirs = (
        client.containers.create(image, labels={CONTAINER_LABEL: dead, MACHINE_LABEL: machine})
        for machine in (owner.machine(), "another")
    )
    try:
        removed = attached_docker_sandbox.remove_leftovers()
        assert ours.name in removed
        assert theirs.name not in removed
    finally:
        theirs.remove(force=True)
        client.close()
