"""Unpacks one entry of a large zip part by part, and believes nothing that its header says."""

from __future__ import annotations

import stat
import zlib
from collections.abc import Iterator

from grader.intake.rejection import RefusedError
from grader.intake.shown import quoted
from grader.intake.zip_records import Record, Zip

STORED, DEFLATED = 0, 8
_PART = 1 << 20


def is_plain_file(record: Record) -> bool:
    """Tell whether an entry is a file, and no folder, link, device or the like."""
    kind = stat.S_IFMT(record.mode)
    return kind in (0, stat.S_IFREG) and not record.is_link and record.name[-1:] not in ("/", "\\")


def unpacked_parts(data: Zip, record: Record) -> Iterator[bytes]:
    """Yield an entry's content, a MiB or so at a time and never more than its header says.

    Raises
    ------
    RefusedError
        If it is locked, packed by another method, or not what its header says.
    """
    if record.encrypted:
        raise RefusedError(f"{quoted(record.name)} needs a password")
    if record.method not in (STORED, DEFLATED):
        raise RefusedError(f"{quoted(record.name)} is packed by method {record.method}")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS) if record.method == DEFLATED else None
    seen, checksum = 0, 0
    for part in _parts(data, record, inflater):
        seen += len(part)
        if seen > record.size:
            break
        checksum = zlib.crc32(part, checksum)
        yield part
    whole = inflater is None or (inflater.eof and not inflater.unused_data)
    if not whole or seen != record.size or checksum != record.crc:
        raise RefusedError(f"{quoted(record.name)} is damaged in the zip")


def _parts(data: Zip, record: Record, inflater: zlib._Decompress | None) -> Iterator[bytes]:
    for begins in range(record.begins, record.ends, _PART):
        packed = data[begins : min(begins + _PART, record.ends)]
        if inflater is None:
            yield packed
            continue
        while packed:
            try:
                part = inflater.decompress(packed, _PART)
            except zlib.error:
                raise RefusedError(f"{quoted(record.name)} is damaged in the zip") from None
            packed = inflater.unconsumed_tail
            if part:
                yield part
            if inflater.eof:
                break
    if inflater is not None and not inflater.eof:
        # What is left in its window, when the input ends at a part's very end.
        while part := inflater.decompress(inflater.unconsumed_tail, _PART):
            yield part
