"""The part of the system that the bubblewrap sandbox shows: copies of a few programs and libraries.

Nothing of the machine's own system is shown: not what else is installed on it, and not in which
versions.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = (
    *("sh", "env", "true", "false", "test", "[", "echo", "printf", "sleep", "date", "uname", "pwd"),
    *("ls", "cat", "cp", "mv", "rm", "ln", "mkdir", "rmdir", "touch", "chmod", "stat", "du", "df"),
    *("head", "tail", "wc", "sort", "uniq", "cut", "tr", "tee", "grep", "sed", "basename", "nproc"),
)
"""What honest scripts call through a shell, where they use one; all of it is in the image too."""
LOADED_LATER = ("libgcc_s.so.1", "libnss_files.so.2")
"""What the C library loads when it needs it, of which no program's headers tell."""
FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""What lies below the root, or is a link to a folder of that name below /usr."""
LOCALES = Path("/usr/lib/locale/C.utf8")
AT_ONCE = 200
_RESOLVED = re.compile(r"^\s*(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)


def make_system_root(root: Path, shown: Path, python: str) -> None:
    """Fill a folder with what the sandbox is to see as its root.

    Parameters
    ----------
    root : Path
        An empty folder.
    shown : Path
        What else is shown: programs and shared objects in it need libraries.
    python : str
        Path in the sandbox of the interpreter, which `python3` leads to.

    Raises
    ------
    OSError
        If something cannot be read or written.
    """
    for name in FOLDERS:
        of_system = Path("/", name)
        if of_system.is_symlink():
            (root / name).symlink_to(of_system.readlink())
    programs = (shutil.which(name, path="/usr/bin:/bin") for name in PROGRAMS)
    found = [Path(program) for program in programs if program is not None]
    for program in found:
        _copy(program, root / "usr/bin" / program.name)
    for name in ("python", "python3"):
        (root / "usr/bin" / name).symlink_to(python)
    objects = [path for path in shown.rglob("*") if path.is_file() and _is_elf(path)]
    # Libraries that came with wheels lie beside what needs them.
    libraries = {
        path for path in _libraries_of([*found, *objects]) if not path.is_relative_to(shown)
    }
    beside = next(path.parent for path in libraries if path.name.startswith("libc.so"))
    later = [beside / name for name in LOADED_LATER if (beside / name).exists()]
    for library in {*libraries, *later, *_libraries_of(later)}:
        # All in one folder that the loader looks in by itself, so that no index of the system's
        # libraries is needed. The loader has its own place, which programs name.
        folder = library.parent if library.name.startswith("ld-") else beside
        _copy(library, root / folder.resolve().relative_to("/") / library.name)
    if LOCALES.is_dir():
        shutil.copytree(LOCALES, root / LOCALES.relative_to("/"))


def _libraries_of(objects: list[Path]) -> Iterator[Path]:
    """Yield the system's libraries that the loader would load for these."""
    for start in range(0, len(objects), AT_ONCE):
        command = ["ldd", *map(str, objects[start : start + AT_ONCE])]
        # It fails where one is a script or needs nothing, and has told of the others.
        told = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        for match in _RESOLVED.finditer(told.stdout):
            yield Path(os.path.normpath(match[1]))


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o555)
