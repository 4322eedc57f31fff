"""What decoding a request yields, whatever its encoding: spans, and what had to be refused or repaired on the way."""

from collections import Counter
from dataclasses import dataclass, field

from tracecheck.model import Attributes, AttributeValue, Span, SpanKind, StatusCode

MAX_VALUE_DEPTH = 32
"""How deep attribute values may nest. protobuf itself stops at 100 messages, which is 47 arrays; nobody means that."""


NO_REQUEST = "the body is no OTLP trace request: it is damaged, or nests too deeply"
TOO_DEEP = f"an attribute value nests deeper than {MAX_VALUE_DEPTH} levels"

# Why a span is left out, and what is repaired inside one.
BAD_TRACE_ID = "the trace id is not 16 bytes, or all zero"
BAD_SPAN_ID = "the span id is not 8 bytes, or all zero"
BAD_UTF8 = "text that is not UTF-8 got U+FFFD in place of the bad bytes"
BAD_PARENT = "a parent span id that is not 8 bytes was dropped"
BAD_LINK = "a link with an invalid id was dropped"
BAD_KIND = "an unknown span kind was read as unspecified"
BAD_STATUS = "an unknown status code was read as unset"
KEY_BY_INDEX = "an attribute whose key is only a string table index was dropped"
VALUE_BY_INDEX = "a value that is only a string table index was read as empty"
REPEATED_KEY = "a repeated attribute key: the last value was kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """The spans of one request. `rejected` counts spans that were left out, `repaired` counts repairs inside the kept
    ones, `reasons` says both in short aggregated sentences, never one per span."""

    spans: tuple[Span, ...]
    rejected: int = 0
    repaired: int = 0
    reasons: tuple[str, ...] = ()


class Refused(Exception):
    """One span, or a part of it, cannot be kept. Never leaves a decoder."""


@dataclass(slots=True)
class Notes:
    """Counts what a decoder refuses and repairs in one request."""

    rejections: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)

    def reject(self, reason: str, count: int = 1) -> None:
        """Counts spans that are left out."""
        if count:
            self.rejections[reason] += count

    def repair(self, reason: str, count: int = 1) -> None:
        """Counts repairs inside what is kept."""
        if count:
            self.repairs[reason] += count

    def decoded(self, spans: list[Span]) -> Decoded:
        """The result: these spans and all that was counted."""
        return Decoded(
            spans=tuple(spans),
            rejected=self.rejections.total(),
            repaired=self.repairs.total(),
            reasons=tuple(
                [f"{count} rejected: {reason}" for reason, count in self.rejections.items()]
                + [f"{count} repaired: {reason}" for reason, count in self.repairs.items()]
            ),
        )


def trace_id_of(raw: bytes) -> str:
    """Hex text of a trace id; raises `Refused` unless it is 16 bytes and not zero (OTLP `Span.trace_id`)."""
    if len(raw) != 16 or not any(raw):
        raise Refused(BAD_TRACE_ID)
    return raw.hex()


def span_id_of(raw: bytes) -> str:
    """Hex text of a span id; raises `Refused` unless it is 8 bytes and not zero (OTLP `Span.span_id`)."""
    if len(raw) != 8 or not any(raw):
        raise Refused(BAD_SPAN_ID)
    return raw.hex()


def parent_id_of(raw: bytes, notes: Notes) -> str | None:
    """Hex text of a parent id; empty or zero is no parent, any other length is dropped and counted."""
    if len(raw) == 8:
        return raw.hex() if any(raw) else None
    if raw:
        notes.repair(BAD_PARENT)
    return None


_KINDS = {kind.value: kind for kind in SpanKind}
_STATUSES = {status.value: status for status in StatusCode}


def kind_of(number: int, notes: Notes) -> SpanKind:
    """The span kind; a number this release does not know is kept as unspecified and counted (proto3 enums are open)."""
    kind = _KINDS.get(number)
    if kind is None:
        notes.repair(BAD_KIND)
        return SpanKind.UNSPECIFIED
    return kind


def status_of(number: int, notes: Notes) -> StatusCode:
    """The status code; a number this release does not know is kept as unset and counted (proto3 enums are open)."""
    status = _STATUSES.get(number)
    if status is None:
        notes.repair(BAD_STATUS)
        return StatusCode.UNSET
    return status


def attributes_of(pairs: list[tuple[str, AttributeValue]], notes: Notes) -> Attributes:
    """Attributes by key; of a repeated key the last value is kept."""
    attributes = dict(pairs)
    note_repeated_keys(len(pairs) - len(attributes), notes)
    return attributes


def note_repeated_keys(count: int, notes: Notes) -> None:
    """OTLP leaves repeated keys undefined: the last one wins, and the others are counted."""
    notes.repair(REPEATED_KEY, count)
