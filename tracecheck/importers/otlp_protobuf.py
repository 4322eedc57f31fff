"""OTLP protobuf in files: one request as it is, or requests one after another, each behind its length.

The Collector's file exporter writes the length as four bytes, big end first.
"""

from tracecheck.errors import DecodeError
from tracecheck.model import Span
from tracecheck.receiver.decode_protobuf import decode_protobuf
from tracecheck.receiver.decoded import Notes

_RESOURCE_SPANS_TAG = b"\x0a"


def read_protobuf(content: bytes, notes: Notes) -> list[Span] | None:
    """The spans of the file, or None when it is no such file: it must hold at least one span, kept or rejected."""
    requests = _framed(content) or ([content] if content.startswith(_RESOURCE_SPANS_TAG) else [])
    spans: list[Span] = []
    found = Notes()
    try:
        for request in requests:
            spans.extend(decode_protobuf(request, found).spans)
    except DecodeError:
        return None
    if not spans and not found.rejections:
        return None
    notes.rejections.update(found.rejections)
    notes.repairs.update(found.repairs)
    return spans


def _framed(content: bytes) -> list[bytes]:
    """The requests of a file where each stands behind its length; empty when the lengths do not add up."""
    requests = []
    position = 0
    while position < len(content):
        start = position + 4
        position = start + int.from_bytes(content[start - 4 : start], "big")
        if position > len(content) or content[start : start + 1] != _RESOURCE_SPANS_TAG:
            return []
        requests.append(content[start:position])
    return requests
