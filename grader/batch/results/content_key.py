"""The key of an item's result: a digest of exactly what the result depends on."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from grader.checks import better_cifar, layer_tests, plots
from grader.file_digest import file_digest
from grader.lab import Lab, Project
from grader.pipeline import Plan

if TYPE_CHECKING:
    from grader.batch.results.reading import Reading

PACKAGE = Path(__file__).resolve().parents[2]
# What shows, stores or hands over results, and does not make them.
SHOWING = frozenset(
    {"autograder", "batch", "cli", "overrides.py", "report", "roster", "service", "suite"}
)
_Digests = Sequence[tuple[str, bytes]]
_PYTEST = metadata.version("pytest")


def content_keys(reading: Reading, plan: Plan, items: Collection[str]) -> dict[str, str]:
    """Return the SHA-256, as hex, of all that each item's result depends on.

    A changed softmax test changes the key of softmax alone; a changed plot, that of the plots.

    Parameters
    ----------
    reading : Reading
        The archive, whose files matter.
    plan : Plan
        Lab, tests, sandbox, seed and data.
    items : collection of str
        Rubric items.
    """
    files, tests = sorted(reading.files.items()), _tests(plan.project)
    return {item: _digest(_parts(reading, files, tests, plan, item)) for item in items}


def reading_key(sha256: str, name: str, lab: Lab) -> str:
    """Return the key of what is read off an archive with that digest, under that name."""
    encoded = msgspec.json.encode(lab)
    return _digest(("reading", _grader_digest(), platform.python_version(), encoded, sha256, name))


def part_key(of: str, what: object) -> str:
    """Return the key of a part on the way to a result: of what is to be judged, and which part."""
    return hashlib.sha256(f"{of}\0{what}".encode()).hexdigest()


def reference_key(plan: Plan) -> str:
    """Return the digest of what the reference's runs depend on, but for number and job."""
    lab = plan.project.lab
    dataset = plan.dataset.digest if plan.dataset is not None else ""
    parts = (dataset, plan.seed, lab.dataset, folder_digest(plan.project.root / "reference"))
    return hashlib.sha256(f"{parts}\0{np.__version__}\0{_grader_digest()}".encode()).hexdigest()


def _digest(parts: Iterable[str | bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode()
        digest.update(len(data).to_bytes(8) + data)
    return digest.hexdigest()


def _parts(
    reading: Reading, files: _Digests, tests: _Digests, plan: Plan, item: str
) -> Iterable[str | bytes]:
    lab = plan.project.lab
    yield item
    yield _grader_digest()
    yield msgspec.json.encode(lab.line(item))
    if item == "structure":
        yield reading.sha256
        yield reading.archive
        yield msgspec.json.encode((lab.lab, lab.modules, lab.spellings, lab.intake))
        return
    yield from _surroundings(plan)
    yield msgspec.json.encode(lab.limits)
    yield str(plan.seed)
    if item == plots.ITEM:
        yield from _flat(one for one in files if plots.needs(one[0]))
        yield str(reading.number)
        yield msgspec.json.encode(lab.training)
        yield _given_pictures(plan.project.template)
        yield from _data(plan)
    elif item == better_cifar.ITEM:
        yield from _flat(one for one in files if better_cifar.needs(one[0]))
        yield msgspec.json.encode(reading.folders)
        yield msgspec.json.encode((lab.training, lab.better_cifar, lab.modules, lab.spellings))
        yield from _data(plan)
    else:
        yield from _flat(one for one in files if layer_tests.needs(one[0]))
        yield msgspec.json.encode(reading.folders)
        yield msgspec.json.encode((lab.modules, lab.spellings, lab.tolerances, lab.suite))
        own = f"test_{item}.py"
        yield from _flat(one for one in tests if not one[0].startswith("test_") or one[0] == own)


def _surroundings(plan: Plan) -> Iterable[str | bytes]:
    """Return what the results of running student code depend on beside the lab."""
    yield f"{platform.python_version()} {np.__version__} {_PYTEST}"
    if plan.sandbox is None:
        return
    yield plan.sandbox.kind
    # The plain process has whatever packages this machine has.
    yield plan.sandbox.runtime_digest() or _installed()
    calls = plan.project.root / "docker" / "seccomp.json"
    yield file_digest(calls) if calls.is_file() else b""


def _flat(digests: Iterable[tuple[str, bytes]]) -> Iterable[str | bytes]:
    for name, digest in digests:
        yield name
        yield digest


def _data(plan: Plan) -> Iterable[str | bytes]:
    lab = plan.project.lab
    yield str(plan.student_seed)
    yield plan.dataset.digest if plan.dataset is not None else ""
    yield msgspec.json.encode((lab.dataset, lab.baseline))
    yield folder_digest(plan.project.root / "reference")


@cache
def _grader_digest() -> str:
    """Return the digest of the grader's own sources that judge."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        if relative.parts[0] not in SHOWING:
            digest.update(str(relative).encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@cache
def _installed() -> str:
    """Return the names and versions of all packages."""
    return " ".join(sorted(f"{one.name} {one.version}" for one in metadata.distributions()))


@cache
def _given_pictures(template: Path) -> bytes:
    """Return the digests of the template's pictures, read once."""
    return b"".join(sorted(plots.given_pictures(template)))


def _tests(project: Project) -> _Digests:
    """Return the digests of all test files, and of the files that all tests share."""
    folders = (project.public_tests, project.hidden_tests)
    paths = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    return [(path.name, file_digest(path)) for path in paths]


@cache
def folder_digest(folder: Path) -> str:
    """Return the digest of the Python sources below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
