"""Correlation and run ids: carried as W3C baggage, so they cross every hop with the trace context."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import baggage, trace
from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.util.types import AttributeValue

from tracecheck_instrumentation import conventions, ids, names
from tracecheck_instrumentation.headers import identifier
from tracecheck_instrumentation.scope import release


@contextmanager
def correlation(correlation_id: str | None = None) -> Iterator[str]:
    """Everything sent inside the block belongs to this correlation id (a new UUID if None), which is yielded."""
    chosen = identifier(correlation_id) or ids.new_id()
    token = context_api.attach(with_correlation_id(chosen, context_api.get_current()))
    _mark_current_span(chosen)
    try:
        yield chosen
    finally:
        release(token)


def set_correlation_id(correlation_id: str) -> None:
    """Set the correlation id from here to the end of the enclosing handler, request or `correlation` block."""
    if chosen := identifier(correlation_id):
        context_api.attach(with_correlation_id(chosen, context_api.get_current()))
        _mark_current_span(chosen)


def with_correlation_id(correlation_id: str, context: Context) -> Context:
    """Return `context` with this correlation id."""
    return baggage.set_baggage(names.CORRELATION_ID, correlation_id, context)


def correlation_id(context: Context | None = None) -> str | None:
    """Return the correlation id in `context` (the current one if None), or None."""
    return identifier(baggage.get_baggage(names.CORRELATION_ID, context))


def run_id(context: Context | None = None) -> str | None:
    """Return the test run this context belongs to: its baggage, else `TRACECHECK_RUN_ID`, else None."""
    return identifier(baggage.get_baggage(names.RUN_ID, context)) or conventions.run_id()


def identified(context: Context, trace_id: int, event_id: str) -> tuple[Context, dict[str, AttributeValue]]:
    """Return `context` with a correlation id, with the run id if there is one, and both as attributes.

    Where none was chosen, the trace's own id (32 hex digits) serves: all first sends of one handler then agree on it
    without anything to remember. Without a trace it is `event_id`, the new id of the event that begins it all.
    """
    found = id_attributes(context)
    if names.CORRELATION_ID not in found:
        chosen = f"{trace_id:032x}" if trace_id else event_id
        found[names.CORRELATION_ID] = found[names.CONVERSATION_ID] = chosen
        context = with_correlation_id(chosen, context)
    if (run := found.get(names.RUN_ID)) and run != baggage.get_baggage(names.RUN_ID, context):
        context = baggage.set_baggage(names.RUN_ID, run, context)
    return context, found


def id_attributes(context: Context | None) -> dict[str, AttributeValue]:
    """Return the ids in `context` as attributes of a messaging span."""
    carried = baggage.get_all(context)
    found: dict[str, AttributeValue] = {}
    if names.CORRELATION_ID in carried and (chosen := identifier(carried[names.CORRELATION_ID])):
        found[names.CORRELATION_ID] = found[names.CONVERSATION_ID] = chosen
    if run := (names.RUN_ID in carried and identifier(carried[names.RUN_ID])) or conventions.run_id():
        found[names.RUN_ID] = run
    return found


def _mark_current_span(correlation_id: str) -> None:
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attribute(names.CORRELATION_ID, correlation_id)
