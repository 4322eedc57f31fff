"""Spans in their total order, with parents, links and what each messaging span says (`10_unique`, `20_roles`)."""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from tracecheck.model import Link, Operation, Span, SpanKind, StatusCode

NEVER = 2**63 - 1
"""Instants are clamped here, as in the store's columns."""

_PRODUCING = (Operation.CREATE, Operation.SEND)
_CONSUMING = (Operation.RECEIVE, Operation.PROCESS)
_PUT_BACK = "put back to be tried again"
"""The error of an attempt that sent its own message again, and said of none."""

_NAMED_BY_QUEUE = re.compile(r"(?P<queue>[^<(].*) (process|receive)", re.DOTALL)

_SENT = ("send", "publish", "produce")
"""How a span is named that sends."""

_OWN_WORK = (SpanKind.UNSPECIFIED, SpanKind.INTERNAL, SpanKind.SERVER)
_ROOT_KINDS = (SpanKind.UNSPECIFIED, SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.PRODUCER)


@dataclass(frozen=True, slots=True)
class Handler:
    """What runs below a receive span once that has ended; of several spans together, the last says how it went."""

    start_unix_nano: int
    end_unix_nano: int
    name: str
    failed: bool
    message: str


@dataclass(slots=True)
class Said:
    """What one messaging span says; of a message, also what the spans folded into it know. A constant is no id."""

    n: int
    role: str
    span: Span
    service: str
    correlation_id: str | None
    failed: bool
    system: str | None = None
    destination: str | None = None
    group: str | None = None
    partition: str | None = None
    offset: int | None = None
    message_id: str | None = None
    event_id: str | None = None
    batch_count: int | None = None
    retry_of: str | None = None
    handler: Handler | None = None
    is_put_back: bool = False
    """It did not fail itself, but sent its message again."""

    @property
    def error(self) -> str | None:
        """What its failure said; None if it did not fail."""
        if self.is_put_back:
            return _PUT_BACK
        if not self.failed or self.span.status is StatusCode.ERROR or self.handler is None:
            return self.span.status_message if self.failed else None
        return self.handler.message

    @property
    def id(self) -> str | None:
        """The event id, else the system's own id."""
        return self.message_id if self.event_id is None else self.event_id

    @property
    def of_one(self) -> bool:
        """It speaks of one message, as far as it says."""
        return self.batch_count is None or self.batch_count <= 1


@dataclass(slots=True)
class Facts:
    """Spans by number: an earlier span (by start, then the longer, then by ids) has a smaller one."""

    spans: list[Span]
    constants: Container[str]
    at: dict[tuple[str, str], int]
    parent: list[int | None]
    links: dict[int, list[tuple[Link, int | None]]]
    producers: dict[int, Said] = field(default_factory=dict)
    consumers: dict[int, Said] = field(default_factory=dict)
    linked: set[int] = field(default_factory=set)
    """Spans with a link to a stored span."""

    def said(self, n: int) -> Said | None:
        """What a span says of messages; None if it is no messaging span."""
        return self.producers.get(n) or self.consumers.get(n)

    def targets(self, n: int) -> Iterator[int]:
        """The stored spans that a span links to, itself left out."""
        return (target for _, target in self.links.get(n, ()) if target is not None and target != n)

    def begins_trace(self, n: int) -> bool:
        """A root that its service may have begun while handling something: no server, no consumer, no links."""
        span = self.spans[n]
        return (
            span.parent_span_id is None
            and n not in self.links
            and n not in self.consumers
            and span.kind in _ROOT_KINDS
            and span.correlation_id is not None
            and span.correlation_id not in self.constants
        )


def facts_of(spans: Iterable[Span], constants: Container[str]) -> Facts:
    """Numbers the spans. Of those under one id, the first in (start, order given) stands for all."""
    first: dict[tuple[str, str], Span] = {}
    for span in sorted(spans, key=lambda each: each.start_unix_nano):
        first.setdefault((span.trace_id, span.span_id), span)
    ordered = sorted(first.values(), key=_order)
    at = {(span.trace_id, span.span_id): n for n, span in enumerate(ordered)}
    facts = Facts(
        spans=ordered,
        constants=constants,
        at=at,
        parent=[
            None if span.parent_span_id is None else at.get((span.trace_id, span.parent_span_id)) for span in ordered
        ],
        links={
            n: [(link, at.get((link.trace_id, link.span_id))) for link in span.links]
            for n, span in enumerate(ordered)
            if span.links
        },
    )
    facts.linked = {n for n, links in facts.links.items() if any(target is not None for _, target in links)}
    for n, span in enumerate(ordered):
        role = role_of(span)
        if role is not None:
            side = facts.producers if role in ("create", "send") else facts.consumers
            side[n] = _said(n, role, span, constants)
    _promote(facts)
    _handle(facts)
    return facts


