"""What decoding a request yields, whatever its encoding: spans, and what had to be refused or repaired on the way."""

from collections import Counter
from dataclasses import dataclass, field

from tracecheck.model import Attributes, AttributeValue, Span, SpanKind, StatusCode

MAX_VALUE_DEPTH = 32
"""How deep attribute values may nest. protobuf itself stops at 100 messages, which is 47 arrays; nobody means that."""


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
        raise Refused("the trace id is not 16 bytes, or all zero")
    return raw.hex()


def span_id_of(raw: bytes) -> str:
    """Hex text of a span id; raises `Refused` unless it is 8 bytes and not zero (OTLP `Span.span_id`)."""
    if len(raw) != 8 or not any(raw):
        raise Refused("the span id is not 8 bytes, or all zero")
    return raw.hex()


def parent_id_of(raw: bytes, notes: Notes) -> str | None:
    """Hex text of a parent id; empty or zero is no parent, any other length is dropped and counted."""
    if len(raw) == 8:
        return raw.hex() if any(raw) else None
    if raw:
        notes.repair("a parent span id that is not 8 bytes was dropped")
    return None


_KINDS = {kind.value: kind for kind in SpanKind}
_STATUSES = {status.value: status for status in StatusCode}


def kind_of(number: int, notes: Notes) -> SpanKind:
    """The span kind; a number this release does not know is kept as unspecified and counted (proto3 enums are open)."""
    kind = _KINDS.get(number)
    if kind is None:
        notes.repair("an unknown span kind was read as unspecified")
        return SpanKind.UNSPECIFIED
    return kind


def status_of(number: int, notes: Notes) -> StatusCode:
    """The status code; a number this release does not know is kept as unset and counted (proto3 enums are open)."""
    status = _STATUSES.get(number)
    if status is None:
        notes.repair("an unknown status code was read as unset")
        return StatusCode.UNSET
    return status


def attributes_of(pairs: list[tuple[str, AttributeValue]], notes: Notes) -> Attributes:
    """Attributes by key; of a repeated key the last value is kept."""
    attributes = dict(pairs)
    note_repeated_keys(len(pairs) - len(attributes), notes)
    return attributes


def note_repeated_keys(count: int, notes: Notes) -> None:
    """OTLP leaves repeated keys undefined: the last one wins, and the others are counted."""
    notes.repair("a repeated attribute key: the last value was kept", count)
