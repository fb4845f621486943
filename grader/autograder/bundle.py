"""Makes autograder.zip: the grader, the lab and two scripts, as Gradescope wants them."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

import msgspec

from grader.autograder.settings import DATA, FILE, ROSTER, Settings
from grader.errors import ConfigurationError
from grader.lab import Project

SCRIPTS = ("setup.sh", "run_autograder")
_HERE = Path(__file__).resolve().parent
_DATE = (1980, 1, 1, 0, 0, 0)
_PROGRAM, _FILE = 0o100755 << 16, 0o100644 << 16
# Of a checkout: what grading reads. The suite's bugs and variants are for verifying it.
_PARTS = (
    *("lab.toml", "docker/requirements.lock", "docker/seccomp.json"),
    *("grader/**/*", "hidden_tests/*", "reference/**/*.py", "student_template/**/*"),
)


def bundle(
    project: Project,
    settings: Settings,
    *,
    roster: Path | None = None,
    wheels: Path | None = None,
    data: Path | None = None,
) -> bytes:
    """Return the zip; the same sources give the same bytes.

    Parameters
    ----------
    project : Project
        A full checkout.
    settings : Settings
        What the autograder is to do.
    roster : Path or None
        The class list, to send along.
    wheels : Path or None
        A folder of wheels, for an image that is made without network.
    data : Path or None
        The folder of CIFAR-100's files, for better_cifar.

    Raises
    ------
    ConfigurationError
        If this is no full checkout, or a file cannot be read.
    """
    buffer = io.BytesIO()
    try:
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in _contents(project, settings, roster, wheels, data):
                entry = zipfile.ZipInfo(name, _DATE)
                entry.create_system = 3
                entry.external_attr = _PROGRAM if name in SCRIPTS else _FILE
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, content)
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename} cannot be read ({error.strerror}).",
            "Run grader from a full checkout of the project.",
        ) from error
    return buffer.getvalue()


def _contents(
    project: Project,
    settings: Settings,
    roster: Path | None,
    wheels: Path | None,
    data: Path | None,
) -> Iterator[tuple[str, bytes]]:
    for name in SCRIPTS:
        yield name, (_HERE / name).read_bytes()
    yield FILE, msgspec.json.encode(settings) + b"\n"
    lock = (project.root / "requirements.lock").read_text()
    yield "requirements.lock", needed_of(lock, needed_names()).encode()
    for pattern in _PARTS:
        for path in sorted(project.root.glob(pattern)):
            relative = path.relative_to(project.root)
            if path.is_file() and "__pycache__" not in relative.parts:
                yield relative.as_posix(), path.read_bytes()
    if roster is not None:
        yield ROSTER, roster.read_bytes()
    for folder, inside in ((wheels, "wheels"), (data, DATA)):
        for path in sorted(folder.iterdir()) if folder is not None else ():
            if path.is_file():
                yield f"{inside}/{path.name}", path.read_bytes()


def needed_names() -> frozenset[str]:
    """Return the packages that the grader needs to run, in the lock's spelling of names."""
    found: set[str] = set()
    waiting = ["nn-lab-grader"]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        found.add(name)
        try:
            required = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # for another system
        waiting += [
            named[0]
            for line in required
            if "extra ==" not in line and (named := re.match(r"[\w.-]+", line))
        ]
    return frozenset(found)


def needed_of(lock: str, names: frozenset[str]) -> str:
    """Return a lock's lines on some packages alone, hashes and all."""
    kept: list[str] = []
    keeping = False
    for line in lock.splitlines():
        begins = re.match(r"([\w.-]+)==", line)
        if begins or not line.startswith((" ", "\t")):
            keeping = bool(begins and re.sub(r"[-_.]+", "-", begins[1]).lower() in names)
        if keeping:
            kept.append(line)
    return "\n".join([*kept, ""])


def asked_for(project: Project, only: Sequence[str] | None) -> tuple[str, ...]:
    """Return the items to grade: those that are named, else all that take seconds."""
    every = tuple(line.id for line in project.lab.rubric)
    if only is None:
        return tuple(item for item in every if item != "better_cifar")
    return tuple(item for item in every if item in only)
