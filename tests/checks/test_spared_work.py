"""Of what pytest does around a case much is left out, and tests cannot tell."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from grader.checks.case_plugin import CasePlugin
from grader.checks.collection import NOT_NEEDED
from grader.checks.phases import run_phases
from grader.checks.spared_work import spare_work

# Each test and fixture notes what it gets; whoever runs them notes how each phase went.
NOTES = """
from pathlib import Path
LOG = Path(__file__).with_name("log.txt")

def note(*words):
    with LOG.open("a") as log:
        print(*words, file=log)
"""
CONFTEST = """
import pytest
from notes import note

@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    note("before", item.name)
    yield
    note("after", item.name)

@pytest.fixture(scope="session")
def of_session():
    note("session up")
    yield "session"
    note("session down")

@pytest.fixture
def replaced():
    return "first"
"""
# A plugin that wants to hear of each fixture.
LISTENER = """
@pytest.hookimpl(wrapper=True)
def pytest_fixture_post_finalizer(fixturedef):
    result = yield  # Nobody else has this hook.
    if fixturedef.argname in ("around", "plain"):
        note("finished", fixturedef.argname, result)
"""
TESTS = """
import unittest
import pytest
from notes import note

@pytest.fixture(scope="module", params=["a", "b"])
def of_module(request, of_session):
    note("module up", request.param, request.scope, request.fixturename, request.node.name)
    yield request.param
    note("module down", request.param)

@pytest.fixture
def doubled(n):
    note("doubled", n)
    return 2 * n

@pytest.fixture
def asked_for(request):
    return request.getfixturevalue("n") + request.getfixturevalue("doubled")

@pytest.fixture
def replaced(replaced, request):
    request.addfinalizer(lambda: note("replaced down", request.node.name))
    return replaced + " second"

@pytest.fixture(autouse=True)
def around(request):
    note("around", request.node.name, request.function.__name__, sorted(request.fixturenames))
    yield
    note("around down")

@pytest.fixture
def plain(request):
    note("plain", request.node.name, request.scope, getattr(request, "param", None))
    request.addfinalizer(lambda: note("plain down", request.node.name))
    request.getfixturevalue("asks_for_nothing").append(len(request.node.funcargs))
    return [request.node.name]

@pytest.fixture
def bare(request):
    note("bare", request.node.name, request.scope)
    return [request.param]

@pytest.fixture(scope="module", params=["c", "d"])
def shared(request):
    request.addfinalizer(lambda: note("shared down", request.param))
    note("shared", request.param)
    return [request.param]

@pytest.fixture
def asks_for_nothing():
    return []

@pytest.fixture
def uses_plain(plain, asks_for_nothing):
    return plain + asks_for_nothing

@pytest.fixture
def indirect(request):
    return [request.param]

@pytest.fixture
def breaks():
    note("breaks")
    raise KeyError("setup")

@pytest.fixture
def breaks_later():
    yield
    raise KeyError("teardown")

@pytest.mark.parametrize("n", [1, 2])
def test_parameters_and_fixtures(n, doubled, asked_for, of_module, replaced):
    note(n, doubled, asked_for, of_module, replaced)

@pytest.mark.parametrize("n", [3, 4], scope="module")
@pytest.mark.parametrize("indirect", [5], indirect=True)
@pytest.mark.parametrize("replaced", [6])
def test_parameters_of_each_kind(request, n, indirect, replaced, doubled):
    note(n, indirect, replaced, doubled, request.getfixturevalue("n"))

@pytest.mark.parametrize("n", [3, 4], scope="module")
def test_shared_parameters(n, doubled):
    note(n, doubled)

def test_a_plain_fixture(plain, asks_for_nothing): note(plain, asks_for_nothing)
def test_a_plain_fixture_of_another(uses_plain): note(uses_plain)
def test_a_plain_fixture_again(plain, uses_plain, request):
    note(plain is request.getfixturevalue("plain"), uses_plain)

