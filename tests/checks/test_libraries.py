"""Libraries that would do the lab's work are flagged, however a source spells them."""

from __future__ import annotations

import pytest

from grader.checks.libraries import flag_libraries
from grader.model import Identity, Submission


@pytest.mark.parametrize(
    ("source", "flagged"),
    [
        (b"from sklearn.neural_network import MLPClassifier\n", True),
        (b"from sklearn import metrics\n", False),
        (b"import numpy\n", False),
        # Python reads these as the same name.
        ("import \N{FULLWIDTH LATIN SMALL LETTER S}klearn.svm\n".encode(), True),
        (b"# -*- coding: utf-7 -*-\nimport +AHM-klearn.svm\n", True),
    ],
)
def test_a_source_is_flagged_for_what_python_would_import(source: bytes, flagged: bool) -> None:
    files = {"better_cifar.py": source}
    submission = Submission("A_B_LAB3.zip", "0" * 64, Identity("A", "B"), files=files)
    assert bool(flag_libraries(submission)) is flagged
