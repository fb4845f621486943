"""What every kind of sandbox offers: launch a worker that connects to a socket."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from grader.lab import Limits
from grader.one_thread import ONE_THREAD

# Names inside the sandbox.
BRIDGE = "/bridge"
SOCKET_NAME = "grader.sock"

# A worker's connection breaks the moment it dies; what runs its sandbox learns of it later, the
# busier the machine is. Who asks too early would take a sandbox that was killed for one that lives.
ENDING_SECONDS = 30
BROKEN = "the connection to its worker broke"

# Neither the current folder nor a user's site-packages can add to the worker's imports. The
# environment could, but it is ENVIRONMENT and nothing else, so -I is not needed; with -I the hash
# seed would be ignored, and two runs could differ in the order of a set.
ISOLATED = ("-P", "-s", "-B")
# There is nothing to collect while modules are imported; the worker turns collecting on again.
BOOTSTRAP = (
    "import gc, sys; gc.disable(); sys.path.append(sys.argv[1]); "
    "from grader.bridge.worker import main; main(sys.argv[2], sys.argv[3])"
)

# The memory of an array that is freed is kept for the next one. Glibc does so by itself once it has
# freed an array of that size; to give it back costs a page fault a page.
_KEPT = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}

# One thread: the sandbox has its share of the cores and no more, and the time that a case
# takes does not depend on how many the host has.
ENVIRONMENT = {
    "HOME": "/tmp",  # noqa: S108 - the sandbox's own
    "LANG": "C.UTF-8",
    "MPLBACKEND": "Agg",
    "MPLCONFIGDIR": "/tmp",  # noqa: S108
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    **_KEPT,
    **ONE_THREAD,
}


class Launched(Protocol):
    """A sandbox that was started and has not been stopped."""

    root: str
    """The writable folder, as the worker sees it, that becomes the submission's root."""

    own_pids: bool
    """Whether the worker is alone in its pid namespace."""

    rlimits: dict[str, int]
    """Limits that the worker is to set on item processes."""

    def stop(self) -> None:
        """Kill everything in it and remove it; stopping twice does no harm."""

    def ended_from_outside(self, *, closed: bool) -> str | None:
        """Return what ended the worker or keeps it, if student code cannot have; None if it may.

        Parameters
        ----------
        closed : bool
            Whether its connection broke, so that it has ended or is about to; else it is silent.
        """

    def last_words(self) -> str:
        """Return what is known of why it ended, for a message to staff."""


class Sandbox(Protocol):
    """One kind of sandbox, found to work on this machine."""

    kind: str
    isolated: bool
    forkable: bool
    """Whether forks of the process that launched a worker can tell how it ended, as it can."""
    mechanisms: dict[str, str]
    """What holds each limit and closes each way out, by name; `none` where nothing does."""
    uid: int | None
    """User who must be able to reach the cell's folder, if not the grader's own."""

    def runtime_digest(self) -> str | None:
        """Return what identifies the interpreter and packages inside."""

    def remove_leftovers(self) -> list[str]:
        """Remove what graders that were killed have left of this kind; return names.

        What belongs to a grader that lives, here or elsewhere, is not touched.
        """

    def launch(self, bridge: Path, token: str, limits: Limits) -> Launched:
        """Start a worker that connects to `bridge / SOCKET_NAME` and says Hello with `token`.

        Raises
        ------
        GraderError
            If the sandbox could not be started.
        """
