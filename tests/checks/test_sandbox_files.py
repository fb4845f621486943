"""What of a submission lies in a sandbox."""

from __future__ import annotations

import pytest

from grader.checks.better_cifar.suspicion import training_files
from grader.checks.sandbox_files import with_folders
from grader.lab import Project
from grader.model import Identity, Outcome, Submission
from tests.checks.conftest import RunTests

PUBLIC = """
from unittest import TestCase
from layers import FullLayer
class PublicTest(TestCase):
    def test_forward(self):
        assert FullLayer().forward(1) == 1
"""


def submission(*folders: str, **files: bytes) -> Submission:
    named = {name.replace("__", "/"): data for name, data in files.items()}
    return Submission("A_B_LAB3.zip", "0" * 64, Identity("A", "B"), named, frozenset(folders))


@pytest.mark.parametrize(
    ("folders", "files", "all_of_it"),
    [
        ((), {}, {"results/": b""}),
        (("layers", "results"), {"layers/a.py": b"1"}, {"layers/a.py": b"1", "results/": b""}),
        (("results", "a", "a/b"), {"results/a": b"", "a/b/c": b"1"}, {"a/": b""}),
    ],
)
def test_folders_are_there_whose_files_are_not(
    folders: tuple[str, ...], files: dict[str, bytes], all_of_it: dict[str, bytes]
) -> None:
    assert with_folders(files, submission(*folders)) == {**files, **all_of_it}


def test_a_training_finds_the_folder_of_the_plots_that_it_does_not_get(project: Project) -> None:
    one = submission("results", **{"better_cifar.py": b"1", "results__a.png": b"1"})
    found = training_files(one, project.lab.better_cifar)
    assert found == {"better_cifar.py": b"1", "results/": b""}


def test_layers_may_save_something_among_the_results(run_tests: RunTests) -> None:
    modules = {
        "full": "class FullLayer:\n"
        "    def forward(self, x):\n"
        "        with open('results/log.txt', 'a') as log:\n"
        "            log.write('forward')\n"
        "        return x\n"
    }
    (item,) = run_tests(modules, public={"full": PUBLIC}, files={"results/plot.png": b"png"})
    assert item.outcome is Outcome.PASSED, item.cases
