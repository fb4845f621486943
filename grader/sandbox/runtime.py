"""The bubblewrap sandbox's runtime: a folder with the interpreter, the packages, the worker."""

from __future__ import annotations

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
from grader.sandbox.image import WORKER_FILES, lock_path, wheel_cache

# Parts of the standard library that no lab needs and that are large.
_LEFT_OUT = shutil.ignore_patterns(
    *("site-packages", "dist-packages", "test", "idlelib", "tkinter", "turtledemo", "ensurepip"),
    *("__pycache__", "*.a", "config-*"),
)


class Runtime(msgspec.Struct, frozen=True):
    """A finished runtime folder.

    Attributes
    ----------
    folder : Path
        Holds `packages/`, `worker/` and, unless the interpreter is the system's, `python/`.
    digest : str
        Names interpreter, packages and worker; the folder is made anew when one changes.
    interpreter : str
        The real interpreter on the host.
    python : str or None
        Its copy, relative to the folder; None where the system's own is shown.
    """

    folder: Path
    digest: str
    interpreter: str
    python: str | None


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
    base, interpreter = Path(sys.base_prefix), Path(sys.executable).resolve()
    of_system = base == Path("/usr")
    copied = None if of_system else str(Path("python") / interpreter.relative_to(base))
    runtime = Runtime(_cache() / f"runtime-{digest[:12]}", digest, str(interpreter), copied)
    if not runtime.folder.is_dir():
        log("making the runtime of the bubblewrap sandbox (once)")
        _make(runtime, project_root, None if of_system else base)
    return runtime


def _cache() -> Path:
    """Return a folder that the sandbox's user can reach: root's home is closed to others."""
    return Path("/var/cache/nn-lab-grader") if os.geteuid() == 0 else wheel_cache()


def _digest(project_root: Path) -> str:
    digest = hashlib.sha256(f"{sys.version}\0{sys.base_prefix}\0".encode())
    package = project_root / "grader"
    for path in (lock_path(project_root), *(package / name for name in WORKER_FILES)):
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise GraderError(
                f"{path}, which the bubblewrap sandbox needs, cannot be read ({error.strerror}).",
                "Run grader from a full checkout of the project.",
            ) from error
    return digest.hexdigest()


def _make(runtime: Runtime, project_root: Path, base: Path | None) -> None:
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
            if base is not None:
                _copy_interpreter(base, made / "python")
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


def _copy_interpreter(base: Path, target: Path) -> None:
    library = Path("lib") / f"python{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copytree(base / library, target / library, ignore=_LEFT_OUT)
    (target / "bin").mkdir()
    shutil.copy2(Path(sys.executable).resolve(), target / "bin")
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
