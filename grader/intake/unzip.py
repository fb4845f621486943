"""Unpacks a zip wholly in memory: nothing is written anywhere, and no header is believed."""

from __future__ import annotations

import stat
import zlib

from grader.intake.entry_path import check_parts, separator_of, split_path
from grader.intake.left_out import LeftOut
from grader.intake.rejection import RefusedError
from grader.intake.shown import quoted
from grader.intake.tree import Tree
from grader.intake.zip_records import Record, read_records
from grader.lab import IntakeLimits
from grader.model import Finding

_STORED, _DEFLATED = 0, 8
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def unzip(data: bytes, limits: IntakeLimits) -> tuple[Tree, tuple[Finding, ...]]:
    """Unpack a zip.

    Parameters
    ----------
    data : bytes
        The archive.
    limits : IntakeLimits
        Counted while unpacking; a file whose own header already claims too much is not unpacked.

    Returns
    -------
    tree : Tree
        What is in it, without what people zip along by mistake.
    findings : tuple of Finding
        What was left out, and other remarks.

    Raises
    ------
    RefusedError
        If anything in it is not as it should be.
    """
    records = read_records(data)
    separator = separator_of(record.name for record in records)
    entries = [(split_path(record.name, separator), record) for record in records]
    left_out = LeftOut(parts for parts, _ in entries)
    tree = Tree(limits)
    for parts, record in entries:
        if not parts:  # "./", the archive's own root
            continue
        kept = left_out.drops(parts)
        if kept is not None:
            check_parts(parts[:kept])
            tree.add_folder(parts[:kept])
            continue
        check_parts(parts)
        if _is_folder(record, separator):
            tree.add_folder(parts)
        elif record.size > tree.largest_file and not parts[-1].casefold().endswith(".py"):
            # A header that claims too much may be believed: to the student's cost it can't lie.
            left_out.note("too-large", "/".join(parts))
            tree.add_folder(parts[:-1])
        else:
            tree.add_file(parts, _unpack(data, record, tree))
    findings = left_out.findings()
    if separator == "\\":
        findings += (
            Finding(
                id="backslashes",
                costs=None,
                message="The zip separates folders by \\; it was read as /, which costs nothing.",
            ),
        )
    return tree, findings


def _is_folder(record: Record, separator: str) -> bool:
    """Tell a folder from a file, by name and by mode; refuse everything else.

    Zip tools need not give a type (Python's `writestr` gives none), so bad types are refused
    rather than good ones demanded.
    """
    kind = stat.S_IFMT(record.mode)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or record.is_link:
        what = _KINDS.get(kind, "a link" if record.is_link else "of an unknown kind")
        raise RefusedError(
            f"{quoted(record.name)} is {what}", "hand in plain files and folders only"
        )
    folder = record.name.endswith(separator) or kind == stat.S_IFDIR
    # A folder on a group's drive may well carry the set-group bit.
    if record.mode & (stat.S_ISUID | (0 if folder else stat.S_ISGID)):
        raise RefusedError(
            f"{quoted(record.name)} is set to run as another user", "hand in plain files only"
        )
    if folder and record.size:
        raise RefusedError(f"{quoted(record.name)} is a folder that has contents like a file")
    return folder


def _unpack(data: bytes, record: Record, tree: Tree) -> bytes:
    """Return one file's content, never unpacking more than there is room for."""
    if record.encrypted:
        raise RefusedError(f"{quoted(record.name)} needs a password", "zip without a password")
    room = tree.room
    packed = memoryview(data)[record.begins : record.ends]
    if record.method == _STORED:
        content = bytes(packed[: room + 1])
        whole = len(content) == len(packed)
    elif record.method == _DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflater.decompress(packed, room + 1)
        except zlib.error:
            raise _damaged(record, "its packed data make no sense") from None
        whole = inflater.eof and not inflater.unused_data
    else:
        raise RefusedError(
            f"{quoted(record.name)} is packed by method {record.method}, which is not read here",
            "zip with your system's own tool or with grader pack",
        )
    if len(content) > room:
        raise tree.too_large(record.name)
    if len(content) != record.size:
        raise _damaged(record, f"it says {record.size} bytes and has {len(content)}")
    if not whole:
        raise _damaged(record, "its packed data are cut off or followed by others")
    if zlib.crc32(content) != record.crc:
        raise _damaged(record, "its checksum is wrong")
    return content


def _damaged(record: Record, how: str) -> RefusedError:
    return RefusedError(
        f"{quoted(record.name)} is damaged in the zip: {how}", "zip the folder and upload it again"
    )
