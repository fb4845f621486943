"""What makes a network that does better a matter for a person: weights that came in the archive."""

from __future__ import annotations

from pathlib import PurePosixPath

from grader.checks.sandbox_files import with_folders
from grader.lab import BetterCifarSettings
from grader.model import Submission

DOCUMENTS = frozenset(
    {
        *(".png", ".jpg", ".jpeg", ".svg", ".pdf", ".gif", ".bmp", ".webp", ".tif", ".tiff"),
        *(".md", ".txt", ".rst", ".html", ".docx", ".odt", ".ipynb"),
    }
)
"""Kinds of files that honest archives hold. A training gets none of them, so none can help it."""


def needs(path: str) -> bool:
    """Tell whether a file of a submission may help a training, so that its result depends on it."""
    return _suffix(path) not in DOCUMENTS


def training_files(submission: Submission, settings: BetterCifarSettings) -> dict[str, bytes]:
    """Return what a training may need, for a cell; what may hold ready weights stays out."""
    files = {
        path: data
        for path, data in submission.files.items()
        if needs(path) and (_suffix(path) == ".py" or len(data) <= settings.other_kib << 10)
    }
    return with_folders(files, submission)


def large_files(submission: Submission, settings: BetterCifarSettings) -> tuple[str, ...]:
    """Return the files that could hold a trained network.

    Sources of a size that nobody writes count as well: numbers fit into a string.
    """
    return tuple(
        path
        for path, data in sorted(submission.files.items())
        if needs(path) and _is_large(path, data, settings)
    )


def _is_large(path: str, data: bytes, settings: BetterCifarSettings) -> bool:
    limit = settings.source_kib if _suffix(path) == ".py" else settings.other_kib
    return len(data) > limit << 10


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()
