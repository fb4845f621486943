"""What was handed in: the archives of a folder, or of an LMS's download of all submissions.

Where an LMS says whose an archive is, the latest counts, and the others are listed. Elsewhere every
archive counts: two of the same name may be two students'.
"""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import msgspec

from grader.batch.source.listing import File, Listing, open_listing
from grader.batch.source.lms.canvas import read_canvas_name
from grader.batch.source.lms.gradescope import (
    METADATA,
    GradescopeSubmission,
    folder_number,
    read_metadata,
)
from grader.batch.source.lms.moodle import read_moodle_name
from grader.batch.source.repack import copy_to, repack, top_folder
from grader.errors import ConfigurationError, GraderError
from grader.intake import read_name
from grader.lab import Lab

_LARGEST_METADATA = 64 << 20
_MIB = 1 << 20
# What browsers, people and LMSs count copies by: `lab-1.zip`.
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
        The LMS's own numbers, for handing grades back, and `late` where the LMS says.
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
    """What a folder or a download held.

    Attributes
    ----------
    handed : tuple of Handed
        One a student, in the order of their keys.
    passed_over : tuple of str
        Files that are no archives, a sentence each; but for those that an LMS says are of somebody
        who has no archive.
    """

    handed: tuple[Handed, ...]
    passed_over: tuple[str, ...]


class _Found(msgspec.Struct, frozen=True):
    """One archive, or what will be one."""

    key: str
    name: str
    lms: dict[str, str] | None
    order: tuple[float, str]
    files: tuple[File, ...]
    """One zip; or, with a `top`, the files to make it of."""
    top: str | None = None
    dropped: int = 0


def read_source(source: Path, lab: Lab, archives: Path) -> Source:
    """Find what was handed in.

    Parameters
    ----------
    source : Path
        A folder of archives, or an LMS's download as it came or unpacked: Canvas, Moodle, or
        Gradescope's export of submissions.
    lab : Lab
        For the suffix of archives' names, and the limits.
    archives : Path
        Where what is in no file of its own is put, as `<key>.zip`.

    Raises
    ------
    ConfigurationError
        If it is neither, holds nothing that was handed in, or cannot be trusted.
    GraderError
        If an archive cannot be written.
    """
    with open_listing(source) as listing:
        found, passed_over = _found(source, listing, lab.lab.name)
        if not found:
            raise ConfigurationError(
                f"{source} holds no zip archive.",
                "Name a folder that the students' zips are in, or the LMS's download of them all.",
            )
        students: dict[str, list[_Found]] = {}
        for one in found:
            students.setdefault(one.key, []).append(one)
        latest = {key: sorted(own, key=lambda one: one.order) for key, own in students.items()}
        _check_room(listing, [own[-1] for own in latest.values()], archives, lab)
        handed = []
        for key in sorted(latest):
            *earlier, last = latest[key]
            superseded = tuple(one.files[0].name for one in earlier)
            path = _archive(listing, last, archives, lab)
            handed.append(Handed(key, path, last.name, last.lms, superseded))
    return Source(tuple(handed), (*listing.passed_over, *passed_over))


def _found(source: Path, listing: Listing, lab_name: str) -> tuple[list[_Found], list[str]]:
    metadata = [file for file in listing.files if file.name == METADATA and len(file.parts) <= 2]
    if metadata:
        return _of_gradescope(source, listing, metadata[0], lab_name)
    archives = [file for file in listing.files if file.name.lower().endswith(".zip")]
    others = [file for file in listing.files if not file.name.lower().endswith(".zip")]
    found = list(_handed_in(archives, lab_name))
    if not found and any("layers" in file.parts for file in others):
        raise ConfigurationError(
            f"{source} holds no archives; it looks like one student's work.",
            "Grade a single archive with `grader grade`.",
        )
    # In a download, what somebody handed in who has no archive is theirs all the same: intake says
    # what it is.
    students = {one.key for one in found if one.lms}
    named = _handed_in(others if students else [], lab_name)
    instead = [one for one in named if one.lms and one.key not in students]
    taken = {file for one in instead for file in one.files}
    passed_over = [
        f"{file.shown} is no zip archive and was passed over."
        for file in others
        if file not in taken
    ]
    return [*found, *instead], passed_over


