"""Fixtures and rules of the hidden tests: seeded inputs, comparisons, and the ``case`` marker.

Run against any ``layers`` package on the path: ``PYTHONPATH=reference pytest hidden_tests``.
Every test carries ``@pytest.mark.case(id=..., weight=..., about=...)``; `about` is shown to
students and must not give hidden values away. A test without one is refused before any test runs.
"""

import hashlib
import math
import re
import sys
import tomllib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

# The helper modules lie beside this file, whatever pytest's import mode is; the one that names
# mistakes lies beside the public tests, which use it too. Last, so that it hides nothing.
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.append(str(Path(__file__).resolve().parents[1] / "student_template" / "test"))

from comparison import Comparison

HERE = Path(__file__).resolve().parent
CASE_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
EXAMPLE = '@pytest.mark.case(id="one-row", weight=2, about="the output for a batch of one row")'


@dataclass(frozen=True)
class Suite:
    """What lab.toml says about the hidden tests."""

    version: str
    seed: int
    rtol: float
    atol: float


_suite_key = pytest.StashKey[Suite]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seed",
        type=int,
        default=None,
        help="grading seed that all random inputs derive from (default: [suite] seed in lab.toml)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "case(id, weight, about): id within the file, weight in points, a sentence for students",
    )
    config.stash[_suite_key] = _read_suite()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse hidden tests that could not be graded or told apart."""
    owners: dict[tuple[Path, str], object] = {}
    for item in items:
        if HERE not in item.path.parents:
            continue
        case = _checked_case(item)
        function = getattr(item, "function", item)
        if owners.setdefault((item.path, case), function) is not function:
            raise _refusal(item, f"the case id {case!r} is taken by another test; choose another")


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Return a generator that depends on the suite's version, the grading seed and the case alone.

    Neither the order of the tests, nor the path of the file, nor the platform changes what it
    draws.
    """
    suite = request.config.stash[_suite_key]
    key = f"{suite.version}\n{_grading_seed(request.config)}\n{_full_id(request.node)}"
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()))


@pytest.fixture
def compare(request: pytest.FixtureRequest) -> Comparison:
    """Return comparisons that name the case and its seed when they fail."""
    suite = request.config.stash[_suite_key]
    seed = _grading_seed(request.config)
    return Comparison(_full_id(request.node), seed, suite.rtol, suite.atol)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Record how near the largest error came to its tolerance, as a property of the test.

    So a tolerance that is too tight shows before it fails anyone.
    """
    try:
        return (yield)
    finally:
        comparison = getattr(item, "funcargs", {}).get("compare")
        if comparison is not None:
            item.user_properties.append(("error_over_tolerance", comparison.largest_error))


def _grading_seed(config: pytest.Config) -> int:
    """Return the seed of the command line, else lab.toml's.

    Asked anew for each test, since whoever verifies the suite runs every test under many seeds.
    """
    seed: int | None = config.getoption("--seed")
    return config.stash[_suite_key].seed if seed is None else seed


def _read_suite() -> Suite:
    """Read version, seed and tolerances."""
    lab = HERE.parent / "lab.toml"
    try:
        data = tomllib.loads(lab.read_text(encoding="utf-8"))
        return Suite(
            version=data["suite"]["version"],
            seed=data["suite"]["seed"],
            rtol=data["tolerances"]["rtol"],
            atol=data["tolerances"]["atol"],
        )
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise pytest.UsageError(
            f"{lab}: the hidden tests need [suite] version and seed and [tolerances] rtol and "
            f"atol from this file, but {error!r}; restore it from the repository"
        ) from error


def _full_id(item: pytest.Item) -> str:
    """Return ``<item>/<id>[<params>]``."""
    case = _checked_case(item)
    callspec = getattr(item, "callspec", None)
    params = f"[{callspec.id}]" if callspec is not None else ""
    return f"{item.path.stem.removeprefix('test_')}/{case}{params}"


def _checked_case(item: pytest.Item) -> str:
    """Return the id in a test's ``case`` marker, or refuse the test."""
    marker = item.get_closest_marker("case")
    if marker is None:
        raise _refusal(item, f"the test has no case marker; put one above it, such as {EXAMPLE}")
    if marker.args or marker.kwargs.keys() != {"id", "weight", "about"}:
        raise _refusal(item, f"a case takes id, weight and about, by name, as in {EXAMPLE}")
    case, weight, about = (marker.kwargs[name] for name in ("id", "weight", "about"))
    if not isinstance(case, str) or not CASE_ID.fullmatch(case):
        raise _refusal(item, f"the case id {case!r} must be lower-case words joined by hyphens")
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise _refusal(item, f"the weight {weight!r} must be a number")
    if not (math.isfinite(weight) and weight > 0):
        raise _refusal(item, f"the weight {weight!r} must be above 0; delete a test worth nothing")
    if not isinstance(about, str) or not about.strip():
        raise _refusal(item, "about is empty; say in a sentence for students what the case tests")
    return case


def _refusal(item: pytest.Item, problem: str) -> pytest.UsageError:
    """Make the error that stops collection, with the place in the file."""
    _, line, name = item.location
    number = "?" if line is None else line + 1
    return pytest.UsageError(f"{item.path}:{number}: {name}: {problem}")
