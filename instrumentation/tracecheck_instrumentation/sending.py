"""The send span: open while the message is under way, ended by the broker's answer.

The caller never waits for that answer. A send whose answer never comes is ended by `end_open_sends` at exit, without
an offset, so that it claims no more than it knows.
"""

import os

from opentelemetry import context as context_api
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from tracecheck_instrumentation import cloudevents, ids, names
from tracecheck_instrumentation.conventions import spelled
from tracecheck_instrumentation.correlation import correlation_id, identified
from tracecheck_instrumentation.handling import current_event_id
from tracecheck_instrumentation.headers import (
    clean,
    context_fields,
    event_id,
    extract,
    identifier,
    outgoing,
    read_fields,
)
from tracecheck_instrumentation.health import harmless
from tracecheck_instrumentation.messages import Endpoint, Message
from tracecheck_instrumentation.tracing import described

MAX_OPEN = 50_000
"""Sends that may wait for their acknowledgement at once; about 100 MB of spans. Beyond it a span ends when queued."""

write_correlation_header = False
"""Also write the legacy `correlation-id` header (`configure(correlation_header=True)`)."""


class Sending:
    """One message between the call and the broker's answer."""

    __slots__ = ("context", "event_id", "own_headers", "span")

    def __init__(self, span: Span, context: Context, event: str, own_headers: list[tuple[str, str]]) -> None:
        self.span = span
        self.context = context
        self.event_id = event
        self.own_headers = own_headers

    def headers(self) -> list[tuple[str, str]]:
        """Return what to add to the message: the context, and our own headers."""
        fields: dict[str, str] = {}
        propagate.inject(fields, self.context)
        return [*fields.items(), *self.own_headers]

    @harmless
    def acknowledged(self, *, partition: int | None = None, offset: int | None = None) -> None:
        """The broker has it, at this place; ends the span."""
        if not self.span.is_recording():
            return
        place: dict[str, AttributeValue] = {}
        if partition is not None and partition >= 0:
            place[names.PARTITION] = str(partition)
        if offset is not None and offset >= 0:
            place[names.OFFSET] = offset
        if place:
            self.span.set_attributes(spelled(place))
        self._end()

    @harmless
    def failed(self, error: BaseException | str) -> None:
        """It was not sent, or the broker refused it; ends the span with the error."""
        if not self.span.is_recording():
            return
        kind = type(error).__name__ if isinstance(error, BaseException) else error
        self.span.set_attribute(names.ERROR_TYPE, kind)
        self.span.set_status(Status(StatusCode.ERROR, described(error)))
        if isinstance(error, BaseException):
            self.span.record_exception(error)
        self._end()

    @harmless
    def unanswered(self) -> None:
        """No answer will come any more; ends the span without an offset."""
        self._end()

    def _end(self) -> None:
        _open.pop(id(self), None)
        self.span.end()


def start_send(tracer: Tracer, endpoint: Endpoint, message: Message) -> tuple[Sending, list[tuple[str, object]]]:
    """Open the span of one send; return it and the caller's headers cleared of whatever will be written anew.

    The current context is the cause. Without one, a context the caller put into the headers is (a relayed message);
    a stale one that a forwarded message still carries is dropped.
    """
    fields = read_fields(message.carrier)
    context = context_api.get_current()
    cause = trace.get_current_span(context).get_span_context()
    if fields and not cause.is_valid and context_fields() & fields.keys():
        carried, sender = extract(fields, onto=clean(context))
        if sender.is_valid:
            context, cause = carried, sender
    event, own = _event_id(fields)
    context, identity = identified(context, cause.trace_id, event if own else ids.new_id())

    attributes = endpoint.attributes("send")
    attributes.update(message.attributes())
    attributes.update(identity)
    attributes[message.event_id_attribute] = event
    if fields and (retry_of := identifier(fields.get(names.RETRY_OF_HEADER))):
        attributes[names.RETRY_OF] = retry_of
    span = tracer.start_span(f"send {message.destination}", context, SpanKind.PRODUCER, spelled(attributes))

    if write_correlation_header and (chosen := correlation_id(context)):
        own.append((names.CORRELATION_HEADER, chosen))
    onward = trace.set_span_in_context(span, context)
    if fields:
        own += cloudevents.extension(fields, onward)
    sending = Sending(span, onward, event, own)
    if span.is_recording():
        _remember(sending)
    if not message.carrier:
        return sending, []
    return sending, outgoing(message.carrier, context_fields().union(name for name, _ in own))


def end_open_sends() -> None:
    """End every send still without an answer (at exit, after the clients were closed)."""
    for sending in list(_open.values()):
        sending.unanswered()


def forget_open_sends() -> None:
    """Leave the parent's open sends to the parent (in a forked child)."""
    _open.clear()


_open: dict[int, Sending] = {}
"""By identity. Each step on it is a single one of the dictionary's own, so it needs no lock."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_open_sends)


def _remember(sending: Sending) -> None:
    if len(_open) < MAX_OPEN:
        _open[id(sending)] = sending
    else:
        sending.span.end()


def _event_id(fields: dict[str, str]) -> tuple[str, list[tuple[str, str]]]:
    # The id, and the header that must be written for it: none for a caller's own, which stays; a forwarded one goes.
    if fields and (given := event_id(fields)) and given != current_event_id():
        return given, []
    new = ids.new_id()
    return new, [(names.EVENT_ID_HEADER, new)]
