"""Correlation and run ids: carried as W3C baggage, so they cross every hop with the trace context."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import baggage, trace
from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.util.types import AttributeValue

from tracecheck_instrumentation import ids, names
from tracecheck_instrumentation.headers import identifier
from tracecheck_instrumentation.scope import release


@contextmanager
def correlation(correlation_id: str | None = None) -> Iterator[str]:
    """Everything sent inside the block belongs to this correlation id (a new UUID if None), which is yielded."""
    chosen = identifier(correlation_id) or ids.new_id()
    token = context_api.attach(_with(names.CORRELATION_ID, chosen, context_api.get_current()))
    _mark_current_span(chosen)
    try:
        yield chosen
    finally:
        release(token)


def set_correlation_id(correlation_id: str) -> None:
    """Set the correlation id from here to the end of the enclosing handler, request or `correlation` block."""
    if chosen := identifier(correlation_id):
        context_api.attach(_with(names.CORRELATION_ID, chosen, context_api.get_current()))
        _mark_current_span(chosen)


def correlation_id(context: Context | None = None) -> str | None:
    """Return the correlation id in `context` (the current one if None), or None."""
    return identifier(baggage.get_baggage(names.CORRELATION_ID, context))


def run_id(context: Context | None = None) -> str | None:
    """Return the test run this context belongs to: its baggage, else `TRACECHECK_RUN_ID`, else None."""
    return identifier(baggage.get_baggage(names.RUN_ID, context)) or identifier(os.environ.get("TRACECHECK_RUN_ID"))


def identified(context: Context, trace_id: int) -> Context:
    """Return `context` with a correlation id, and with the run id if there is one.

    Where none was chosen, the trace's own id (32 hex digits) serves: all first sends of one handler then agree on it
    without anything to remember. Without a trace it is a new UUID.
    """
    if correlation_id(context) is None:
        context = _with(names.CORRELATION_ID, f"{trace_id:032x}" if trace_id else ids.new_id(), context)
    if (run := run_id(context)) and baggage.get_baggage(names.RUN_ID, context) != run:
        context = _with(names.RUN_ID, run, context)
    return context


def id_attributes(context: Context | None) -> dict[str, AttributeValue]:
    """Return the ids in `context` as attributes of a messaging span."""
    found: dict[str, AttributeValue] = {}
    if chosen := correlation_id(context):
        found[names.CORRELATION_ID] = found[names.CONVERSATION_ID] = chosen
    if run := run_id(context):
        found[names.RUN_ID] = run
    return found


def _with(key: str, value: str, context: Context) -> Context:
    return baggage.set_baggage(key, value, context)


def _mark_current_span(correlation_id: str) -> None:
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attribute(names.CORRELATION_ID, correlation_id)
