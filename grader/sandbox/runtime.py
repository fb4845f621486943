"""The bubblewrap sandbox's runtime: all that it shows, in one folder that is made once.

python/    a copy of this interpreter and its standard library
packages/  what docker/requirements.lock names
worker/    the grader's modules that run inside
root/      what the sandbox sees as its root: programs and libraries (`system_root.py`)
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from grader.errors import GraderError
from grader.sandbox import system_root
from grader.sandbox.image import WORKER_FILES, lock_path, wheel_cache

PLACE = "/runtime"
"""Where the folder is in the sandbox."""
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
PYTHON = f"{PLACE}/python/bin/{VERSION}"
"""The interpreter in the sandbox."""

# Parts of the standard library that no lab needs and that are large.
_LEFT_OUT = shutil.ignore_patterns(
    *("site-packages", "dist-packages", "test", "idlelib", "tkinter", "turtledemo", "ensurepip"),
    *("__pycache__", "*.a", "config-*", "_tkinter*"),
)


class Runtime(msgspec.Struct, frozen=True):
    """A finished runtime folder.

    Attributes
    ----------
    folder : Path
        Where it is on the host.
    digest : str
        Names interpreter, packages, worker and system; the folder is made anew when one changes.
    """

    folder: Path
    digest: str

    @property
    def system_root(self) -> Path:
        """What the sandbox sees as its root, on the host."""
        return self.folder / "root"


def runtime_for(project_root: Path, log: Callable[[str], None]) -> Runtime:
    """Return the runtime of this interpreter and the locked packages, made if it is not there.

    Parameters
    ----------
    project_root : Path
        A full checkout.
    log : callable
        Told when something is being made.

    Raises
    ------
    GraderError
        If the packages cannot be had or the folder cannot be written.
    """
    digest = _digest(project_root)
    runtime = Runtime(_cache() / f"runtime-{digest[:12]}", digest)
    if not runtime.folder.is_dir():
        log("making the runtime of the bubblewrap sandbox (once)")
        _make(runtime, project_root)
    return runtime


def _cache() -> Path:
    """Return a folder that the sandbox's user can reach: root's home is closed to others."""
    return Path("/var/cache/nn-lab-grader") if os.geteuid() == 0 else wheel_cache()


def _digest(project_root: Path) -> str:
    digest = hashlib.sha256(f"{sys.version}\0{sys.base_prefix}\0{_of_system()}\0".encode())
    package = project_root / "grader"
    made_by = (Path(__file__), Path(system_root.__file__))
    for path in (
        lock_path(project_root),
        *made_by,
        *(package / name for name in WORKER_FILES),
    ):
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise GraderError(
                f"{path}, which the bubblewrap sandbox needs, cannot be read ({error.strerror}).",
                "Run grader from a full checkout of the project.",
            ) from error
    return digest.hexdigest()


def _of_system() -> str:
    """Return what changes when the system's libraries are updated."""
    told = ""
    for path in (Path(sys.executable), Path("/etc/ld.so.cache")):
        with contextlib.suppress(OSError):
            found = path.stat()
            told += f"{found.st_size} {found.st_mtime_ns} "
    return told


def _make(runtime: Runtime, project_root: Path) -> None:
    """Make the folder under another name first: it appears whole or not at all."""
    try:
        runtime.folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=runtime.folder.parent, prefix="partial-") as name:
            made = Path(name) / "runtime"
            made.mkdir()
            _install_packages(lock_path(project_root), made / "packages")
            for source in WORKER_FILES:
                target = made / "worker" / "grader" / source
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(project_root / "grader" / source, target)
            _copy_interpreter(made / "python")
            (made / "root").mkdir()
            system_root.make_system_root(made / "root", made, PYTHON)
            _compile(made)
            _publish(made, runtime.folder)
    except OSError as error:
        raise GraderError(
            f"The runtime folder {runtime.folder} could not be made ({error}).",
            "Make room for 600 MB there, or use Docker.",
        ) from error


def _install_packages(lock: Path, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--no-compile"]
    command += ["--root-user-action=ignore", "--target", str(target), "--requirement", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise GraderError(
            f"The sandbox's packages could not be installed: {done.stderr.strip()[-800:]}.",
            "Check the network and pip's index settings, then try again.",
        )


def _copy_interpreter(target: Path) -> None:
    base, library = Path(sys.base_prefix), Path("lib") / VERSION
    shutil.copytree(
        base / library, target / library, ignore=_LEFT_OUT, ignore_dangling_symlinks=True
    )
    # Found by whatever starts this interpreter: the worker, and the programs that honest code
    # starts with it. Behind the standard library, which no package can then stand in for.
    own = target / library / "sitecustomize.py"
    own.unlink(missing_ok=True)
    own.write_text(f'import sys\n\nsys.path.append("{PLACE}/packages")\n')
    (target / "bin").mkdir()
    shutil.copy2(Path(sys.executable).resolve(), target / "bin" / VERSION)
    for shared in (base / "lib").glob("libpython*.so*"):
        shutil.copy2(shared, target / "lib", follow_symlinks=True)


def _compile(made: Path) -> None:
    """Compile everything: the sandbox sees the folder read-only and could not keep bytecode."""
    command = [sys.executable, "-m", "compileall", "-q", "-j", "0"]
    command += ["--invalidation-mode", "unchecked-hash", "--stripdir", str(made), str(made)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)  # noqa: S603


def _publish(made: Path, folder: Path) -> None:
    for path in (made, *made.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    try:
        made.rename(folder)
    except OSError:
        # Another process was faster; its folder is the same.
        if not folder.is_dir():
            raise
