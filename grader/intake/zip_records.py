"""Reads a zip's own records and checks them against each other before anything is unpacked.

The standard library's zipfile believes the central directory: Python 3.11.7 lets entries overlap
(CVE-2024-0450), cuts names at a NUL and keeps every record in memory however many there are.
Offsets and layouts are those of PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator

import msgspec

from grader.intake.file_name import name_text
from grader.intake.rejection import RefusedError
from grader.intake.shown import quoted

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")

_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF
# A virtual environment that was zipped along has tens of thousands of entries; it is left out, so
# these bounds only keep the memory for names small.
MOST_RECORDS = 65_535
_RECORD_BYTES = 256
"""Of the list of files, for each record on average."""
_ENCRYPTED, _DESCRIPTOR, _STRONG, _UTF8, _MASKED = 1 << 0, 1 << 3, 1 << 6, 1 << 11, 1 << 13
_AES = 99
_ZIP64, _PKWARE_UNIX, _UNICODE_PATH, _ASI_UNIX = 0x0001, 0x000D, 0x7075, 0x756E

_OTHER_FORMATS = (
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x1f\x8b", "a gzip or tar.gz archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
)


class Record(msgspec.Struct, frozen=True):
    """One entry as both of the zip's headers agree on it.

    Attributes
    ----------
    name : str
        As in the archive, separators and all.
    mode : int
        Unix mode from the external attributes; 0 where the zip tool gave none.
    is_link : bool
        Whether an extra field makes it a link, whatever the mode says.
    encrypted : bool
        Whether it needs a password, by the classic scheme, PKWARE's strong one or AES.
    method : int
        Compression: 0 stored, 8 deflated.
    crc, size : int
        Checksum and length of the unpacked content, as claimed.
    begins, ends : int
        Where its packed bytes lie in the archive.
    """

    name: str
    mode: int
    is_link: bool
    encrypted: bool
    method: int
    crc: int
    size: int
    begins: int
    ends: int


Zip = bytes | mmap.mmap
"""A zip in memory, or one on disk that is larger than memory."""


def read_records(data: Zip, most: int = MOST_RECORDS) -> list[Record]:
    """Read every entry's headers.

    Parameters
    ----------
    data : bytes or mmap
        The zip.
    most : int
        How many entries it may have.

    Raises
    ------
    RefusedError
        If this is not one whole, plain zip whose records agree with each other.
    """
    directory, directory_ends, total = _find_directory(data, most)
    records = []
    extents = []
    at = directory
    for _ in range(total):
        if at + _CENTRAL.size > directory_ends:
            raise _damaged("its list of files is shorter than it says")
        fields = _CENTRAL.unpack_from(data, at)
        if fields[0] != b"PK\x01\x02":
            raise _damaged("its list of files is garbled")
        at += _CENTRAL.size
        name_size, extra_size, comment_size = fields[10:13]
        raw_name = data[at : at + name_size]
        extra = data[at + name_size : at + name_size + extra_size]
        at += name_size + extra_size + comment_size
        if at > directory_ends:
            raise _damaged("its list of files is cut short")
        record, starts = _read_record(data, fields, raw_name, extra, directory)
        records.append(record)
        extents.append((starts, record.ends, record.name))
    if at != directory_ends:
        raise _damaged("its list of files is longer than it says")
    _check_extents(sorted(extents))
    return records


def _damaged(how: str) -> RefusedError:
    return RefusedError(f"The zip is damaged: {how}", "zip the lab's folder and upload it again")


def _find_directory(data: Zip, most: int) -> tuple[int, int, int]:
    """Return where the central directory begins and ends, and how many entries it has."""
    end = _find_end(data)
    _, disk, directory_disk, here, total, size, offset, _ = _END.unpack_from(data, end)
    ends = end
    locator = end - _LOCATOR_64.size
    if locator >= 0 and _stands_at(data, locator, b"PK\x06\x07"):
        ends = _LOCATOR_64.unpack_from(data, locator)[2]
        if ends + _END_64.size > locator or not _stands_at(data, ends, b"PK\x06\x06"):
            raise _damaged("its zip64 end record is not where it says")
        _, length, _, _, disk, directory_disk, here, total, size, offset = _END_64.unpack_from(
            data, ends
        )
        if ends + 12 + length != locator:
            raise _damaged("its zip64 end record has the wrong length")
    if disk or directory_disk or here != total:
        raise RefusedError(
            "The archive is one part of a split zip", "zip the lab's folder into a single file"
        )
    if offset + size != ends:
        if offset + size < ends:
            raise _foreign_data()
        raise _damaged("its list of files lies outside it")
    if total == 0:
        raise RefusedError("The zip is empty", "zip the lab's folder and hand that in")
    if total > most or size > most * _RECORD_BYTES:
        raise RefusedError(
            f"The zip holds {total} entries", "hand in the lab's files only, without libraries"
        )
    return offset, ends, total


def _stands_at(data: Zip, at: int, magic: bytes) -> bool:
    return data[at : at + len(magic)] == magic


def _find_end(data: Zip) -> int:
    """Return where the end record begins; it must reach exactly to the end of the file."""
    if not data:
        raise RefusedError("The archive is an empty file of 0 bytes", "upload it again")
    lowest = max(0, len(data) - _END.size - _FULL_16)
    at = data.rfind(b"PK\x05\x06", lowest)
    seen = at >= 0
    while at >= 0:
        if at + _END.size <= len(data):
            comment = _END.unpack_from(data, at)[-1]
            if at + _END.size + comment == len(data):
                return at
        at = data.rfind(b"PK\x05\x06", lowest, at + 3)
    if seen:
        raise RefusedError("The zip is cut off or has other data after its end", "upload it again")
    if _stands_at(data, 0, b"PK\x03\x04"):
        raise RefusedError("The zip is cut off: its end is missing", "upload it again")
    for magic, what in _OTHER_FORMATS:
        if _stands_at(data, 0, magic):
            raise RefusedError(f"The file is not a zip but {what}", "hand in a zip")
    raise RefusedError("The file is not a zip", "zip the lab's folder and hand that in")


def _foreign_data() -> RefusedError:
    return RefusedError("The zip has other data before its first file", "hand in a plain zip")


def _read_record(
    data: Zip, central: tuple[int, ...], raw_name: bytes, extra: bytes, directory: int
) -> tuple[Record, int]:
    """Return one entry and where its local header begins."""
    flags, method, _, _, crc, packed, size = central[3:10]
    disk, _, attributes, start = central[13:]
    name = _decode(raw_name, flags, extra)
    extras = dict(_extra_fields(extra))
    if _FULL_32 in (packed, size, start):
        wide = extras.get(_ZIP64, b"")
        values = list(struct.unpack_from(f"<{len(wide) // 8}Q", wide))
        try:
            size = values.pop(0) if size == _FULL_32 else size
            packed = values.pop(0) if packed == _FULL_32 else packed
            start = values.pop(0) if start == _FULL_32 else start
        except IndexError:
            raise _damaged(f"{quoted(name)} lacks its 64-bit sizes") from None
    if disk:
        raise _damaged(f"{quoted(name)} lies on another disk")

    if start + _LOCAL.size > directory:
        raise _damaged(f"{quoted(name)} lies outside of it")
    local = _LOCAL.unpack_from(data, start)
    name_begins = start + _LOCAL.size
    begins = name_begins + local[9] + local[10]
    ends = begins + packed
    if local[0] != b"PK\x03\x04" or ends > directory:
        raise _damaged(f"{quoted(name)} lies outside of it")
    local_extra = data[name_begins + local[9] : begins]
    if data[name_begins : name_begins + local[9]] != raw_name or not _agree(
        local, local_extra, flags=flags, method=method, claims=(crc, packed, size)
    ):
        raise _damaged(f"its two headers for {quoted(name)} disagree")
    record = Record(
        name=name,
        mode=attributes >> 16 or (0o040000 if attributes & 0x10 and size == 0 else 0),
        is_link=_names_a_link(extras),
        encrypted=bool(flags & (_ENCRYPTED | _STRONG | _MASKED)) or method == _AES,
        method=method,
        crc=crc,
        size=size,
        begins=begins,
        ends=ends,
    )
    return record, start


def _decode(raw: bytes, flags: int, extra: bytes) -> str:
    """Decode a name: UTF-8 where the flag or an extra field says so, or where it can only be that.

    The Finder writes UTF-8 and sets no flag; reading that as code page 437 would garble every
    accent.
    """
    if not flags & _UTF8:
        unicode_path = dict(_extra_fields(extra)).get(_UNICODE_PATH, b"")
        if unicode_path[:1] == b"\x01" and unicode_path[1:5] == struct.pack("<L", zlib.crc32(raw)):
            raw = unicode_path[5:]
        return name_text(raw)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        shown = quoted(raw.decode("utf-8", "backslashreplace"))
        raise RefusedError(f"The zip says that the name {shown} is UTF-8, and it is not") from None


def _extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        yield kind, extra[at + 4 : at + 4 + size]
        at += 4 + size


def _agree(
    local: tuple[int, ...], extra: bytes, *, flags: int, method: int, claims: tuple[int, int, int]
) -> bool:
    """Tell whether a local header repeats the central one; a streaming zip tool leaves zeros."""
    local_flags, local_method = local[2:4]
    crc, packed, size = local[6:9]
    if _FULL_32 in (packed, size):
        wide = dict(_extra_fields(extra)).get(_ZIP64, b"")
        if len(wide) >= 16:
            size, packed = struct.unpack_from("<2Q", wide)
    told = (crc, packed, size)
    streamed = bool(local_flags & _DESCRIPTOR)
    return (
        local_method == method
        and (local_flags ^ flags) & (_ENCRYPTED | _UTF8) == 0
        and all(
            mine == theirs or (streamed and mine == 0)
            for mine, theirs in zip(told, claims, strict=True)
        )
    )


def _names_a_link(extras: dict[int, bytes]) -> bool:
    """Tell whether PKWARE's or ASi's Unix field carries a link's target."""
    asi = extras.get(_ASI_UNIX, b"")
    return len(extras.get(_PKWARE_UNIX, b"")) > 12 or len(asi) > 14


def _check_extents(extents: list[tuple[int, int, str]]) -> None:
    """Refuse entries that share bytes: a small zip could unpack to any size that way."""
    if extents[0][0] != 0:
        raise _foreign_data()
    last_end, last_name = 0, ""
    for starts, ends, name in extents:
        if starts < last_end:
            raise RefusedError(f"In the zip, {quoted(name)} overlaps {quoted(last_name)}")
        last_end, last_name = ends, name
