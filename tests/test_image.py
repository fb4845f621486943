"""What goes into the sandbox image, and what happens when a part of it cannot be had."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import docker
import pytest

from grader.errors import GraderError
from grader.lab import Project
from grader.sandbox import image
from grader.sandbox.launch import Sandbox

SOURCES = (
    "docker/Dockerfile",
    "docker/requirements.lock",
    *(f"grader/{name}" for name in image.WORKER_FILES),
)


@pytest.fixture
def root(tmp_path: Path, project: Project) -> Path:
    """A copy of what the image is made from, and of nothing else."""
    copy = tmp_path / "project"
    for source in SOURCES:
        target = copy / source
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project.root / source, target)
    return copy


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    (folder / "b-1-py3-none-any.whl").write_bytes(b"second")
    (folder / "a-1-py3-none-any.whl").write_bytes(b"first")
    return folder


def context_of(root: Path, wheels: Path) -> bytes:
    with image.build_context(root, wheels) as archive:
        return archive.read()


def fake_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a shell script in the place of the interpreter that runs pip; it notes its words."""
    program = tmp_path / "fake-python"
    start = (
        f'echo "$*" > "{tmp_path}/asked"\n'
        'while [ "$1" != --dest ]; do shift; done; dest=$2; mkdir -p "$dest"\n'
    )
    program.write_text(f"#!/bin/sh\n{start}{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def pinned(lock: Path) -> dict[str, str]:
    """Return the version of each package in a lock file."""
    found = re.findall(r"^([a-z0-9-]+)==(\S+)", lock.read_text(), re.MULTILINE)
    return dict(found)


# ---------------------------------------------------------------- content and context


def test_copies_of_the_same_sources_have_the_same_image(root: Path, project: Project) -> None:
    assert image.image_content(root) == image.image_content(project.root)


@pytest.mark.parametrize("source", SOURCES)
def test_any_changed_source_is_another_image(root: Path, source: str) -> None:
    before = image.image_content(root)
    data = (root / source).read_bytes()
    (root / source).write_bytes(data.swapcase())
    after = image.image_content(root)
    assert after.digest != before.digest
    assert after.tag != before.tag


def test_text_moved_from_one_source_to_the_next_is_another_image(root: Path) -> None:
    first, second = (root / source for source in SOURCES[2:4])
    first.write_text("ab")
    second.write_text("c")
    before = image.image_content(root)
    first.write_text("a")
    second.write_text("bc")
    assert image.image_content(root) != before


def test_the_tag_is_the_repository_and_the_start_of_the_digest() -> None:
    assert image.ImageContent("0123456789abcdef").tag == "nn-lab-sandbox:0123456789ab"


def test_a_missing_source_is_named(root: Path) -> None:
    (root / "docker" / "Dockerfile").unlink()
    with pytest.raises(GraderError, match=r"Dockerfile.*cannot be read") as caught:
        image.image_content(root)
    assert "checkout" in caught.value.do


def test_the_context_holds_the_sources_and_the_wheels_and_nothing_else(
    root: Path, wheels: Path
) -> None:
    (wheels / "notes.txt").write_text("not a wheel")
    (root / "hidden_tests").mkdir()
    (root / "hidden_tests" / "test_full.py").write_text("secret")
    with image.build_context(root, wheels) as archive, tarfile.open(fileobj=archive) as tar:
        names = tar.getnames()
        member = tar.extractfile("wheels/a-1-py3-none-any.whl")
        assert member is not None
        assert member.read() == b"first"
    assert names == [
        "Dockerfile",
        "requirements.lock",
        *(f"worker/grader/{name}" for name in image.WORKER_FILES),
        "wheels/a-1-py3-none-any.whl",
        "wheels/b-1-py3-none-any.whl",
    ]


def test_the_context_does_not_tell_when_or_by_whom_its_files_were_made(
    root: Path, wheels: Path
) -> None:
    before = context_of(root, wheels)
    for path in (root / "docker" / "Dockerfile", *wheels.iterdir()):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    assert context_of(root, wheels) == before


def test_the_official_base_is_pinned_to_a_version(project: Project) -> None:
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", image.official_base(project.root))


def test_a_dockerfile_that_names_no_base_is_refused(root: Path) -> None:
    (root / "docker" / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(GraderError, match="does not say which image"):
        image.official_base(root)


def test_the_worker_needs_no_file_of_ours_that_is_not_in_the_image(root: Path) -> None:
    script = (
        "import sys, json, importlib; sys.path.insert(0, sys.argv[1]); "
        "import grader.bridge.worker; "
        "from grader.bridge.services import SERVICES; "
        "[importlib.import_module(module) for module, _ in SERVICES.values()]; "
        "print(json.dumps([m.__file__ for n, m in sys.modules.items() "
        "if n.partition('.')[0] == 'grader']))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", script, str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = {str(Path(file).relative_to(root / "grader")) for file in json.loads(done.stdout)}
    assert loaded == set(image.WORKER_FILES)


# ---------------------------------------------------------------- packages


def test_the_cache_is_where_xdg_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert image.wheel_cache() == tmp_path / "nn-lab-grader"


@pytest.mark.parametrize("setting", ["", "relative/path"])
def test_the_cache_is_below_home_where_xdg_says_nothing_valid(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", setting)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert image.wheel_cache() == tmp_path / ".cache" / "nn-lab-grader"


def test_wheels_are_fetched_once(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, lock = tmp_path / "new" / "cache", image.lock_path(root)
    fake_python(tmp_path, monkeypatch, 'echo wheel > "$dest/a.whl"')
    first = image.fetch_wheels(lock, cache)
    fake_python(tmp_path, monkeypatch, "exit 1")
    assert image.fetch_wheels(lock, cache) == first
    assert [path.name for path in first.iterdir()] == ["a.whl"]
    assert list(cache.iterdir()) == [first]


def test_another_lock_has_wheels_of_its_own(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, lock = tmp_path / "cache", image.lock_path(root)
    fake_python(tmp_path, monkeypatch, 'echo wheel > "$dest/a.whl"')
    first = image.fetch_wheels(lock, cache)
    lock.write_text("numpy==1.0 --hash=sha256:00\n")
    assert image.fetch_wheels(lock, cache) != first


def test_a_failed_download_says_why_and_leaves_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, lock = tmp_path / "cache", image.lock_path(root)
    fake_python(tmp_path, monkeypatch, 'touch "$dest/half.whl"; echo "no such host" >&2; exit 1')
    with pytest.raises(GraderError, match="could not be downloaded") as caught:
        image.fetch_wheels(lock, cache)
    assert "no such host" in caught.value.what
    assert list(cache.iterdir()) == []


def test_a_process_that_was_slower_uses_the_other_ones_wheels(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, lock = tmp_path / "cache", image.lock_path(root)
    fake_python(tmp_path, monkeypatch, 'echo mine > "$dest/a.whl"')
    wheels = image.fetch_wheels(lock, cache)
    shutil.rmtree(wheels)
    fake_python(
        tmp_path,
        monkeypatch,
        f'echo mine > "$dest/a.whl"; mkdir "{wheels}"; echo theirs > "{wheels}/a.whl"',
    )
    assert image.fetch_wheels(lock, cache) == wheels
    assert (wheels / "a.whl").read_text() == "theirs\n"
    assert list(cache.iterdir()) == [wheels]


def test_a_cache_that_cannot_be_written_is_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GraderError, match="cannot be written") as caught:
        image.fetch_wheels(image.lock_path(root), tmp_path / "file" / "cache")
    assert "XDG_CACHE_HOME" in caught.value.do


def test_only_wheels_that_match_the_lock_are_taken(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_python(tmp_path, monkeypatch, "")
    image.fetch_wheels(image.lock_path(root), tmp_path / "cache")
    words = (tmp_path / "asked").read_text().split()
    assert {"--require-hashes", "--only-binary=:all:"} <= set(words)
    assert words[words.index("--python-version") + 1] == "3.11"


# ---------------------------------------------------------------- locks


@pytest.mark.parametrize("lock", ["requirements.lock", "docker/requirements.lock"])
def test_every_locked_package_has_hashes_and_no_index_is_named(project: Project, lock: str) -> None:
    text = (project.root / lock).read_text()
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pinned(project.root / lock)) > 0
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in text
    assert not re.search(r"^--", text, re.MULTILINE)


def test_the_sandbox_has_the_versions_that_the_tests_run_with(project: Project) -> None:
    outside = pinned(project.root / "requirements.lock")
    inside = pinned(project.root / "docker" / "requirements.lock")
    both = outside.keys() & inside.keys()
    assert both >= {"numpy", "msgspec", "matplotlib", "scikit-learn"}
    assert {name: inside[name] for name in both} == {name: outside[name] for name in both}


def test_the_lock_pins_all_that_the_project_asks_for(project: Project) -> None:
    settings = tomllib.loads((project.root / "pyproject.toml").read_text())
    asked = [
        *settings["build-system"]["requires"],
        *settings["project"]["dependencies"],
        *settings["project"]["optional-dependencies"]["dev"],
    ]
    names = {re.split(r"[<>=!~;\[ ]", line)[0].lower() for line in asked}
    assert names - pinned(project.root / "requirements.lock").keys() == set()


# ---------------------------------------------------------------- the base


def test_the_base_is_made_under_the_asked_name(root: Path, tmp_path: Path) -> None:
    script = root / "docker" / "make_base.sh"
    script.write_text(f'echo "$1" > "{tmp_path}/tag"\n')
    image.make_base(root, "some-base:1")
    assert (tmp_path / "tag").read_text() == "some-base:1\n"


def test_a_base_that_cannot_be_made_says_what_the_script_said_last(root: Path) -> None:
    script = root / "docker" / "make_base.sh"
    script.write_text("seq 100; echo debootstrap is not installed >&2; exit 1\n")
    with pytest.raises(GraderError, match="could not be made") as caught:
        image.make_base(root)
    assert caught.value.what.rstrip().endswith("99\n100\ndebootstrap is not installed")
    assert "\n42\n" not in caught.value.what


def test_the_script_refuses_an_option_that_it_does_not_know(project: Project) -> None:
    script = project.root / "docker" / "make_base.sh"
    done = subprocess.run(
        ["bash", str(script), "--sweet"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Usage:" in done.stderr


# ---------------------------------------------------------------- the image itself

LOOK_AROUND = """
import importlib.util, json, os, pathlib, stat
import matplotlib, msgspec, numpy, sklearn.metrics
files = [p for top in ("/usr", "/opt", "/etc") for p in pathlib.Path(top).rglob("*")
         if not p.is_symlink()]
modes = [(str(p), p.stat().st_mode) for p in files if os.access(p.parent, os.X_OK)]
print(json.dumps({
    "blas": numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"],
    "ids": [os.getuid(), os.getgid()],
    "pip": importlib.util.find_spec("pip") is not None,
    "torch": importlib.util.find_spec("torch") is not None,
    "setuid": [p for p, mode in modes if stat.S_ISREG(mode) and mode & 0o6000],
    "writable": [p for p, mode in modes if mode & 0o002 and not stat.S_ISCHR(mode)],
    "worker": sorted(str(p.relative_to("/opt/worker/grader"))
                     for p in pathlib.Path("/opt/worker").rglob("*.py")),
    "bytecode": pathlib.Path(json.__cached__).exists() and pathlib.Path(numpy.__cached__).exists(),
}))
"""


@pytest.mark.docker
def test_the_image_holds_what_it_should_and_no_more(docker_sandbox: Sandbox) -> None:
    image_id = docker_sandbox.runtime_digest()
    assert image_id is not None
    client = docker.from_env()
    try:
        printed = client.containers.run(
            image_id,
            ["python", "-I", "-c", LOOK_AROUND],
            cap_drop=["ALL"],
            network_mode="none",
            read_only=True,
            remove=True,
            tmpfs={"/tmp": ""},
        )
    finally:
        client.close()
    assert json.loads(printed) == {
        "blas": "scipy-openblas",
        "ids": [10001, 10001],
        "pip": False,
        "torch": False,
        "setuid": [],
        "writable": [],
        "worker": sorted(image.WORKER_FILES),
        "bytecode": True,
    }
