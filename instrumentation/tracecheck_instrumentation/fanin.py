"""Marks a handler makes while it works: all the causes it waited for, and the effects it applied."""

from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext
from opentelemetry.util.types import AttributeValue

from tracecheck_instrumentation import names
from tracecheck_instrumentation.adapters import delivery_of
from tracecheck_instrumentation.handling import message_link
from tracecheck_instrumentation.health import harmless
from tracecheck_instrumentation.scope import context_of


@harmless
def join(*causes: object) -> None:
    """Link the current span to everything that had to happen before it, so that a fan-in keeps all its causes.

    A cause is what `capture()` returned earlier (a mapping), a record, a `Context`, a `Span` or a `SpanContext`. Call
    it in the handler that found the last missing event, before it sends on. Causes that carry no context are skipped.
    """
    span = trace.get_current_span()
    own = span.get_span_context()
    for cause in causes:
        linked, attributes = _cause(cause)
        if linked.is_valid and linked.span_id != own.span_id:
            span.add_link(linked, attributes)


@harmless
def effect(key: str, **attributes: AttributeValue) -> None:
    """Mark on the current span that the effect named `key` was applied; twice under one key is a duplicate effect."""
    trace.get_current_span().add_event(names.EFFECT_EVENT, {names.EFFECT_KEY: key, **attributes})


def _cause(cause: object) -> tuple[SpanContext, Mapping[str, AttributeValue] | None]:
    if isinstance(cause, SpanContext):
        return cause, None
    if isinstance(cause, Span):
        return cause.get_span_context(), None
    if isinstance(cause, Context):
        return trace.get_current_span(cause).get_span_context(), None
    if isinstance(cause, Mapping):
        return trace.get_current_span(context_of(cause)).get_span_context(), None
    if (delivery := delivery_of(cause)) and (link := message_link(delivery[1])):
        return link.context, link.attributes
    return trace.INVALID_SPAN_CONTEXT, None
