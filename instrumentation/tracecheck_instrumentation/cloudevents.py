"""CloudEvents' distributed tracing extension: `traceparent` and `tracestate` as attributes of the event itself.

The extension says where an event's way started; the context of each hop is in the message's own headers. So what an
event carries is never replaced, it is written only where the event has none, and it is read only where the message
has no `traceparent`. In binary mode that happens by itself, for Kafka (`ce_`) and AMQP (`cloudEvents:`, or
`cloudEvents_` where the event is written so). Events in structured mode are for the two functions here.
"""

from collections.abc import Mapping
from typing import Any

from opentelemetry import propagate
from opentelemetry.context import Context

from tracecheck_instrumentation import names

_TRACE_FIELDS = ("traceparent", "tracestate")
PREFIXES = tuple(name.removesuffix("id") for name in names.CLOUD_EVENT_ID_HEADERS)
"""What a binding puts before an attribute's name to make it a header's."""
EXTENSION_HEADERS = frozenset(prefix + field for prefix in PREFIXES for field in _TRACE_FIELDS)


def with_trace_context(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a structured event with the current trace context, unless it carries one already."""
    return {**event, **({} if "traceparent" in event else _written(None))}


def trace_context(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the trace context of a structured event, for `restore()` and `join()`; empty if it carries none."""
    if not isinstance(event.get("traceparent"), str):
        return {}
    return {field: event[field] for field in _TRACE_FIELDS if isinstance(event.get(field), str)}


def adopt(fields: dict[str, str]) -> None:
    """Let the extension stand in for the message's own trace context, in header fields by lower-case name."""
    if not fields or "traceparent" in fields:
        return
    for prefix in PREFIXES:
        if parent := fields.get(f"{prefix}traceparent".lower()):
            fields["traceparent"] = parent
            # A state belongs to the parent it came with.
            fields["tracestate"] = fields.get(f"{prefix}tracestate".lower(), "")
            return


def extension(fields: Mapping[str, str], context: Context) -> list[tuple[str, str]]:
    """Return the headers that give an event in binary mode its trace context; none if it is no event or has one."""
    if not fields:
        return []
    prefix = next((each for each in PREFIXES if f"{each}id".lower() in fields), None)
    if prefix is None or f"{prefix}traceparent".lower() in fields:
        return []
    return [(prefix + field, value) for field, value in _written(context).items()]


def _written(context: Context | None) -> dict[str, str]:
    fields: dict[str, str] = {}
    propagate.inject(fields, context)
    return {field: fields[field] for field in _TRACE_FIELDS if field in fields}
