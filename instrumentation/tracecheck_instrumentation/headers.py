"""Context in message headers: read what is sound, write each name once.

A carrier is what a client hands over: a list of `(name, bytes)` pairs (Kafka) or a mapping (AMQP). Headers come from
strangers, so a name or value that cannot be what it claims is counted in `health()` and treated as absent.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry import baggage, propagate, trace
from opentelemetry.context import Context

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
    known = context_fields()
    fields: dict[str, str] = {}
    pairs = carrier.items() if isinstance(carrier, Mapping) else carrier
    for pair in pairs:
        try:
            name, value = pair
        except (TypeError, ValueError):
            ignored("header_malformed")
            continue
        if not isinstance(name, str) or value is None:
            continue
        lower = name.lower()
        if lower not in known and lower not in _OWN_LOWER:
            continue
        text = _text(value)
        if text is None:
            continue
        if lower in fields:
            ignored("header_repeated")
        fields[lower] = text
    cloudevents.adopt(fields)
    return fields


def extract(fields: Mapping[str, str], onto: Context) -> Context:
    """Return `onto` with the trace context and baggage of `fields` (from `read_fields`)."""
    return propagate.extract(fields, context=onto)


def event_id(fields: Mapping[str, str]) -> str | None:
    """Return the event id a message carries: our header, else the CloudEvents `id`."""
    for name in (names.EVENT_ID_HEADER, *names.CLOUD_EVENT_ID_HEADERS):
        if found := identifier(fields.get(name.lower())):
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
    propagator = propagate.get_global_textmap()
    known = _fields_of.get(id(propagator))
    if known is None or known[0] is not propagator:
        _fields_of.clear()
        known = _fields_of[id(propagator)] = (propagator, frozenset(f.lower() for f in propagator.fields))
    return known[1]


def clean(context: Context) -> Context:
    """Return `context` without its span and baggage: what a message brings must not mix with what was there."""
    return trace.set_span_in_context(trace.INVALID_SPAN, baggage.clear(context)) if context else context


_OWN_LOWER = frozenset(name.lower() for name in OWN_FIELDS | cloudevents.EXTENSION_HEADERS)
_fields_of: dict[int, tuple[Any, frozenset[str]]] = {}


def _text(value: object) -> str | None:
    if isinstance(value, BYTES):
        raw = bytes(value)
        if len(raw) > MAX_FIELD_BYTES:
            ignored("header_oversized")
            return None
        try:
            return raw.decode()
        except UnicodeDecodeError:
            ignored("header_malformed")
            return None
    if isinstance(value, str):
        if len(value) > MAX_FIELD_BYTES:
            ignored("header_oversized")
            return None
        return value
    ignored("header_malformed")
    return None


def _is_named(pair: object, gone: frozenset[str]) -> bool:
    return isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], str) and pair[0].lower() in gone
