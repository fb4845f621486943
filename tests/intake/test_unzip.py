"""Zips that real tools make, and hostile ones: each hostile kind is refused in one sentence."""

import io
import os
import stat
import struct
import subprocess
import tracemalloc
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.intake import Rejection, read_archive_bytes
from grader.intake.rejection import RefusedError
from grader.intake.unzip import unzip
from grader.lab import IntakeLimits, Lab
from grader.model import Submission

MakeZip = Callable[[Mapping[str, bytes | str]], bytes]
LIMITS = IntakeLimits(archive_mib=1, unpacked_mib=2, file_mib=1, entries=50)


def raw_zip(*entries: dict[str, object], prefix: bytes = b"", suffix: bytes = b"") -> bytes:
    """Write a zip byte by byte; an entry's keys that begin with local_ hold in that header only."""
    body, directory = prefix, b""
    for entry in entries:
        name = entry.get("name", b"a.py")
        content = entry.get("content", b"pass\n")
        extra = entry.get("extra", b"")
        assert isinstance(name, bytes)
        assert isinstance(content, bytes)
        assert isinstance(extra, bytes)

        def value(key: str, default: int, local: bool, entry: dict[str, object] = entry) -> int:
            found = entry.get(f"local_{key}") if local else None
            found = entry.get(key, default) if found is None else found
            assert isinstance(found, int)
            return found

        def numbers(
            local: bool, content: bytes = content, get: Callable[[str, int, bool], int] = value
        ) -> tuple[int, ...]:
            return (
                get("flags", 0, local),
                get("method", 0, local),
                0,
                0x21,
                get("crc", zlib.crc32(content), local),
                get("packed", len(content), local),
                get("size", len(content), local),
            )

        start = value("start", len(body), False)
        local_name = entry.get("local_name", name)
        assert isinstance(local_name, bytes)
        body += struct.pack("<4s5H3L2H", b"PK\3\4", 20, *numbers(True), len(local_name), len(extra))
        body += local_name + extra + content
        directory += struct.pack(
            "<4s6H3L5H2L",
            b"PK\1\2",
            0x031E,
            20,
            *numbers(False),
            len(name),
            len(extra),
            0,
            0,
            0,
            value("mode", 0, False) << 16,
            start,
        )
        directory += name + extra
    end = struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, len(entries), len(entries), len(directory), len(body), 0
    )
    return body + directory + end + suffix


def refusal(data: bytes, limits: IntakeLimits = LIMITS) -> str:
    with pytest.raises(RefusedError) as refused:
        unzip(data, limits)
    return refused.value.reason


