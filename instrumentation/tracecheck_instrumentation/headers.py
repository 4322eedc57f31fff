"""Context in message headers: read what is sound, write each name once.

A carrier is what a client hands over: a list of `(name, bytes)` pairs (Kafka) or a mapping (AMQP). Headers come from
strangers, so a name or value that cannot be what it claims is counted in `health()` and treated as absent.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry import baggage, propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import SpanContext

from tracecheck_instrumentation import cloudevents, names
from tracecheck_instrumentation.health import ignored

MAX_FIELD_BYTES = 8192
"""A `baggage` header may be this long (W3C baggage, limits); nothing we read may be longer."""
MAX_ID_LENGTH = 256
"""Longest correlation, event or run id accepted. A UUID has 36 characters."""

OWN_FIELDS = frozenset(
    {names.EVENT_ID_HEADER, names.RETRY_OF_HEADER, names.CORRELATION_HEADER, *names.CLOUD_EVENT_ID_HEADERS}
)

BYTES = (bytes, bytearray, memoryview)  # as a union it would be made anew for each header

Carrier = Iterable[tuple[Any, Any]] | Mapping[Any, Any] | None


def read_fields(carrier: Carrier) -> dict[str, str]:
    """Return the headers that concern us, by lower-case name.

    A name that comes twice counts with its last value. For HTTP the recommendation begins a new trace instead, since
    nobody can tell which is true; of message headers one can: forwarded ones are appended to, so the newest is last.
    A CloudEvent's trace context stands in where the message has none.
    """
    if not carrier:
        return {}
    known = _names()[2]
    fields: dict[str, str] = {}
    pairs = carrier.items() if isinstance(carrier, Mapping) else carrier
    for pair in pairs:
        try:
            name, value = pair
        except (TypeError, ValueError):
            ignored("header_malformed")
            continue
        if value is None or not isinstance(name, str) or (lower := name.lower()) not in known:
            continue
        if (text := _text(value)) is None:
            continue
        if lower in fields:
            ignored("header_repeated")
        fields[lower] = text
    if "traceparent" not in fields:
        cloudevents.adopt(fields)
    return fields


def extract(fields: Mapping[str, str], onto: Context) -> tuple[Context, SpanContext]:
    """Return `onto` (without a span) with the trace context and baggage of `fields`, and the sender's span alone.

    `fields` are from `read_fields`. A `traceparent` that is not valid is counted; the sender's span is invalid then.
    """
    context = propagate.extract(fields, onto, _FIELDS)
    sender = trace.get_current_span(context).get_span_context()
    if not sender.is_valid and "traceparent" in fields:
        ignored("header_malformed")
    return context, sender


def event_id(fields: Mapping[str, str]) -> str | None:
    """Return the event id a message carries: our header, else the CloudEvents `id`."""
    for name in _EVENT_ID_FIELDS:
        if name in fields and (found := identifier(fields[name])):
            return found
    return None


def identifier(value: object) -> str | None:
    """Return `value` if it can serve as an id (1-256 printable characters), else None."""
    if not isinstance(value, str) or not value:
        return None
    if len(value) > MAX_ID_LENGTH:
        ignored("header_oversized")
        return None
    if not value.isprintable():
        ignored("header_malformed")
        return None
    return value


def outgoing(carrier: Carrier, replaced: Iterable[str]) -> list[tuple[Any, Any]]:
    """Return the caller's headers as a fresh list without those named in `replaced` (lower case)."""
    if not carrier:
        return []
    gone = frozenset(replaced)
    pairs: Sequence[Any] = list(carrier.items() if isinstance(carrier, Mapping) else carrier)
    return [pair for pair in pairs if not _is_named(pair, gone)]


def context_fields() -> frozenset[str]:
    """Return the lower-case header names the configured propagators write (`OTEL_PROPAGATORS`)."""
    return _names()[1]


def clean(context: Context) -> Context:
    """Return `context` without its span and baggage: what a message brings must not mix with what was there."""
    return trace.set_span_in_context(trace.INVALID_SPAN, baggage.clear(context)) if context else context


class _Fields(Getter[Mapping[str, str]]):
    """How propagators read what `read_fields` returned; their own way also reads lists, which costs twice as much."""

    def get(self, carrier: Mapping[str, str], key: str) -> list[str] | None:
        return None if (value := carrier.get(key)) is None else [value]

    def keys(self, carrier: Mapping[str, str]) -> list[str]:
        return list(carrier)


_FIELDS = _Fields()
_EVENT_ID_FIELDS = tuple(name.lower() for name in (names.EVENT_ID_HEADER, *names.CLOUD_EVENT_ID_HEADERS))
_OWN_LOWER = frozenset(name.lower() for name in OWN_FIELDS | cloudevents.EXTENSION_HEADERS)


def _names() -> tuple[Any, frozenset[str], frozenset[str]]:
    # The propagator in use, the names it writes, and all names that are read.
    global _known
    propagator = propagate.get_global_textmap()
    if _known[0] is not propagator:
        written = frozenset(field.lower() for field in propagator.fields)
        _known = propagator, written, written | _OWN_LOWER
    return _known


_known: tuple[Any, frozenset[str], frozenset[str]] = (None, frozenset(), frozenset())


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        if not isinstance(value, BYTES):
            ignored("header_malformed")
            return None
        value = bytes(value)
    if len(value) > MAX_FIELD_BYTES:
        ignored("header_oversized")
        return None
    try:
        return value if isinstance(value, str) else value.decode()
    except UnicodeDecodeError:
        ignored("header_malformed")
        return None


def _is_named(pair: object, gone: frozenset[str]) -> bool:
    return isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], str) and pair[0].lower() in gone
