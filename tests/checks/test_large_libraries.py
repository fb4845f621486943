"""What of large libraries the worker imports before the student's code does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.checks.large_libraries import LARGE, MOST_MODULES, large_libraries
from grader.model import Outcome
from tests.checks.conftest import RunTests

PUBLIC = """
from unittest import TestCase
from layers import FullLayer
class PublicTest(TestCase):
    def test_forward(self):
        assert FullLayer().forward(1) == 1
"""


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("import matplotlib.pyplot as plt", ("matplotlib.pyplot",)),
        ("import scipy", ("scipy",)),
        (
            "from sklearn.metrics import accuracy_score",
            ("sklearn.metrics", "sklearn.metrics.accuracy_score"),
        ),
        ("from matplotlib import (pyplot as plt)", ("matplotlib", "matplotlib.pyplot")),
        ("import matplotlibx", ()),
        ("    import matplotlib", ()),
        ("# import matplotlib", ()),
        ("import numpy as np", ()),
        ("from . import matplotlib", ()),
        ("import scipy._lib.secret", ("scipy",)),
    ],
)
def test_a_modules_own_imports_are_found(line: str, found: tuple[str, ...]) -> None:
    assert large_libraries({"layers/full.py": f"x = 1\n{line}\n".encode()}) == found


def test_only_what_importing_the_layers_runs_is_looked_at() -> None:
    source = b"import matplotlib.pyplot as plt\n"
    assert large_libraries({"better_cifar.py": source, "layers/notes.txt": source}) == ()


@pytest.mark.parametrize(
    "own", ["matplotlib.py", "matplotlib/__init__.py", "layers/matplotlib.py", "a/matplotlib/b.py"]
)
def test_a_module_of_the_students_own_is_not_taken_for_the_library(own: str) -> None:
    files = {"layers/full.py": b"import matplotlib\nimport scipy\n", own: b""}
    assert large_libraries(files) == ("scipy",)


@given(st.lists(st.binary(max_size=60) | st.sampled_from([b"import scipy.a", b"\n"]), max_size=40))
def test_whatever_a_source_says_few_modules_of_the_libraries_are_named(lines: list[bytes]) -> None:
    found = large_libraries({"layers/full.py": b"\n".join(lines)})
    assert len(found) <= MOST_MODULES
    assert all(name.partition(".")[0] in LARGE for name in found)


def test_student_code_finds_a_library_imported(run_tests: RunTests) -> None:
    modules = {
        "full": "import sys\nTHERE = 'matplotlib.figure' in sys.modules\n"
        "import matplotlib.pyplot\n"
        "class FullLayer:\n    def forward(self, x):\n        return THERE\n"
    }
    (item,) = run_tests(modules, public={"full": PUBLIC})
    assert item.outcome is Outcome.PASSED


def test_a_library_that_is_not_there_fails_where_the_student_imports_it(
    run_tests: RunTests,
) -> None:
    modules = {"full": "import matplotlib.no_such_module\nclass FullLayer: pass\n"}
    (item,) = run_tests(modules, public={"full": PUBLIC})
    assert item.outcome is Outcome.FAILED
    assert "No module named 'matplotlib.no_such_module'" in item.cases[0].feedback[0]


def test_layers_do_not_notice_that_a_library_was_imported_before(run_tests: RunTests) -> None:
    modules = {
        # A backend for windows, as on most students' own machines.
        "full": "import matplotlib\nmatplotlib.use('TkAgg')\nimport matplotlib.pyplot as plt\n"
        # Matplotlib imports Python's own `difflib`.
        "from difflib import ONE\n"
        "class FullLayer:\n    def forward(self, x):\n"
        "        plt.plot([x])\n        plt.show()\n        return ONE\n",
    }
    (item,) = run_tests(modules, public={"full": PUBLIC}, files={"difflib.py": b"ONE = 1\n"})
    assert item.outcome is Outcome.PASSED, item.cases
