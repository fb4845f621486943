"""Notices libraries that would do the lab's work for the student; it flags, and takes no points."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from grader.checks.syntax_tree import Unparsable, parse_source, read_once
from grader.intake import quoted
from grader.model import Flag, Submission

# What real scripts import for their tables of results.
ALLOWED = frozenset({"sklearn.metrics"})
WATCHED = "sklearn"
MOST_SOURCE = 1 << 20
NETWORKS = ("torch", "tensorflow", "keras", "jax", "flax", "mxnet", "theano", "sklearn")
"""Libraries that bring networks of their own."""


def flag_libraries(submission: Submission) -> tuple[Flag, ...]:
    """Return a flag for each file that uses scikit-learn for more than its metrics.

    Sources are read as syntax trees; nothing is imported. An import made up at run time is not
    found, which is why this is a flag for a person and no verdict.
    """
    flags = []
    parsed = 0
    for path, source in sorted(submission.files.items()):
        if not path.endswith(".py") or _cannot_use(source):
            continue
        parsed += len(source)
        used = _forbidden_modules(source) if parsed <= MOST_SOURCE else None
        if used:
            flags.append(
                Flag(
                    "scikit-learn",
                    f"{quoted(path)} uses {', '.join(quoted(name) for name in used[:5])}; "
                    "the lab allows sklearn.metrics alone.",
                )
            )
    return tuple(flags)


def network_libraries(source: bytes) -> tuple[str, ...]:
    """Return the libraries with networks of their own that a source imports, as it names them."""
    tree = parse_source(source)
    if isinstance(tree, Unparsable):
        return ()
    named: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                named.update(alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                named.update(f"{module}.{alias.name}" for alias in node.names)
    found = {name for name in named if name.partition(".")[0] in NETWORKS}
    return tuple(sorted(name for name in found if not _is_allowed(name)))


def _cannot_use(source: bytes) -> bool:
    """Tell quickly whether the library is not named, however Python would read the source.

    Beyond ASCII, or in an encoding of its own, a name can be spelt in other bytes.
    """
    return WATCHED.encode() not in source and source.isascii() and b"coding" not in source


def _is_allowed(name: str) -> bool:
    return name == WATCHED or any(
        name == allowed or name.startswith(f"{allowed}.") for allowed in ALLOWED
    )


@read_once
def _forbidden_modules(tree: ast.Module) -> tuple[str, ...]:
    """Return the watched library's modules that a source uses and may not, in order."""
    return tuple(sorted({name for name in _used_modules(tree) if not _is_allowed(name)}))


def _used_modules(tree: ast.Module) -> Iterator[str]:
    """Yield the watched library's modules that a source imports or reaches into."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names if _is_watched(alias.name))
            case ast.ImportFrom(module=str(module), level=0) if module == WATCHED:
                yield from (f"{WATCHED}.{alias.name}" for alias in node.names)
            case ast.ImportFrom(module=str(module), level=0) if _is_watched(module):
                yield module
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name == WATCHED:
                yield f"{WATCHED}.{attribute}"


def _is_watched(module: str) -> bool:
    return module == WATCHED or module.startswith(f"{WATCHED}.")
