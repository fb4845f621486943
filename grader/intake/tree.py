"""A tree of files in memory, filled one entry at a time and within the limits."""

from __future__ import annotations

import unicodedata

from grader.intake.rejection import RefusedError
from grader.intake.shown import quoted
from grader.lab import IntakeLimits

_MIB = 1 << 20
_SMALLER = "hand in the lab's files only, without data or libraries"


class Tree:
    """Files and folders by POSIX path; refuses what no file system could hold side by side.

    Parameters
    ----------
    limits : IntakeLimits
        How much may be put in.

    Attributes
    ----------
    files : dict of str to bytes
        Contents by path.
    folders : set of str
        All folders, also those only implied by a file's path.
    """

    def __init__(self, limits: IntakeLimits) -> None:
        self.files: dict[str, bytes] = {}
        self.folders: set[str] = set()
        self._limits = limits
        self._spelled: dict[str, str] = {}
        self._unpacked = 0

    @property
    def largest_file(self) -> int:
        """The most bytes that one file may have."""
        return self._limits.file_mib * _MIB

    @property
    def room(self) -> int:
        """The most bytes that the next file may have."""
        return min(self.largest_file, self._limits.unpacked_mib * _MIB - self._unpacked)

    def too_large(self, path: str) -> RefusedError:
        """Return the refusal of a file that has no room."""
        if self.room == self.largest_file:
            return RefusedError(
                f"{quoted(path)} is larger than {self._limits.file_mib} MiB", _SMALLER
            )
        return RefusedError(
            f"Unpacked, the files are larger than {self._limits.unpacked_mib} MiB", _SMALLER
        )

    def add_file(self, parts: tuple[str, ...], content: bytes) -> None:
        """Put a file in.

        Raises
        ------
        RefusedError
            If there is no room, or its name collides with another.
        """
        path = "/".join(parts)
        if len(content) > self.room:
            raise self.too_large(path)
        self.add_folder(parts[:-1])
        if path in self.files:
            raise RefusedError(f"The archive holds {quoted(path)} twice")
        if path in self.folders:
            raise _clash(path)
        self._register(path)
        self.files[path] = content
        self._unpacked += len(content)

    def add_folder(self, parts: tuple[str, ...]) -> None:
        """Put a folder and those above it in; having it already is no fault.

        Raises
        ------
        RefusedError
            If a file stands in its place, or its name collides with another.
        """
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            if path in self.folders:
                continue
            if path in self.files:
                raise _clash(path)
            self._register(path)
            self.folders.add(path)

    def _register(self, path: str) -> None:
        composed = unicodedata.normalize("NFC", path)
        key = unicodedata.normalize("NFC", composed.casefold())
        other = self._spelled.setdefault(key, path)
        if other != path:
            how = (
                "two encodings of one name"
                if unicodedata.normalize("NFC", other) == composed
                else "the same name but for upper and lower case"
            )
            raise RefusedError(
                f"{quoted(path)} and {quoted(other)} are {how}, so that on many computers one "
                "would replace the other",
                "remove one of them",
            )
        if len(self._spelled) > self._limits.entries:
            raise RefusedError(
                f"There are more than {self._limits.entries} files and folders", _SMALLER
            )


def _clash(path: str) -> RefusedError:
    return RefusedError(f"{quoted(path)} is a file and a folder at once", "rename one of them")
