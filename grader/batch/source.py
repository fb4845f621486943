"""What was handed in: the archives of a folder, or of an LMS's download of all submissions.

Where an LMS says whose an archive is, the latest counts, and the others are listed. Elsewhere every
archive counts: two of the same name may be two students'.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from grader.errors import ConfigurationError
from grader.intake import read_name

# `doejane_LATE_4711_99012_JANE_DOE_LAB3.zip`, `LATE_anon_17_99012_lab.zip` (Canvas's own code,
# lib/content_zipper.rb).
_CANVAS = re.compile(
    r"(?:(?P<name>[^_]+)|(?P<late_anon>LATE_)?anon)(?P<late>_LATE)?_(?P<user>\d+)_(?P<file>\d+)_"
    r"(?P<display>.+)",
    re.IGNORECASE,
)
# `Jane Doe_1234_assignsubmission_file_/lab.zip`, or flat with the file's name after it (Moodle).
_MOODLE = re.compile(
    r"(?P<name>[^_]+)_(?P<participant>\d+)_assignsubmission_file(?:_(?P<rest>.*))?"
)
# Canvas counts what was handed in again: `lab-1.zip`.
_AGAIN = re.compile(r"-(\d+)$")


class Handed(msgspec.Struct, frozen=True):
    """One archive that counts.

    Attributes
    ----------
    key : str
        The student, as a name for a folder; the same for all of a student's archives.
    path : Path
        The archive; absolute.
    name : str
        The file name that the student gave it.
    lms : dict of str to str or None
        The LMS's own numbers, for handing grades back, and `late`.
    superseded : tuple of str
        The file names of the student's earlier archives.
    seed : int or None
        The student's number for `cifar100`, from the class list; None where that has none.
    """

    key: str
    path: Path
    name: str
    lms: dict[str, str] | None = None
    superseded: tuple[str, ...] = ()
    seed: int | None = None


class Source(msgspec.Struct, frozen=True):
    """What a folder held.

    Attributes
    ----------
    handed : tuple of Handed
        One a student, in the order of their keys.
    passed_over : tuple of str
        Files that are no archives, a sentence each.
    """

    handed: tuple[Handed, ...]
    passed_over: tuple[str, ...]


class _Found(msgspec.Struct, frozen=True):
    key: str
    path: Path
    name: str
    lms: dict[str, str] | None
    order: tuple[float, str]


def read_source(folder: Path, lab_name: str) -> Source:
    """Find the archives below a folder.

    Parameters
    ----------
    folder : Path
        Holds archives, or is an LMS's download, unpacked: Canvas (flat, with its numbers in the
        names) or Moodle (a folder a student, or flat).
    lab_name : str
        The suffix of archives' names, such as `LAB3`.

    Raises
    ------
    ConfigurationError
        If it is no folder, or holds no archive.
    """
    folder = folder.absolute()
    if not folder.is_dir():
        raise ConfigurationError(
            f"{folder} is not a folder.", "Unpack the LMS's download and name the folder."
        )
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.parts)
    ]
    archives = [path for path in files if path.suffix.lower() == ".zip"]
    if not archives:
        raise ConfigurationError(
            f"{folder} holds no zip archive.", "Name the folder that the students' zips are in."
        )
    students: dict[str, list[_Found]] = {}
    for one in _found(folder, archives, lab_name):
        students.setdefault(one.key, []).append(one)
    handed = []
    for key in sorted(students):
        *earlier, latest = sorted(students[key], key=lambda one: one.order)
        superseded = tuple(one.path.name for one in earlier)
        handed.append(Handed(key, latest.path, latest.name, latest.lms, superseded))
    left = tuple(
        f"{path.relative_to(folder)} is no zip archive and was passed over."
        for path in files
        if path.suffix.lower() != ".zip"
    )
    return Source(tuple(handed), left)


def _found(folder: Path, archives: list[Path], lab_name: str) -> Iterator[_Found]:
    taken: Counter[str] = Counter()
    for path in archives:
        again = _AGAIN.search(path.stem)
        order = (float(again.group(1)) if again else 0.0, path.name)
        inner = path.parent.name if path.parent != folder else path.name
        moodle, canvas = _MOODLE.fullmatch(inner), _CANVAS.fullmatch(path.name)
        if moodle:
            lms = {"lms": "moodle", "participant": moodle["participant"], "name": moodle["name"]}
            name = path.name if path.parent != folder else (moodle["rest"] or path.name)
            yield _Found(f"moodle-{moodle['participant']}", path, name, lms, order)
        elif canvas:
            lms = {"lms": "canvas", "user_id": canvas["user"], "attachment_id": canvas["file"]}
            lms["late"] = "yes" if canvas["late"] or canvas["late_anon"] else "no"
            # A later attachment has a larger number.
            order = (float(canvas["file"]), path.name)
            name = _AGAIN.sub("", canvas["display"].removesuffix(path.suffix)) + path.suffix
            yield _Found(f"canvas-{canvas['user']}", path, name, lms, order)
        else:
            key = _key_of(path, lab_name)
            taken[key] += 1
            unique = key if taken[key] == 1 else f"{key}~{taken[key]}"
            yield _Found(unique, path, path.name, None, order)


def _key_of(path: Path, lab_name: str) -> str:
    """Return a key made of the archive's name: the student's, if it can be read."""
    who = read_name(path.name, lab_name).identity
    names = [name for name in (who.first_name, who.last_name) if name]
    words = "_".join(names) or path.stem
    plain = unicodedata.normalize("NFKC", words)
    return re.sub(r"[^\w.-]+", "_", plain).strip("._")[:80] or "unnamed"