def _promote(facts: Facts) -> None:
    """A CLIENT span that says nothing of messages, and is named as the send of what a consumer directly below it
    consumed, sent that message."""
    found: dict[int, Said] = {}
    for n, below in facts.consumers.items():
        above = facts.parent[n]
        if above is None or above in found or below.destination is None or facts.said(above) is not None:
            continue
        span, place = facts.spans[above], below.destination.lower()
        is_open = span.kind is SpanKind.CLIENT and (span.messaging is None or span.messaging.operation is None)
        if is_open and span.name.lower() in {name for w in _SENT for name in (f"{w} {place}", f"{place} {w}")}:
            said = found[above] = _said(above, "send", span, facts.constants)
            system = None if span.messaging is None else span.messaging.system
            said.system, said.destination = below.system if system is None else system, below.destination
    if found:
        facts.producers = dict(sorted((facts.producers | found).items()))


def _handle(facts: Facts) -> None:
    """Finds the handlers of receive spans: what begins below one, in its service, when it has ended, and is no
    message span or call."""
    below: dict[int, list[Span]] = {}
    for n, above in enumerate(facts.parent):
        receive = None if above is None else facts.consumers.get(above)
        if receive is None or receive.role != "receive" or facts.said(n) is not None:
            continue
        span = facts.spans[n]
        is_after = min(span.start_unix_nano, NEVER) >= min(receive.span.end_unix_nano, NEVER)
        if is_after and span.kind in _OWN_WORK and span.service == receive.service:
            below.setdefault(receive.n, []).append(span)
    for n, spans in below.items():
        receive, last = facts.consumers[n], spans[-1]
        receive.handler = Handler(
            start_unix_nano=min(min(span.start_unix_nano, NEVER) for span in spans),
            end_unix_nano=max(min(span.end_unix_nano, NEVER) for span in spans),
            name=last.name,
            failed=last.status is StatusCode.ERROR,
            message=last.status_message,
        )
        receive.failed = receive.failed or receive.handler.failed


def _order(span: Span) -> tuple[int, int, str, str]:
    return (min(span.start_unix_nano, NEVER), -min(span.end_unix_nano, NEVER), span.trace_id, span.span_id)


def role_of(span: Span) -> str | None:
    """`create` and `send` produce, `receive` and `process` consume; None for any other span."""
    messaging = span.messaging
    operation = None if messaging is None else messaging.operation
    if operation in _PRODUCING:
        return "receive" if span.kind is SpanKind.CONSUMER else operation.value
    if operation in _CONSUMING:
        return operation.value
    if operation is not None:
        return None
    if span.kind is SpanKind.PRODUCER:
        return "send"
    if span.kind is SpanKind.CONSUMER:
        return "process" if messaging is not None and messaging.destination is not None else "receive"
    return None


def _queue(span: Span) -> str | None:
    """The queue that a consumer of RabbitMQ is named by, where its attributes tell only the exchange or the key."""
    said = span.messaging
    if said is None or said.system != "rabbitmq" or said.destination is None or span.kind is not SpanKind.CONSUMER:
        return None
    named = _NAMED_BY_QUEUE.fullmatch(span.name)
    return named["queue"] if named and named["queue"] not in said.destination.split(":") else None


def _said(n: int, role: str, span: Span, constants: Container[str]) -> Said:
    correlation = span.correlation_id
    said = Said(
        n=n,
        role=role,
        span=span,
        service=span.service,
        correlation_id=None if correlation is None or correlation in constants else correlation,
        failed=span.status is StatusCode.ERROR,
    )
    if (messaging := span.messaging) is not None:
        said.system, said.destination = messaging.system, messaging.destination
        said.group = _queue(span) if messaging.consumer_group is None else messaging.consumer_group
        identity = messaging.identity
        said.partition, said.offset, said.message_id = identity.partition, identity.offset, identity.message_id
        said.event_id, said.batch_count, said.retry_of = messaging.event_id, messaging.batch_count, messaging.retry_of
    return said
