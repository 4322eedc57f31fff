"""One file to pieces: which format it is, decided by its content, and its parts as they come.

JSON is tried line by line first, so that a long recording never has to fit into memory; a document that spans lines is
read whole. The formats are the registry below: a new one is a file beside this one and a name in the tuple.
"""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from tracecheck.errors import DecodeError
from tracecheck.importers.foreign import foreign_bytes, foreign_document
from tracecheck.importers.jaeger_json import JAEGER_JSON
from tracecheck.importers.journal_segment import is_segment, read_journal_segment
from tracecheck.importers.otlp_json import OTLP_JSON, is_other_signal
from tracecheck.importers.otlp_protobuf import read_protobuf
from tracecheck.importers.piece import JsonFormat, Piece, Unrecognised
from tracecheck.importers.sources import READ_ERRORS, Source
from tracecheck.importers.zipkin_json import ZIPKIN_JSON
from tracecheck.receiver import json_values
from tracecheck.receiver.decoded import Notes

JSON_FORMATS: tuple[JsonFormat, ...] = (OTLP_JSON, JAEGER_JSON, ZIPKIN_JSON)

_BOM = b"\xef\xbb\xbf"
_MAX_UNRECOGNISED_LINES = 1000
"""Lines of no format that may stand before the first good one; a text file of another kind is given up here."""

MAX_DOCUMENT_BYTES = 1 << 30
"""Of one line, or of a document read whole, after decompression: a small file may unpack to more than fits memory."""

_EXPECTED = ", ".join([*(known.name for known in JSON_FORMATS), "OTLP protobuf", "a journal segment"])


def read_source(source: Source) -> Iterator[Piece]:
    """The pieces of one input. Raises `Unrecognised` when nothing in it is of any known format."""
    try:
        if is_segment(source.path):
            yield from read_journal_segment(source.path)
            return
        with source.open() as stream:
            yield from _read(stream)
    except READ_ERRORS as error:
        yield Piece(unreadable=f"the file cannot be read to its end: {error}")


def _read(stream: BinaryIO) -> Iterator[Piece]:
    head = stream.peek(64)[:64].removeprefix(_BOM)  # type: ignore[attr-defined]
    if head.lstrip()[:1] in (b"{", b"[") and not head.startswith(b"\n"):
        yield from _read_json(stream)
        return
    content = _whole(stream)
    notes = Notes()
    spans = read_protobuf(content, notes)
    if spans is not None:
        yield Piece(spans=spans, notes=notes)
    elif content.removeprefix(_BOM).strip():
        yield from _lines_or_document(content)
    else:
        yield Piece()


def _read_json(stream: BinaryIO) -> Iterator[Piece]:
    """Line by line when the first line is a JSON value of its own, else as one document."""
    lines = _lines(stream)
    first = next((line for line in lines if line.strip()), b"")
    try:
        json_values.load(first, Notes())
    except DecodeError:
        yield from _lines_or_document(_whole(stream, first))
    else:
        yield from _read_lines(_chained(first, lines))


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Each line; one that is too long comes in pieces, of which none is a document."""
    return iter(lambda: stream.readline(MAX_DOCUMENT_BYTES), b"")


def _whole(stream: BinaryIO, begun: bytes = b"") -> bytes:
    """All that is left of the stream behind what was read of it. Raises `Unrecognised` when that is too much."""
    content = begun + stream.read(max(MAX_DOCUMENT_BYTES - len(begun), 0) + 1)
    if len(content) > MAX_DOCUMENT_BYTES:
        raise Unrecognised(f"it unpacks to over {MAX_DOCUMENT_BYTES} bytes in one document; write it as JSON lines")
    return content


def _lines_or_document(content: bytes) -> Iterator[Piece]:
    """One document over many lines, or several of them; when the first is broken, whatever lines can be read alone."""
    documents = _parsed_several(content)
    line, first = next(documents)
    if not isinstance(first, DecodeError):
        following = list(documents)
        yield from _documents([(line, first), *following] if following else [(None, first)])
        return
    try:
        yield from _read_lines(content.splitlines())
    except Unrecognised:
        raise Unrecognised(foreign_bytes(content) or f"{first}; expected {_EXPECTED}") from None


def _parsed_several(content: bytes) -> Iterator[tuple[int, Any]]:
    """Each document with the line it begins on; a `DecodeError` stands for the first that is broken, and ends it."""
    line = 1
    try:
        for line, document in json_values.load_several(content, Notes()):
            yield line, document
    except DecodeError as error:
        yield line, error


def _chained(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _read_lines(lines: Iterable[bytes]) -> Iterator[Piece]:
    """Pieces of JSON lines. Bad lines before the first good one wait for it, so that a file without any is refused
    once and not per line."""
    waiting: list[Piece] = []
    recognised = False
    for piece in _documents(_parsed(lines)):
        recognised = recognised or piece.unreadable is None
        if recognised:
            yield from waiting
            waiting.clear()
            yield piece
        elif len(waiting) < _MAX_UNRECOGNISED_LINES:
            waiting.append(piece)
        else:
            break
    if waiting:
        raise Unrecognised(waiting[0].unreadable)


def _parsed(lines: Iterable[bytes]) -> Iterator[tuple[int, Any]]:
    """Each line that is not blank, with its number, parsed; a `DecodeError` stands for a line that does not parse."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, json_values.load(line, Notes())
            except DecodeError as error:
                yield number, error


def _documents(documents: Iterable[tuple[int | None, Any]]) -> Iterator[Piece]:
    together: dict[str, list[Any]] = {}
    for line, document in documents:
        known = next((known for known in JSON_FORMATS if known.recognises(document)), None)
        if isinstance(document, DecodeError):
            yield Piece(line=line, unreadable=str(document))
        elif known is not None and known.whole_file:
            together.setdefault(known.name, []).append(document)
        elif known is not None:
            yield _piece(known, [document], line)
        elif is_other_signal(document):
            yield Piece(line=line, skipped=True)
        else:
            reason = foreign_document(document) or f"it is JSON, and none of {_EXPECTED}"
            if line is None:
                raise Unrecognised(reason)
            yield Piece(line=line, unreadable=reason)
    for known in JSON_FORMATS:
        if known.name in together:
            yield _piece(known, together[known.name], None)


def _piece(known: JsonFormat, documents: list[Any], line: int | None) -> Piece:
    notes = Notes()
    try:
        return Piece(line=line, spans=known.read(documents, notes), notes=notes, shares_ids=known.shares_ids)
    except DecodeError as error:
        return Piece(line=line, unreadable=str(error))
