"""The data: read with care, drawn as the handout's loader draws, split as grading needs it."""

from __future__ import annotations

import http.server
import io
import os
import pickle
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.dataset.fetch import fetch, import_data
from grader.dataset.files import FOLDER, DataMissing, Dataset
from grader.dataset.split import Split, make_split
from grader.dataset.store import find_dataset
from grader.dataset.subset import take_subset
from grader.dataset.synth import SMALL, Recipe, synthesize
from grader.errors import GraderError
from grader.lab import Project

TINY = Recipe(train=6, test=4, pattern=20.0)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize(tmp_path_factory.mktemp("data"), TINY, 3)


@pytest.fixture(scope="session")
def dataset(folder: Path) -> Dataset:
    return Dataset(folder)


# Reading


def test_the_format_is_that_of_the_real_files(folder: Path) -> None:
    content = pickle.loads((folder / "train").read_bytes(), encoding="bytes")
    assert set(content) == {
        b"batch_label",
        b"coarse_labels",
        b"data",
        b"filenames",
        b"fine_labels",
    }
    assert content[b"data"].shape == (600, 3072)


def test_the_handout_s_loader_reads_the_same(project: Project, dataset: Dataset) -> None:
    code = (
        "import sys, numpy as np; from layers.dataset import cifar100; "
        "(x, y), (xt, yt) = cifar100(5); np.savez(sys.argv[1], x=x, y=y, xt=xt, yt=yt)"
    )
    place = dataset.folder.parent / "loaded.npz"
    environment = {
        **os.environ,
        "PYTHONPATH": str(project.root / "reference"),
        "CIFAR100_DIR": str(dataset.folder),
    }
    subprocess.run([sys.executable, "-c", code, str(place)], env=environment, check=True)
    subset = take_subset(dataset, 5, project.lab.dataset)
    with np.load(place) as loaded:
        assert np.array_equal(loaded["x"], subset.train_x / 255.0 - 0.5)
        assert np.array_equal(loaded["y"], np.eye(4)[subset.train_y])
        assert np.array_equal(loaded["xt"], subset.test_x / 255.0 - 0.5)
        assert np.array_equal(loaded["yt"], subset.test_y)


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path, dataset: Dataset) -> None:
    assert Dataset(synthesize(tmp_path, TINY, 3)).digest == dataset.digest
    assert Dataset(synthesize(tmp_path, TINY, 4)).digest != dataset.digest


def test_the_default_is_a_few_megabytes_of_all_classes(tmp_path: Path) -> None:
    folder = synthesize(tmp_path, SMALL, 1)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 8 << 20
    for part in (Dataset(folder).train, Dataset(folder).test):
        assert len(np.unique(part.labels)) == 100


def written(folder: Path, content: object) -> Dataset:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train", "test"):
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    return Dataset(folder)


IMAGES = np.zeros((3, 3072), np.uint8)
WRONG = {
    "no dict": ([1], "no `data`"),
    "no labels": ({b"data": IMAGES}, "no `data` and"),
    "floats": ({b"data": IMAGES * 1.0, b"fine_labels": [1, 2, 3]}, "not an array of uint8"),
    "a row too long": (
        {b"data": np.zeros((3, 3073), np.uint8), b"fine_labels": [1, 2, 3]},
        "(3, 3073)",
    ),
    "too few labels": ({b"data": IMAGES, b"fine_labels": [1, 2]}, "one whole number for each"),
    "a label too large": ({b"data": IMAGES, b"fine_labels": [1, 2, 100]}, "outside 0 to 99"),
    "no images": ({b"data": IMAGES[:0], b"fine_labels": []}, "CIFAR-100"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, kind: str) -> None:
    content, said = WRONG[kind]
    with pytest.raises(DataMissing) as caught:
        _ = written(tmp_path, content).train
    assert said in str(caught.value)
    assert "grader data fetch" in str(caught.value)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("touch CANARY",))


def test_a_file_that_names_code_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataMissing, match="which this format does not use"):
        _ = written(tmp_path / "data", Evil()).train
    assert not (tmp_path / "CANARY").exists()


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 10**9), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int, cut: bool
) -> None:
    good = pickle.dumps({b"data": IMAGES[:1], b"fine_labels": [7]}, protocol=2)
    at = place % len(good)
    damaged = good[:at] if cut else good[:at] + bytes([byte]) + good[at + 1 :]
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "train").write_bytes(damaged)
    try:
        part = Dataset(folder).train
    except DataMissing:
        return
    assert part.images.dtype == np.uint8