def is_safe_to_show(text: str) -> bool:
    return not any(unicodedata.category(char).startswith("C") for char in text)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "The archive is an empty file of 0 bytes"),
        (b"hello", "The file is not a zip"),
        (b"Rar!\x1a\x07\x01\x00", "The file is not a zip but a RAR archive"),
        (b"7z\xbc\xaf\x27\x1c", "The file is not a zip but a 7-Zip archive"),
        (b"<!DOCTYPE html>", "The file is not a zip but a web page"),
        (raw_zip(), "The zip is empty"),
        (raw_zip({})[:40], "The zip is cut off: its end is missing"),
        (raw_zip({})[:-1], "The zip is cut off or has other data after its end"),
        (raw_zip({}, suffix=b"x"), "The zip is cut off or has other data after its end"),
        (raw_zip({}, prefix=b"#!/bin/sh\n"), "The zip has other data before its first file"),
        (b"#!/bin/sh\n" + raw_zip({}), "The zip has other data before its first file"),
        (raw_zip({"name": b"../x.py"}), 'The archive holds "../x.py", which leads out'),
        (raw_zip({"name": b"a\\..\\x.py"}), "which leads out of its folder"),
        (raw_zip({"name": b"__MACOSX/../../x"}), "which leads out of its folder"),
        (raw_zip({"name": b"/etc/passwd"}), 'The archive holds "/etc/passwd", an absolute path'),
        (raw_zip({"name": b"\\\\host\\x"}), "an absolute path"),
        (raw_zip({"name": b"C:\\x.py"}), "an absolute path"),
        (raw_zip({"name": b"c:x.py"}), "an absolute path"),
        (raw_zip({"name": b"a/b"}, {"name": b"a\\c"}), r'mixes / and \, as in "a\c"'),
        (raw_zip({"name": b""}), "The archive holds an entry without a name"),
        (raw_zip({"mode": stat.S_IFLNK | 0o777}), '"a.py" is a symbolic link'),
        (raw_zip({"mode": stat.S_IFIFO | 0o644}), '"a.py" is a named pipe'),
        (raw_zip({"mode": stat.S_IFCHR | 0o644}), '"a.py" is a device'),
        (raw_zip({"mode": stat.S_IFBLK | 0o644}), '"a.py" is a device'),
        (raw_zip({"mode": stat.S_IFSOCK | 0o644}), '"a.py" is a socket'),
        (raw_zip({"mode": 0o030644}), '"a.py" is of an unknown kind'),
        (raw_zip({"mode": stat.S_IFREG | 0o4755}), '"a.py" is set to run as another user'),
        (raw_zip({"mode": stat.S_IFREG | 0o2755}), '"a.py" is set to run as another user'),
        (
            raw_zip({"extra": struct.pack("<2H12s4s", 0x0D, 16, b"", b"full")}),
            '"a.py" is a link',
        ),
        (
            raw_zip({"extra": struct.pack("<2H14s4s", 0x756E, 18, b"", b"full")}),
            '"a.py" is a link',
        ),
        (raw_zip({"name": b"a/"}), '"a/" is a folder that has contents like a file'),
        (raw_zip({}, {}), 'The archive holds "a.py" twice'),
        (
            raw_zip({"name": b"A.py"}, {"name": b"a.py"}),
            '"a.py" and "A.py" are the same name but for upper and lower case',
        ),
        (raw_zip({"name": b"x/a"}, {"name": b"X/b"}), "but for upper and lower case"),
        (
            raw_zip(
                {"name": "é.py".encode(), "flags": 0x800},
                {"name": unicodedata.normalize("NFD", "é.py").encode(), "flags": 0x800},
            ),
            "are two encodings of one name",
        ),
        (
            raw_zip({"name": b"a"}, {"name": b"a/b"}),
            '"a" is a file and a folder at once',
        ),
        (raw_zip({"name": b"a/b"}, {"name": b"a"}), '"a" is a file and a folder at once'),
        (raw_zip({"name": b"x" * 300}), "is 300 characters long"),
        (raw_zip({"name": b"/".join([b"x" * 200] * 6)}), "is 1205 characters long"),
        (raw_zip({"name": b"a/" * 600 + b"x"}), "is 601 folders deep"),
        (raw_zip({"name": b"a\0.py"}), r'"a\x00.py" holds control characters'),
        (raw_zip({"name": b"\x1b[2J.py"}), r'"\x1b[2J.py" holds control characters'),
        (
            raw_zip({"name": "a\u202eyp.exe".encode(), "flags": 0x800}),
            r'"a\u202eyp.exe" holds characters that turn text',
        ),
        (
            raw_zip({"name": b"\xff.py", "flags": 0x800}),
            r'says that the name "\xff.py" is UTF-8, and it is not',
        ),
        (raw_zip({"flags": 0x1}), '"a.py" needs a password'),
        (raw_zip({"flags": 0x41}), '"a.py" needs a password'),
        (raw_zip({"flags": 0x1, "method": 99}), '"a.py" needs a password'),
        (raw_zip({"method": 12}), '"a.py" is packed by method 12, which is not read here'),
        (raw_zip({"crc": 1}), '"a.py" is damaged in the zip: its checksum is wrong'),
        (raw_zip({"size": 4}), '"a.py" is damaged in the zip: it says 4 bytes and has 5'),
        (raw_zip({"method": 8}), '"a.py" is damaged in the zip: its packed data make no sense'),
        (
            raw_zip({"method": 8, "content": b"\x03\0junk", "size": 0, "crc": 0}),
            "its packed data are cut off or followed by others",
        ),
        (raw_zip({"local_name": b"b.py"}), 'its two headers for "a.py" disagree'),
        (raw_zip({"local_method": 8}), 'its two headers for "a.py" disagree'),
        (raw_zip({"local_crc": 1}), 'its two headers for "a.py" disagree'),
        (raw_zip({"local_size": 4}), 'its two headers for "a.py" disagree'),
        (raw_zip({"local_flags": 1}), 'its two headers for "a.py" disagree'),
        (raw_zip({"packed": 99}), '"a.py" lies outside of it'),
        (raw_zip({"start": 10_000}), '"a.py" lies outside of it'),
        (raw_zip({"size": 0xFFFFFFFF}), '"a.py" lacks its 64-bit sizes'),
        (raw_zip({}, {"start": 0}), 'overlaps "a.py"'),
    ],
)
def test_a_hostile_or_broken_zip_is_refused_in_one_sentence(data: bytes, found: str) -> None:
    reason = refusal(data)

    assert found in reason
    assert is_safe_to_show(reason)
    assert reason.endswith(".")
    assert len(reason) < 300


