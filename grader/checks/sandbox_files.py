"""What of a submission goes into a sandbox: the files that a check needs, and all folders."""

from __future__ import annotations

from collections.abc import Mapping

from grader.model import Submission

FOLDER = "results"
"""Students save their plots there, on their own machines too, whether the archive has it or not."""


def with_folders(files: Mapping[str, bytes], submission: Submission) -> dict[str, bytes]:
    """Return files for a cell, and with them the submission's folders that none of them lies in.

    Code may write into a folder whose files are not needed: a `fit` that saves a plot must find
    `results/`.
    """
    there = {path.rpartition("/")[0] for path in files}
    empty = sorted({*submission.folders, FOLDER} - there)
    return {**files, **{f"{folder}/": b"" for folder in empty}}
