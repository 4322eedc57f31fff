"""The process span: open exactly while a service works on a message, with the message's context current inside.

Waiting for the next message is not part of it. An error that leaves the handler is recorded and passed on.
"""

from collections.abc import Sequence
from contextvars import Token
from types import TracebackType

from opentelemetry import baggage, trace
from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanContext, SpanKind, Status, StatusCode

from tracecheck_instrumentation import attempts, conventions, names
from tracecheck_instrumentation.conventions import spelled
from tracecheck_instrumentation.correlation import correlation_id, id_attributes
from tracecheck_instrumentation.headers import clean, event_id, extract, identifier, read_fields
from tracecheck_instrumentation.health import harmless
from tracecheck_instrumentation.messages import Endpoint, Message
from tracecheck_instrumentation.scope import release
from tracecheck_instrumentation.tracing import described, tracer

_HANDLED = context_api.create_key("tracecheck-handled")
"""The message being handled, and its event id."""


class Handling:
    """A message (or a batch) being worked on. `with` yields the span; `begin` and `end` serve loops."""

    __slots__ = ("_endpoint", "_messages", "_nested", "_span", "_token")

    def __init__(self, endpoint: Endpoint | None, messages: Sequence[Message]) -> None:
        self._endpoint = endpoint
        self._messages = messages
        self._nested = False
        self._span: Span = INVALID_SPAN
        self._token: Token[Context] | None = None

    def __enter__(self) -> Span:
        self.begin()
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end(error)

    @harmless
    def begin(self) -> None:
        """Open the span and make the message's context current. Inside a span for the same message that one serves."""
        if self._endpoint is None or not self._messages:
            return
        if len(self._messages) == 1 and _is_being_handled(self._messages[0]):
            self._nested = True
            self._span = trace.get_current_span()
            return
        if len(self._messages) == 1:
            self._span, context = _start_one(self._endpoint, self._messages[0])
        else:
            self._span, context = _start_batch(self._endpoint, self._messages)
        self._token = context_api.attach(context)

    @harmless
    def end(self, error: BaseException | str | None = None) -> None:
        """Close the span, with `error` if the handler left by one; the earlier context is current again."""
        if error is not None and not isinstance(error, GeneratorExit) and self._span.is_recording():
            self._span.set_attribute(names.ERROR_TYPE, type(error).__name__ if not isinstance(error, str) else "_OTHER")
            self._span.set_status(Status(StatusCode.ERROR, described(error)))
            if isinstance(error, BaseException):
                self._span.record_exception(error)
        if not self._nested:
            self._span.end()
        if self._token is not None:
            release(self._token)
            self._token = None


def current_event_id() -> str | None:
    """Return the event id of the message being handled, if it has one."""
    handled = context_api.get_value(_HANDLED)
    return handled[1] if isinstance(handled, tuple) else None


def message_context(message: Message) -> tuple[Context, SpanContext, dict[str, str]]:
    """Return the context a message carries, its sender's span alone, and its header fields.

    A legacy correlation header fills in for baggage.
    """
    fields = read_fields(message.carrier)
    context, sender = extract(fields, onto=clean(context_api.get_current()))
    legacy = names.CORRELATION_HEADER in fields and identifier(fields[names.CORRELATION_HEADER])
    if legacy and correlation_id(context) is None:
        context = baggage.set_baggage(names.CORRELATION_ID, legacy, context)
    return context, sender, fields


def message_link(message: Message) -> Link | None:
    """Return a link to the cause of `message` that carries its identity; None if it carries no context."""
    _, sender, fields = message_context(message)
    return _link(message, sender, fields)


def _link(message: Message, cause: SpanContext, fields: dict[str, str]) -> Link | None:
    if not cause.is_valid:
        return None
    attributes = message.identity()
    if found := event_id(fields):
        attributes[message.event_id_attribute] = found
    return Link(cause, spelled(attributes))


def _start_one(endpoint: Endpoint, message: Message) -> tuple[Span, Context]:
    context, cause, fields = message_context(message)
    around = trace.get_current_span() if context_api.get_current() else INVALID_SPAN
    # Conventions: the message's context may be the parent of a single message, and is then linked as well; an ambient
    # span that had to give way becomes a link. Without a message context the ambient span stays the parent.
    # Asked for links only, the message's context is linked and no more.
    links, parent = [], context
    if cause.is_valid:
        links.append(Link(cause))
    if not cause.is_valid or conventions.link_only():
        parent = trace.set_span_in_context(around, context)
    elif (ambient := around.get_span_context()).is_valid:
        links.append(Link(ambient))

    attributes = endpoint.attributes("process")
    attributes.update(message.attributes())
    attributes.update(id_attributes(context))
    if found := event_id(fields):
        attributes[message.event_id_attribute] = found
    if message.time_unix_nano is not None:
        attributes[names.RECORD_TIME_UNIX_NANO] = message.time_unix_nano
    if names.RETRY_OF_HEADER in fields and (retry_of := identifier(fields[names.RETRY_OF_HEADER])):
        attributes[names.RETRY_OF] = retry_of
    attributes[names.ATTEMPT] = max(message.delivered_before + 1, _attempt(endpoint, message, found))
    span = tracer().start_span(f"process {message.destination}", parent, SpanKind.CONSUMER, spelled(attributes), links)
    return span, context_api.set_value(_HANDLED, (message, found), trace.set_span_in_context(span, context))


def _start_batch(endpoint: Endpoint, messages: Sequence[Message]) -> tuple[Span, Context]:
    brought = [message_context(message) for message in messages]
    linked = (_link(message, sender, fields) for message, (_, sender, fields) in zip(messages, brought, strict=True))
    links = [link for link in linked if link is not None]
    attributes = endpoint.attributes("process")
    attributes[names.BATCH_COUNT] = len(messages)
    destinations = {message.destination for message in messages}
    if len(destinations) == 1:
        attributes[names.DESTINATION] = messages[0].destination
        if len({message.partition for message in messages}) == 1 and messages[0].partition is not None:
            attributes[names.PARTITION] = str(messages[0].partition)

    context = clean(context_api.get_current())
    for key in (names.CORRELATION_ID, names.RUN_ID):
        values = {baggage.get_baggage(key, each) for each, _, _ in brought}
        if len(values) == 1 and isinstance(shared := values.pop(), str):
            context = baggage.set_baggage(key, shared, context)
    attributes |= id_attributes(context)
    parent = trace.set_span_in_context(trace.get_current_span(), context)
    name = f"process {','.join(sorted(destinations))}"
    span = tracer().start_span(name, parent, SpanKind.CONSUMER, spelled(attributes), links)
    return span, trace.set_span_in_context(span, context)


def _is_being_handled(message: Message) -> bool:
    handled = context_api.get_value(_HANDLED)
    if not isinstance(handled, tuple) or not trace.get_current_span().is_recording():
        return False
    current: Message = handled[0]
    if message.offset is not None:
        return current.identity() == message.identity()
    return bool(message.carrier) and current.carrier is message.carrier


def _attempt(endpoint: Endpoint, message: Message, event: str | None) -> int:
    group = endpoint.group or endpoint.subscription
    if message.offset is not None:
        return attempts.begin((group, message.destination, message.partition, message.offset))
    identity = event or message.message_id
    return attempts.begin((group, message.destination, identity)) if identity else 1