def test_entries_that_overlap_are_refused() -> None:
    """The quine-less zip bomb: many entries whose data are one kernel (CVE-2024-0450)."""
    inner = raw_zip({"name": b"b.py"})[:-69]  # b.py's local header and content
    outer = raw_zip({"content": inner}, {"name": b"b.py", "start": 34})

    assert refusal(outer).startswith('In the zip, "b.py" overlaps "a.py"')


def test_sixty_thousand_entries_are_refused(make_zip: MakeZip) -> None:
    data = make_zip({f"{number}.py": b"" for number in range(60_000)})

    assert refusal(data).startswith("There are more than 50 files and folders")


def test_more_entries_than_any_list_can_hold_are_refused_before_they_are_read() -> None:
    count = 70_000
    directory = raw_zip({})[-73:-22] * count
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)

    assert refusal(directory + record + locator + end).startswith("The zip holds 70000 entries")


def test_a_bomb_that_lies_about_its_size_is_unpacked_no_further_than_the_limit() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(200 << 20)) + packer.flush()
    data = raw_zip({"content": bomb, "method": 8, "size": 5})
    tracemalloc.start()
    reason = refusal(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert reason.startswith('"a.py" is larger than 1 MiB')
    assert peak < 8 << 20


def test_files_that_are_too_large_together_are_refused(make_zip: MakeZip) -> None:
    data = make_zip({f"{number}.py": bytes(900_000) for number in range(3)})

    assert refusal(data).startswith("Unpacked, the files are larger than 2 MiB")


def test_a_source_file_that_is_too_large_is_refused(make_zip: MakeZip) -> None:
    assert refusal(make_zip({"a.py": bytes(1 << 21)})).startswith('"a.py" is larger than 1 MiB')


def test_a_large_file_that_is_no_source_is_left_out_and_said(make_zip: MakeZip) -> None:
    tree, findings = unzip(make_zip({"a.py": b"", "results/w.npy": bytes(1 << 21)}), LIMITS)

    assert set(tree.files) == {"a.py"}
    assert tree.folders == {"results"}
    assert [(f.id, f.costs) for f in findings] == [("too-large", None)]
    assert '"results/w.npy"' in findings[0].message


def test_an_archive_above_the_limit_is_rejected(lab: Lab) -> None:
    small = msgspec.structs.replace(lab, intake=LIMITS)
    rejection = read_archive_bytes("JANE_DOE_LAB3.zip", bytes((1 << 20) + 1), small)

    assert isinstance(rejection, Rejection)
    assert rejection.reason.startswith("The archive is larger than 1 MiB")
    assert rejection.identity.last_name == "DOE"


def test_what_people_zip_along_is_left_out_at_no_cost(make_zip: MakeZip) -> None:
    junk = [
        "__MACOSX/L/._a.py",
        "L/.DS_Store",
        "L/._a.py",
        "L/Icon\r",
        "L/Thumbs.db",
        "L/layers/__pycache__/a.cpython-311.pyc",
        "L/b.pyc",
        "L/.git/config",
        "L/.idea/x.xml",
        "L/.vscode/settings.json",
        "L/.pytest_cache/v",
        "L/.venv/lib/x.py",
        "L/my-env/pyvenv.cfg",
        "L/my-env/lib/y.py",
        "L/cifar-100-python/train",
        "L/cifar-100-python.tar.gz",
        "L/results/.DS_Store",
    ]
    tree, findings = unzip(make_zip(dict.fromkeys([*junk, "L/a.py"], b"")), LIMITS)

    assert set(tree.files) == {"L/a.py"}
    assert tree.folders == {"L", "L/layers", "L/results"}  # what held the junk is still there
    assert {f.id for f in findings} == {
        "system-files",
        "caches",
        "version-control",
        "editor-settings",
        "virtual-environment",
        "dataset",
    }
    assert all(f.costs is None for f in findings)


def test_the_data_set_is_skipped_without_being_unpacked(make_zip: MakeZip) -> None:
    data = make_zip({"L/cifar-100-python/train": bytes(8 << 20), "L/a.py": b""})
    tracemalloc.start()
    tree, _ = unzip(data, LIMITS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert set(tree.files) == {"L/a.py"}
    assert peak < 1 << 20


def test_a_virtual_environments_links_do_no_harm() -> None:
    link = {"name": b"L/.venv/bin/python", "mode": stat.S_IFLNK | 0o777}
    tree, _ = unzip(raw_zip({"name": b"L/a.py"}, link), LIMITS)

    assert set(tree.files) == {"L/a.py"}


def test_a_project_folder_that_is_itself_an_environment_is_kept(make_zip: MakeZip) -> None:
    names = ["L/pyvenv.cfg", "L/layers/full.py", "L/lib/site-packages/keras/layers/x.py"]
    tree, _ = unzip(make_zip(dict.fromkeys(names, b"")), LIMITS)

    assert set(tree.files) == {"L/pyvenv.cfg", "L/layers/full.py"}


def test_a_zip_within_the_zip_stays_plain_bytes(make_zip: MakeZip) -> None:
    inner = make_zip({"../evil.py": b""})
    tree, _ = unzip(make_zip({"L/old.zip": inner}), LIMITS)

    assert tree.files == {"L/old.zip": inner}


def test_backslashes_throughout_are_read_as_slashes_with_a_remark() -> None:
    data = raw_zip({"name": b"L\\layers\\full.py"}, {"name": b"L\\results\\", "content": b""})
    tree, findings = unzip(data, LIMITS)

    assert set(tree.files) == {"L/layers/full.py"}
    assert tree.folders == {"L", "L/layers", "L/results"}
    assert [(f.id, f.costs) for f in findings] == [("backslashes", None)]


@pytest.mark.parametrize(
    ("raw", "flags", "extra", "name"),
    [
        ("é".encode(), 0x800, b"", "é"),
        ("é".encode(), 0, b"", "é"),  # the Finder sets no flag
        (b"\x82", 0, b"", "é"),  # code page 437
        (
            b"#",
            0,
            struct.pack("<2HBL", 0x7075, 7, 1, zlib.crc32(b"#")) + "é".encode(),
            "é",
        ),
        (b"#", 0, struct.pack("<2HBL", 0x7075, 7, 1, 0) + "é".encode(), "#"),
    ],
)
def test_names_are_decoded_as_their_tool_meant_them(
    raw: bytes, flags: int, extra: bytes, name: str
) -> None:
    tree, _ = unzip(raw_zip({"name": raw, "flags": flags, "extra": extra}), LIMITS)

    assert set(tree.files) == {name}


@pytest.mark.parametrize(
    "entry",
    [
        {"mode": 0},
        {"mode": 0o644},
        {"mode": stat.S_IFREG | 0o644},
        {"name": b"./a.py"},
        {"flags": 8, "local_crc": 0, "local_packed": 0, "local_size": 0},
        {"flags": 2},
    ],
)
def test_what_honest_zip_tools_write_is_read(entry: dict[str, object]) -> None:
    tree, findings = unzip(raw_zip(entry), LIMITS)

    assert tree.files == {"a.py": b"pass\n"}
    assert findings == ()


def test_a_folder_on_a_groups_drive_may_carry_the_set_group_bit() -> None:
    folder = {"name": b"L/", "content": b"", "mode": stat.S_IFDIR | 0o2775}
    tree, _ = unzip(raw_zip(folder, {"name": b"L/a.py"}), LIMITS)

    assert tree.folders == {"L"}


class OnlyWritable(io.RawIOBase):
    """A stream that cannot be sought, as a pipe."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += bytes(data)
        return len(data)


def test_a_streamed_zip_with_64_bit_sizes_is_read() -> None:
    stream = OnlyWritable()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.py", "w", force_zip64=True) as file,
    ):
        file.write(b"pass\n")
    tree, _ = unzip(stream.data, LIMITS)

    assert tree.files == {"a.py": b"pass\n"}


def test_a_comment_at_the_end_is_no_harm(make_zip: MakeZip) -> None:
    buffer = io.BytesIO(make_zip({"a.py": b"pass\n"}))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"from my laptop PK\5\6"
    tree, _ = unzip(buffer.getvalue(), LIMITS)

    assert set(tree.files) == {"a.py"}


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Change, cut out or double a few stretches of bytes; the records at the end most of all."""
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["set", "cut", "double", "number"]),
                st.floats(0, 1),
                st.booleans(),
                st.binary(min_size=1, max_size=4),
            ),
            min_size=1,
            max_size=4,
        )
    )

    def mutate(data: bytes) -> bytes:
        for kind, where, near_end, new in steps:
            low = max(0, len(data) - 1000) if near_end else 0
            at = low + int(where * (len(data) - low))
            if kind == "set":
                data = data[:at] + new + data[at + len(new) :]
            elif kind == "cut":
                data = data[:at] + data[at + len(new) :]
            elif kind == "double":
                data = data[:at] + data[at : at + 46] + data[at:]
            else:
                data = data[:at] + (b"\xff" * len(new)) + data[at + len(new) :]
        return data

    return mutate


