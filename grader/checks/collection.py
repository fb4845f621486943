"""Collects the test files in one process, and hands the pytest session to runs in forks of it.

What a fork binds or changes reaches no other. Grading and the verification of the suite both run
their cases this way: collecting takes as long as running them.
"""

from __future__ import annotations

import gc
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from grader.bridge import proxy
from grader.bridge.channel import Channel
from grader.bridge.session import OutsideCase, Session
from grader.checks.case_plugin import CASE, describe_case
from grader.checks.pytest_session import session_arguments, test_folders
from grader.checks.spared_work import spare_work
from grader.errors import GraderError
from grader.lab import Project
from grader.model import Suite
from grader.plain_text import printable

OUTPUT = "output"
# What pytest loads by itself and no case needs; most of these do something before and after each
# phase of a test.
NOT_NEEDED = (
    *("cacheprovider", "doctest", "faulthandler", "junitxml", "legacypath", "logging"),
    *("pastebin", "setuponly", "setupplan", "stepwise", "threadexception"),
    *("unraisableexception", "warnings"),
)


class Student:
    """Where the proxies that tests hold find the student's code: in the run that goes on.

    Attributes
    ----------
    session : Session or None
        Set by the fork that runs the cases.
    """

    def __init__(self) -> None:
        self.session: Session | None = None

    def channel(self) -> Channel:
        """Return the running case's channel; a test that asks outside a case is at fault."""
        if self.session is None:
            raise OutsideCase
        return self.session.channel()

    def packages(self, classes: dict[str, str]) -> dict[str, ModuleType]:
        """Return what tests import as `layers`, `layers.full` and so on."""
        return proxy.layers_package(classes, self.channel)


class Collection:
    """A pytest plugin that calls `then` where pytest would run the tests it has collected.

    Parameters
    ----------
    project : Project
        Where the tests are.
    items : sequence of str
        Rubric items.
    suites : sequence of Suite
        Whose files to collect.
    layers : dict of str to ModuleType
        What the test files import in place of the student's package.
    then : callable
        Gets the session, its items described, the public ones first.
    only : str or None
        A sibling to collect alone.
    """

    def __init__(
        self,
        project: Project,
        items: Sequence[str],
        suites: Sequence[Suite],
        layers: dict[str, ModuleType],
        then: Callable[[pytest.Session], None],
        only: str | None = None,
    ) -> None:
        self._project = project
        self._items = items
        self._folders = test_folders(project, suites)
        self._layers = layers
        self._then = then
        self._only = only
        self._problem: GraderError | None = None

    def collect(self, place: Path, *options: str) -> GraderError | None:
        """Collect in this very process, which is good for nothing else afterwards.

        Parameters
        ----------
        place : Path
            A private folder; what pytest prints goes to `output` in it.
        *options : str
            More of pytest's options.

        Returns
        -------
        GraderError or None
            Why the files could not be collected, if so.
        """
        output = os.open(place / OUTPUT, os.O_RDWR | os.O_CREAT)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, target in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(descriptor, target)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - for the process's life
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        warnings.resetwarnings()  # No caller's filter makes them errors.
        sys.modules.update(self._layers)
        folders = tuple(self._folders)
        arguments = session_arguments(place, self._project, self._items, folders, self._only)
        # Nothing is captured: forks would share the file that pytest captures to.
        arguments += ["--capture=no", *options]
        for name in NOT_NEEDED:
            arguments += ["-p", f"no:{name}"]
        code = pytest.main(arguments, plugins=[self])
        if self._problem is not None or code == pytest.ExitCode.OK:
            return self._problem
        sys.stdout.flush()
        sys.stderr.flush()
        return GraderError(
            f"The tests could not be collected, so they did not run (pytest {int(code)}): "
            f"{last_lines(place / OUTPUT)}",
            "Mend the test files if they are named here; else grade again.",
        )

    @pytest.hookimpl
    def pytest_exception_interact(
        self, node: pytest.Item | pytest.Collector, call: pytest.CallInfo[object]
    ) -> None:
        """Keep why a test file cannot be loaded; tests themselves are judged elsewhere."""
        collecting = isinstance(node, pytest.Collector) and call.excinfo is not None
        if collecting and self._problem is None and call.excinfo is not None:
            said = str(call.excinfo.value).strip()
            # Of the lines in a traceback, the last of the file itself is the one to look at.
            lines = re.findall(rf"{re.escape(node.path.name)}:(\d+)", said)
            place = ":".join((node.nodeid, *lines[-1:]))
            self._problem = GraderError(
                f"{place} could not be loaded ({printable(said.rpartition(chr(10))[2], 300)}).",
                "Mend the test file.",
            )

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Find out what each test is worth, and order them: public ones first, and by item.

        What student code has seen of a hidden case it could keep in a file, and tell in the
        exception of a public case, whose text students read. The hidden ones go through the items
        backwards: the item that was last has its process still.
        """
        for item in items:
            item.stash[CASE] = describe_case(item, self._folders, self._project.lab)
        order = {name: number for number, name in enumerate(self._project.lab.test_items)}

        def place(item: pytest.Item) -> tuple[bool, int]:
            case = item.stash[CASE]
            hidden, number = case.suite is Suite.HIDDEN, order[case.item]
            return hidden, -number if hidden else number

        items.sort(key=place)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Take the place of pytest's loop."""
        if session.testsfailed:
            raise session.Interrupted("errors during collection")
        spare_work(session)
        gc.collect()
        gc.freeze()  # What all forks share is not to be copied for the garbage collector's marks.
        self._then(session)
        return True


def last_lines(log: Path) -> str:
    """Return the end of a log, for a message to staff."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return "no log"
    return printable(" / ".join(text.strip().splitlines()[-8:]), 1200)