def test_data_that_are_nowhere_are_said_to_be(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIFAR100_DIR", str(tmp_path))
    with pytest.raises(DataMissing, match="not on this machine"):
        find_dataset(project)


# Getting


def packed(folder: Path, *extra: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in extra:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        for name in ("train", "test", "meta"):
            tar.add(folder / name, f"{FOLDER}/{name}")
    return buffer.getvalue()


class Handler(http.server.BaseHTTPRequestHandler):
    content: ClassVar[bytes] = b""
    breaks: ClassVar[list[int]] = []
    asked: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        start = int(wanted[len("bytes=") : -1]) if wanted else 0
        if start >= len(self.content):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(self.content) - start))
        self.end_headers()
        end = self.breaks.pop() if self.breaks else len(self.content)
        self.wfile.write(self.content[start:end])

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    handler = type("OneTest", (Handler,), {"breaks": [], "asked": [], "content": packed(folder)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        server_of[f"http://127.0.0.1:{running.server_address[1]}/c.tar.gz"] = handler
        yield f"http://127.0.0.1:{running.server_address[1]}/c.tar.gz"
        running.shutdown()


server_of: dict[str, Any] = {}


def nothing(done: int, total: int | None) -> None:
    """Watch no progress."""


def test_a_download_that_breaks_off_goes_on_where_it_was(
    server: str, dataset: Dataset, tmp_path: Path
) -> None:
    server_of[server].breaks[:] = [50_000]
    with pytest.raises(GraderError, match="broke off"):
        fetch(server, tmp_path, None, nothing)
    assert fetch(server, tmp_path, None, nothing).digest == dataset.digest
    assert server_of[server].asked == [None, "bytes=50000-"]
    assert [path.name for path in tmp_path.iterdir()] == [FOLDER]


def test_a_download_with_another_digest_is_refused_and_removed(server: str, tmp_path: Path) -> None:
    with pytest.raises(GraderError, match="its md5 is"):
        fetch(server, tmp_path, "0" * 32, nothing)
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(GraderError, match="could not be downloaded"):
        fetch("http://127.0.0.1:9/c.tar.gz", tmp_path, None, nothing)


def test_an_archive_writes_nothing_but_its_three_files(
    folder: Path, dataset: Dataset, tmp_path: Path
) -> None:
    archive = tmp_path / "c.tar.gz"
    archive.write_bytes(packed(folder, ("../../evil", b"x"), ("/tmp/evil/other", b"x")))
    target = tmp_path / "deep" / "target"
    assert import_data(archive, target).digest == dataset.digest
    assert sorted(path.name for path in target.rglob("*")) == [
        FOLDER,
        "meta",
        "sha256",
        "test",
        "train",
    ]
    assert not (tmp_path / "evil").exists()


def test_data_that_were_changed_after_they_were_imported_are_refused(
    project: Project, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIFAR100_DIR", str(tmp_path))
    imported = import_data(folder, tmp_path)
    assert find_dataset(project).digest == imported.digest
    content = bytearray((imported.folder / "test").read_bytes())
    content[len(content) // 2] ^= 1  # One pixel, a grey level off.
    (imported.folder / "test").write_bytes(content)
    with pytest.raises(DataMissing, match="were changed after they were fetched"):
        find_dataset(project)


def test_a_folder_is_taken_over_as_well(folder: Path, dataset: Dataset, tmp_path: Path) -> None:
    for source in (folder, folder.parent):
        assert import_data(source, tmp_path).digest == dataset.digest


@pytest.mark.parametrize("content", [b"", b"no archive", packed])
def test_an_import_that_fails_leaves_what_was_there(
    folder: Path, dataset: Dataset, tmp_path: Path, content: Any
) -> None:
    import_data(folder, tmp_path)
    archive = tmp_path / "c.tar.gz"
    archive.write_bytes(content if isinstance(content, bytes) else content(folder)[:5000])
    with pytest.raises(GraderError):
        import_data(archive, tmp_path)
    assert Dataset(tmp_path / FOLDER).digest == dataset.digest


# Splitting


@pytest.fixture
def split_of(project: Project, dataset: Dataset) -> partial[Split]:
    return partial(make_split, project.lab, dataset)


def test_slice_and_training_images_are_apart_and_all_that_there_are(
    split_of: partial[Split],
) -> None:
    split = split_of(5, 1)
    assert len(split.train_y) + len(split.slice_y) == 24
    train = {row.tobytes() for row in split.train_x}
    assert all(row.tobytes() not in train for row in split.slice_x)
    assert np.bincount(split.slice_y).tolist() == [1, 1, 1, 1]


def test_the_grading_seed_permutes_classes_and_test_images(split_of: partial[Split]) -> None:
    splits = [split_of(5, seed) for seed in range(20)]
    assert len({split.digest for split in splits}) == 20
    assert len({split.test_y.tobytes() for split in splits}) > 1
    assert split_of(5, 1).digest == splits[1].digest


def test_no_test_image_is_as_in_the_files_but_all_look_alike(
    split_of: partial[Split], dataset: Dataset
) -> None:
    split = split_of(5, 1)
    known = {row.tobytes() for row in dataset.test.images}
    assert all(row.tobytes() not in known for row in split.test_x)
    nearest = [
        np.abs(dataset.test.images.astype(int) - row).max(axis=1).min()
        for row in split.test_x.astype(int)
    ]
    assert max(nearest) == 1


def test_older_cohorts_drew_with_replacement_and_five_classes(
    project: Project, dataset: Dataset
) -> None:
    drawn = msgspec.structs.replace(project.lab.dataset, classes=5, draw="with_replacement")
    lengths = {len(set(take_subset(dataset, seed, drawn).train_y.tolist())) for seed in range(200)}
    assert max(lengths) == 5
    assert min(lengths) < 5