@settings(max_examples=400, deadline=None)
@given(mutate=mutations())
def test_a_mutated_zip_is_taken_in_or_rejected_and_nothing_else(
    mutate: Callable[[bytes], bytes], right_zip: bytes, lab: Lab
) -> None:
    taken_in = read_archive_bytes("JANE_DOE_LAB3.zip", mutate(right_zip), lab)

    assert isinstance(taken_in, Submission | Rejection)
    assert not isinstance(taken_in, Rejection) or is_safe_to_show(taken_in.reason)


@settings(max_examples=200, deadline=None)
@given(
    entries=st.lists(
        st.fixed_dictionaries(
            {"name": st.binary(max_size=12)},
            optional={
                "flags": st.sampled_from([0, 1, 8, 0x800, 0x840]),
                "method": st.sampled_from([0, 8, 9, 99]),
                "mode": st.integers(0, 0xFFFF),
                "extra": st.binary(max_size=30),
                "size": st.integers(0, 2**32 - 1),
                "packed": st.integers(0, 2**32 - 1),
                "start": st.integers(0, 200),
            },
        ),
        max_size=4,
    )
)
def test_any_well_formed_headers_are_taken_in_or_refused(
    entries: list[dict[str, object]], lab: Lab
) -> None:
    taken_in = read_archive_bytes("JANE_DOE_LAB3.zip", raw_zip(*entries), lab)

    if isinstance(taken_in, Rejection):
        assert is_safe_to_show(taken_in.reason)
    else:
        assert all(".." not in path.split("/") and path[:1] != "/" for path in taken_in.files)


def test_reading_writes_nothing(
    right_zip: bytes, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    read_archive_bytes("JANE_DOE_LAB3.zip", right_zip, lab)
    read_archive_bytes("JANE_DOE_LAB3.zip", raw_zip({"name": b"../x.py"}), lab)

    assert list(tmp_path.iterdir()) == []
    assert not (tmp_path.parent / "x.py").exists()


@pytest.mark.skipif(
    os.system("command -v zip >/dev/null 2>&1") != 0, reason="Info-ZIP is not installed"
)
@pytest.mark.parametrize("streamed", [False, True])
def test_info_zips_archives_are_read(streamed: bool, right_folder: Path) -> None:
    top = right_folder.rename(right_folder.parent / "JOSÉ_DOE_LAB3")
    target = "-" if streamed else "out.zip"
    done = subprocess.run(
        ["zip", "-r", target, top.name], cwd=top.parent, capture_output=True, check=True
    )
    data = done.stdout if streamed else (top.parent / "out.zip").read_bytes()
    tree, _ = unzip(data, LIMITS)

    assert "JOSÉ_DOE_LAB3/layers/full.py" in tree.files
