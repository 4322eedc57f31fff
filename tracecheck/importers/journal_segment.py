"""Segments of a receiver's journal: what was acknowledged, and never came into a store that is lost or another by now.

Whichever store they belonged to: a span that is stored already is dropped as any repeat is.
"""

from collections.abc import Iterator
from pathlib import Path

from tracecheck.errors import DecodeError
from tracecheck.importers.piece import Piece, Unrecognised
from tracecheck.receiver.decode_json import decode_document
from tracecheck.receiver.decode_protobuf import decode_protobuf
from tracecheck.receiver.decoded import Notes
from tracecheck.receiver.journal_format import JSON, MAGIC, ForeignSegment, Gap, Record, read_segment
from tracecheck.receiver.json_values import load_object


def is_segment(path: Path) -> bool:
    """Whether the file begins as a segment does."""
    with path.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


def read_journal_segment(path: Path) -> Iterator[Piece]:
    """One piece per request, and one per damaged place. A record that was being written at the end is no loss: it was
    not acknowledged. Raises `Unrecognised` when the beginning is damaged."""
    try:
        for found in read_segment(path, None):
            if isinstance(found, Record):
                yield _piece(found)
            elif not found.torn:
                yield Piece(unreadable=_said(found))
    except ForeignSegment as error:
        raise Unrecognised(f"a journal segment, and {error}") from error


def _piece(record: Record) -> Piece:
    notes = Notes()
    try:
        if record.encoding == JSON:
            return Piece(spans=decode_document(load_object(record.body, notes), notes).spans, notes=notes)
        return Piece(spans=decode_protobuf(record.body, notes).spans, notes=notes)
    except DecodeError as error:
        return Piece(unreadable=f"the request at byte {record.start} is not understood: {error}")


def _said(gap: Gap) -> str:
    return f"bytes {gap.start} to {gap.end} of the journal are damaged; acknowledged spans may be lost"
