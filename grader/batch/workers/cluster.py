"""The workers of a Dask cluster: those that would grade as this machine does, and no other."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

import msgspec

from grader.batch.workers import cluster_worker
from grader.batch.workers.stamp import Stamp, difference, stamp_of
from grader.batch.workers.task_process import Ready, Refused, Setup
from grader.batch.workers.tasks import Told, decode_told
from grader.errors import ConfigurationError, GraderError, NoSandboxError
from grader.pipeline import Plan

CONNECT_SECONDS = 10.0
ARRIVAL_SECONDS = 10.0
LOOK_SECONDS = 2.0
"""Between two looks at which workers there are."""
DISMISS_SECONDS = 5.0


class ClusterWorkers:
    """Performs tasks on a cluster.

    A worker must have the same grader, suite, data and sandbox as this machine. It is asked when
    it is first seen, before any task is sent, and gets tasks only if it has: tasks want a resource
    of Dask's that is then given to it. Dask itself sends the tasks of lost workers elsewhere.

    Parameters
    ----------
    address : str
        The scheduler's, such as `tcp://host:8786`.
    plan : Plan
        How this machine would grade.
    log : callable
        Told which workers there are, and which are refused and why.

    Raises
    ------
    ConfigurationError
        If Dask is not installed, or there is no scheduler at the address.
    NoSandboxError
        If there is no worker that can be used.
    """

    def __init__(self, address: str, plan: Plan, log: Callable[[str], None]) -> None:
        self._address = address
        self._log = log
        self._stamp = stamp_of(plan)
        self._batch = secrets.token_hex(8)
        self._topic = self._resource = f"nn-lab-grader-{self._batch}"
        self._setup = _setup_of(plan, self._batch)
        self._told: SimpleQueue[bytes] = SimpleQueue()
        self._threads: dict[str, int] = {}
        self._turned_away: set[str] = set()
        self._looked = 0.0
        self._alone = False
        self._client: Any = _connect(address)
        try:
            self._client.subscribe_topic(self._topic, self._hear)
            self._executor = self._client.get_executor(resources={self._resource: 1}, pure=False)
            self._wait_for_workers()
            if not self._threads:
                raise NoSandboxError(
                    f"The cluster at {address} has no worker that can be used.",
                    "Start workers with the same grader, suite, data and image as here.",
                )
        except BaseException:
            self.close()
            raise
        self._log(f"grading on {len(self._threads)} workers with {self.slots} threads")

    @property
    def slots(self) -> int:
        """Threads of the workers that were let in and live."""
        return sum(self._threads.values())

    def submit(self, task: bytes) -> Future[bytes]:
        """Have a task performed by one of the workers.

        Raises
        ------
        GraderError
            If the scheduler is gone.
        """
        try:
            future: Future[bytes] = self._executor.submit(
                cluster_worker.perform_here, self._setup, task, self._topic
            )
        except Exception as error:
            raise self._gone() from error
        return future

    def heard(self) -> Iterator[Told]:
        """Yield what was said since the last time; look for new and lost workers now and then.

        Raises
        ------
        GraderError
            If the scheduler is gone.
        """
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._look()
        while not self._told.empty():
            yield decode_told(self._told.get())

    def renew(self) -> None:
        """Do nothing: a killed process of a worker is that worker's own matter."""

    def close(self) -> None:
        """End the batch's processes on the workers, and leave the cluster."""
        with suppress(Exception):
            self._client.run(
                cluster_worker.dismiss, self._batch, workers=list(self._threads), on_error="ignore"
            )
        with suppress(Exception):
            self._client.close(timeout=DISMISS_SECONDS)

    def _hear(self, event: tuple[float, Any]) -> None:
        _, told = event
        if isinstance(told, bytes):
            self._told.put(told)

    def _wait_for_workers(self) -> None:
        """Give workers that were started just now some time to appear."""
        deadline = time.monotonic() + ARRIVAL_SECONDS
        self._look()
        while not self._threads and time.monotonic() < deadline:
            time.sleep(0.5)
            self._look()

    def _look(self) -> None:
        """Let new workers in that fit, and forget those that are gone."""
        self._looked = time.monotonic()
        try:
            found = self._client.scheduler_info(n_workers=-1)["workers"]
            new = [one for one in found if one not in self._threads.keys() | self._turned_away]
            answers = self._ask(new) if new else {}
        except Exception as error:
            raise self._gone() from error
        for address, answer in answers.items():
            self._judge(address, answer, int(found[address]["nthreads"]))
        for address in self._threads.keys() - found.keys():
            self._log(f"the worker {address} is lost; others take over what it was at")
            del self._threads[address]
        alone = not self._threads
        if alone and not self._alone:
            self._log("there is no worker that can be used; waiting for one")
        self._alone = alone

    def _gone(self) -> GraderError:
        return GraderError(
            f"The scheduler at {self._address} does not answer any more.",
            "Start it, and run the batch again: what is done is kept.",
        )

    def _ask(self, workers: list[str]) -> dict[str, object]:
        answers: dict[str, object] = self._client.run(
            cluster_worker.check_in, self._setup, workers=workers, on_error="return"
        )
        return answers

    def _judge(self, address: str, answer: object, threads: int) -> None:
        why = objection(answer, self._stamp)
        if why:
            self._turned_away.add(address)
            self._log(f"the worker {address} is refused: {why}")
            return
        self._client.run(cluster_worker.admit, self._resource, workers=[address])
        self._threads[address] = threads


def objection(answer: object, here: Stamp) -> str:
    """Say why a worker cannot be used; empty if it can."""
    if not isinstance(answer, bytes):
        return f"the grader does not run there ({type(answer).__name__}: {answer})"
    read: Ready | Refused = msgspec.msgpack.decode(answer, type=Ready | Refused)
    if isinstance(read, Refused):
        return read.why
    found = difference(here, read.stamp)
    return f"it differs in {found}; bring it up to date" if found else ""


def _setup_of(plan: Plan, batch: str) -> bytes:
    return msgspec.msgpack.encode(
        Setup(
            batch=batch,
            sandbox=None if plan.sandbox is None else plan.sandbox.kind,
            items=tuple(plan.items),
            seed=plan.seed,
            trains=plan.dataset is not None,
        )
    )


def _connect(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfigurationError(
            "Grading on a cluster needs Dask, which is not installed.",
            "Install it with `pip install 'nn-lab-grader[cluster]'`.",
        ) from error
    connect: Any = Client  # Dask's types are not complete.
    if address.startswith("tls://"):
        _check_certificates(address)
    try:
        return connect(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"There is no Dask scheduler at {address} ({error}).",
            "Start one with `dask scheduler`, and name the address that it prints.",
        ) from error


def _check_certificates(address: str) -> None:
    """Read the client's certificates as Dask will, which says it less plainly."""
    from distributed.security import Security

    security: Any = Security
    what_to_do = "Name them in ~/.config/dask/tls.yaml, as docs/cluster.md shows."
    try:
        context = security().get_connection_args("client").get("ssl_context")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The certificates for {address} cannot be read ({error}).", what_to_do
        ) from error
    if context is None:
        raise ConfigurationError(
            f"{address} wants certificates, and Dask is told of none here.", what_to_do
        )