@pytest.mark.parametrize("plain", ["x", "y"], indirect=True)
@pytest.mark.parametrize("n", [1, 2])
def test_a_plain_fixture_with_a_parameter(plain, n): note(plain, n)

@pytest.mark.parametrize("bare", ["x", "y"], indirect=True, scope="module")
@pytest.mark.parametrize("n", [1, 2])
def test_a_plain_fixture_with_a_shared_parameter(bare, n):
    bare.append(n)
    note(bare)

def test_a_plain_fixture_of_the_module(shared): shared.append("once")
def test_a_plain_fixture_of_the_module_again(shared): note(shared)

def test_the_request_itself(request):
    assert request.getfixturevalue("request") is request
    assert request.node.name == "test_the_request_itself"

def test_breaks_in_setup(breaks): pass
def test_breaks_and_is_asked_again(request):
    for _ in range(2):
        with pytest.raises(KeyError, match="setup"):
            request.getfixturevalue("breaks")
def test_breaks_in_call(of_session): raise KeyError("call")
def test_breaks_in_teardown(breaks_later): pass
def test_a_fixture_that_is_not_there(missing): pass

def test_files_output_and_changes(tmp_path, capsys, monkeypatch):
    print(tmp_path.name)
    monkeypatch.setenv("NOTED", "1")
    note(capsys.readouterr())

class TestPlain:
    @pytest.fixture(scope="class")
    def of_class(self):
        note("class up")
        yield
        note("class down")

    def setup_method(self): note("setup_method")
    def test_one(self, of_class): self.seen = True
    def test_two(self, of_class): note(hasattr(self, "seen"))

class TestUnit(unittest.TestCase):
    @classmethod
    def setUpClass(cls): note("setUpClass")
    @classmethod
    def tearDownClass(cls): note("tearDownClass")
    def setUp(self): note("setUp")
    def tearDown(self): note("tearDown")
    def test_passes(self): pass
    def test_fails(self): self.fail("call")
    def test_is_skipped(self): self.skipTest("call")

def test_is_skipped(): pytest.skip("call")

@pytest.mark.skipif(True, reason="setup")
def test_is_marked(): pass
"""


class Spared:
    """Runs tests as a run does, and notes how each phase went that is judged."""

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        spare_work(session)
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            run_phases(item, following, cast("CasePlugin", self))
        return True

    def judge(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        if call.excinfo is None:
            how = "passed"
        else:
            how = "skipped" if call.excinfo.errisinstance(pytest.skip.Exception) else "failed"
        note(item.name, call.when, how)

    def spend(self, seconds: float) -> None:
        assert seconds >= 0


class Unspared:
    """Has pytest run tests, and notes the same phases."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            note(report.nodeid.rpartition("::")[2], report.when, report.outcome)


def note(*words: object) -> None:
    with Path("log.txt").open("a") as log:
        print(*words, file=log)


def log_of(plugin: Spared | Unspared, folder: Path, listener: str) -> str:
    """Run the tests in a process of their own, since what is spared is spared for good."""
    folder.mkdir()
    files = (("notes", NOTES), ("conftest", CONFTEST + listener), ("test_all", TESTS))
    for name, text in files:
        (folder / f"{name}.py").write_text(text)
    process = os.fork()
    if process == 0:
        os.chdir(folder)
        without = [f"-pno:{name}" for name in NOT_NEEDED]
        pytest.main(["-q", f"--rootdir={folder}", *without], plugins=[plugin])
        os._exit(0)
    os.waitpid(process, 0)
    return (folder / "log.txt").read_text()


@pytest.mark.parametrize("listener", ["", LISTENER], ids=["alone", "with a listener"])
def test_tests_and_fixtures_of_every_kind_go_as_pytest_itself_runs_them(
    tmp_path: Path, listener: str
) -> None:
    spared = log_of(Spared(), tmp_path / "spared", listener)
    assert "test_parameters_and_fixtures[a-1] call passed" in spared
    assert spared == log_of(Unspared(), tmp_path / "unspared", listener)
