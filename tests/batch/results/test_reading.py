"""What is kept of an archive: it is unpacked once, and again as soon as it may be another."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from grader.batch.results import reading
from grader.batch.results.cache import ResultCache
from grader.batch.results.reading import Reading, read, reading_of
from grader.batch.source.handed import Handed
from grader.demo import EXAMPLES, example_files, zip_files
from grader.errors import GraderError
from grader.intake import Rejection, read_archive
from grader.lab import Lab, Project
from grader.model import Submission


class Readings:
    """Counts how often an archive is unpacked."""

    def __init__(self, place: Path, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        self.one = Handed("JANE_DOE", place / "JANE_DOE_LAB3.zip", "JANE_DOE_LAB3.zip")
        self.lab = project.lab
        self.cache = ResultCache(place / "cache")
        self.unpacked = 0
        monkeypatch.setattr(reading, "read_archive", self._unpack)

    def _unpack(self, path: Path, lab: Lab, name: str) -> Submission | Rejection:
        self.unpacked += 1
        return read_archive(path, lab, name)

    def __call__(self) -> Reading:
        found = read(self.one, self.lab, self.cache)
        assert found == reading_of(read_archive(self.one.path, self.lab, self.one.name))
        return found


@pytest.fixture
def readings(tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch) -> Readings:
    made = Readings(tmp_path, project, monkeypatch)
    files = example_files(project, EXAMPLES[0])
    made.one.path.write_bytes(zip_files(files, None))
    return made


def test_an_archive_is_unpacked_once(readings: Readings) -> None:
    for _ in range(2):
        found = readings()
    assert readings.unpacked == 1
    assert found.number == 1
    assert found.refused is None
    assert found.head.sha256 == found.sha256
    assert "layers/relu.py" in found.files


def test_another_archive_name_or_lab_is_read_anew(readings: Readings) -> None:
    readings()
    readings.one.path.write_bytes(readings.one.path.read_bytes() + b"\0")
    readings()
    assert readings.unpacked == 2
    readings.one = msgspec.structs.replace(readings.one, name="JANE_DOE.zip")
    readings()
    assert readings.unpacked == 3
    intake = msgspec.structs.replace(readings.lab.intake, archive_mib=1)
    readings.lab = msgspec.structs.replace(readings.lab, intake=intake)
    readings()
    assert readings.unpacked == 4


def test_a_refused_archive_stays_refused_and_a_damaged_note_is_made_again(
    readings: Readings, tmp_path: Path
) -> None:
    readings.one.path.write_bytes(b"no zip")
    for _ in range(2):
        head = readings().head
        assert isinstance(head, Rejection)
        assert head.reason
    assert readings.unpacked == 1
    (kept,) = (tmp_path / "cache").rglob("*.part")
    kept.write_bytes(b"torn")
    readings()
    assert readings.unpacked == 2


def test_an_archive_that_is_gone_is_the_operator_s_matter(readings: Readings) -> None:
    readings()
    readings.one.path.unlink()
    with pytest.raises(GraderError, match="could not be read"):
        read(readings.one, readings.lab, readings.cache)