def _handed_in(files: list[File], lab_name: str) -> Iterator[_Found]:
    taken: Counter[str] = Counter()
    for file in files:
        again = _AGAIN.search(PurePosixPath(file.name).stem)
        order = (float(again[1]) if again else 0.0, file.name)
        # The LMS's own part comes first: what stands behind it is the student's to choose.
        folder = next(filter(None, map(read_moodle_name, file.parts[:-1])), None)
        canvas = read_canvas_name(file.name) if folder is None else None
        moodle = folder or (read_moodle_name(file.name) if canvas is None else None)
        if moodle:
            name = moodle.file if folder is None else file.name
            yield _Found(f"moodle-{moodle.participant}", name, moodle.lms, order, (file,))
        elif canvas:
            order = (float(canvas.attachment), file.name)
            key = f"canvas-{canvas.user}"
            yield _Found(key, canvas.display, canvas.lms, order, (file,))
        else:
            key = _key_of(file.name, lab_name)
            taken[key] += 1
            unique = key if taken[key] == 1 else f"{key}~{taken[key]}"
            yield _Found(unique, file.name, None, order, (file,))


def _of_gradescope(
    source: Path, listing: Listing, metadata: File, lab_name: str
) -> tuple[list[_Found], list[str]]:
    depth = len(metadata.parts) - 1
    folders: dict[str, list[File]] = {}
    passed_over = []
    for file in listing.files:
        folder = file.parts[depth] if len(file.parts) > depth + 1 else ""
        if folder_number(folder) is None or _is_link(file):
            if file is not metadata:
                passed_over.append(f"{file.shown} is of no submission and was passed over.")
        else:
            folders.setdefault(folder, []).append(file)
    known = _metadata(source, listing, metadata)
    passed_over += [
        f"{folder} ({', '.join(known[folder].names)}) holds no file."
        for folder in sorted(known.keys() - folders.keys())
    ]
    found = []
    for folder, files in folders.items():
        number = folder_number(folder) or ""
        one = known.get(folder, GradescopeSubmission(number))
        key, order = f"gradescope-{number}", (float(number), folder)
        if len(files) == 1 and files[0].name.lower().endswith(".zip"):
            found.append(_Found(key, files[0].name, one.lms, order, tuple(files)))
            continue
        paths = [file.parts[depth + 1 :] for file in files]
        top, dropped = top_folder(paths, one.lms.get("name", ""), lab_name)
        name = f"{top}.zip"
        found.append(_Found(key, name, one.lms, order, tuple(files), top, depth + 1 + dropped))
    return found, passed_over


def _metadata(source: Path, listing: Listing, file: File) -> dict[str, GradescopeSubmission]:
    try:
        if file.size > _LARGEST_METADATA:
            raise ValueError(f"it has {file.size} bytes")
        return read_metadata(b"".join(listing.content(file)))
    except ValueError as error:
        raise ConfigurationError(
            f"{file.shown} in {source} is not what Gradescope writes ({error}).",
            "Download the export again.",
        ) from None


def _is_link(file: File) -> bool:
    """Tell whether a file on disk is a link, which an unpacked submission can have to anywhere."""
    return isinstance(file.place, Path) and file.place.is_symlink()


def _check_room(listing: Listing, found: list[_Found], archives: Path, lab: Lab) -> None:
    """Refuse a download that would fill the disk, before anything of it is written."""
    most = lab.intake.archive_mib * _MIB
    needed = sum(
        min(file.size, most)
        for one in found
        for file in one.files
        if one.top is not None or listing.path_of(file) is None
    )
    place = next(path for path in archives.absolute().parents if path.is_dir())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise GraderError(
            f"Unpacked, the archives have {needed // _MIB} MiB, and {place} has room for "
            f"{free // _MIB}.",
            "Make room, or look whether this is the LMS's own download.",
        )


def _archive(listing: Listing, one: _Found, archives: Path, lab: Lab) -> Path:
    """Return where an archive is, after putting it there if need be."""
    target = (archives / f"{one.key}.zip").absolute()
    if one.top is None:
        path = listing.path_of(one.files[0])
        if path is not None:
            return path
        copy_to(target, _at_most(listing.content(one.files[0]), lab.intake.archive_mib))
        return target
    # One byte more than a file may have is enough for intake to leave it out or refuse it.
    contents = (
        (file.parts[one.dropped :], _at_most(listing.content(file), lab.intake.file_mib))
        for file in one.files
    )
    repack(target, contents, one.top)
    return target


def _at_most(content: Iterator[bytes], mib: int) -> Iterator[bytes]:
    """Yield no more than a byte above so many MiB."""
    room = mib * _MIB + 1
    for part in content:
        yield part[:room]
        room -= len(part)
        if room <= 0:
            return


def _key_of(name: str, lab_name: str) -> str:
    """Return a key made of the archive's name: the student's, if it can be read."""
    who = read_name(name, lab_name).identity
    names = [each for each in (who.first_name, who.last_name) if each]
    words = "_".join(names) or name[:-4]
    plain = unicodedata.normalize("NFKC", words)
    return re.sub(r"[^\w.-]+", "_", plain).strip("._")[:80] or "unnamed"
