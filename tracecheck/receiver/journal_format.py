"""How requests lie in a journal's segment file, and how they are found again, whole, torn or damaged.

A segment is a header and records. Each record begins with the segment's own random marker, which no sender can know, so
that after damage the next sound record is found by looking for it. Lengths and bodies have checksums of their own: a
damaged body costs one record, a damaged length what lies before the next marker.
"""

import mmap
import secrets
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"TCKJRNL1"
PROTOBUF, JSON = 0, 1
"""How a body is encoded, as its record says it."""

_SEGMENT = struct.Struct("<8sQ8sI")  # magic, identity of the store, marker, checksum of these
_RECORD = struct.Struct("<8sIBI")  # marker, length and encoding of the body, its checksum
_CHECK = struct.Struct("<I")  # checksum of the record's header

FIRST_OFFSET = _SEGMENT.size
OVERHEAD = _RECORD.size + _CHECK.size


@dataclass(frozen=True, slots=True)
class Record:
    """One request, and the bytes of the segment that it takes."""

    start: int
    end: int
    encoding: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes that are no sound record. `torn`: the file merely ends within a record that was being written."""

    start: int
    end: int
    torn: bool


class ForeignSegment(ValueError):
    """The file does not begin as a segment of this store does."""


def new_marker() -> bytes:
    """Eight bytes that occur in no body but by accident."""
    return secrets.token_bytes(8)


def segment_header(identity: int, marker: bytes) -> bytes:
    """The beginning of a segment that belongs to the store of this identity."""
    header = _SEGMENT.pack(MAGIC, identity, marker, 0)[: -_CHECK.size]
    return header + _CHECK.pack(zlib.crc32(header))


def record_header(marker: bytes, body: bytes, encoding: int) -> bytes:
    """What stands before a body."""
    header = _RECORD.pack(marker, len(body), encoding, zlib.crc32(body))
    return header + _CHECK.pack(zlib.crc32(header))


def read_segment(path: Path, identity: int | None, offset: int = 0) -> Iterator[Record | Gap]:
    """Records and gaps of a segment from `offset` on, in their order; together they cover the rest of the file.

    `identity` is that of the store it must belong to, None stands for any. Raises `ForeignSegment` when the header is
    damaged, or of another store; a header cut short is a torn gap.
    """
    size = path.stat().st_size
    if size < FIRST_OFFSET:
        if size:
            yield Gap(0, size, torn=True)
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        marker = _marker_of(content, identity)
        place = max(offset, FIRST_OFFSET)
        while place < size:
            found = _record_at(content, place, marker) or _gap_at(content, place, marker)
            yield found
            place = found.end


def _marker_of(content: mmap.mmap, identity: int | None) -> bytes:
    magic, owner, marker, check = _SEGMENT.unpack_from(content)
    if magic != MAGIC or zlib.crc32(content[: _SEGMENT.size - _CHECK.size]) != check:
        raise ForeignSegment("its first bytes are damaged")
    if identity not in (None, owner):
        raise ForeignSegment("it belongs to another store; `tracecheck import` reads it into this one")
    return bytes(marker)


def _record_at(content: mmap.mmap, place: int, marker: bytes) -> Record | None:
    header = _sound_header(content, place, marker)
    if header is None:
        return None
    length, encoding, check = header
    start, end = place + OVERHEAD, place + OVERHEAD + length
    body = content[start:end]
    if len(body) < length or zlib.crc32(body) != check:
        return None
    return Record(place, end, encoding, body)


def _sound_header(content: mmap.mmap, place: int, marker: bytes) -> tuple[int, int, int] | None:
    head = content[place : place + OVERHEAD]
    if len(head) < OVERHEAD or not head.startswith(marker):
        return None
    if zlib.crc32(head[: _RECORD.size]) != _CHECK.unpack_from(head, _RECORD.size)[0]:
        return None
    _, length, encoding, check = _RECORD.unpack_from(head)
    return length, encoding, check


def _gap_at(content: mmap.mmap, place: int, marker: bytes) -> Gap:
    """The bytes up to the next sound header. A record cut by the end of the file, with nothing after it, is torn."""
    size = len(content)
    after = place + 1
    while (after := content.find(marker, after)) >= 0:
        if _sound_header(content, after, marker) is not None:
            return Gap(place, after, torn=False)
        after += 1
    header = _sound_header(content, place, marker)
    cut = place + OVERHEAD > size if header is None else place + OVERHEAD + header[0] > size
    return Gap(place, size, torn=cut or not any(content[place:]))
