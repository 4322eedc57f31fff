"""Puts a synthetic event straight onto the bus, with everything by which its chain will be found again."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote
from uuid import uuid4

from tracecheck import semconv
from tracecheck.model import Resource, Span, SpanKind, StatusCode
from tracecheck.probe.brokers import Broker
from tracecheck.probe.brokers.protocol import Outgoing, Published

SERVICE = "tracecheck"
SAMPLED = 0x01

SpanSink = Callable[[Span], None]
"""Takes the injection's producer span: the store of this process, or an exporter to a running one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """What to put onto the bus. Ids left None are made: each injection is findable by all three."""

    destination: str
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    content_type: str | None = None
    correlation_id: str | None = None
    run_id: str | None = None
    event_id: str | None = None
    parent: tuple[str, str] | None = None
    """(trace id, span id) under which the send is; None: it begins a trace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """What went onto the bus, where it went, and the producer span that says so (the anchor of its chain)."""

    system: str
    destination: str
    partition: str | None
    offset: int | None
    correlation_id: str
    run_id: str | None
    event_id: str
    span: Span


def inject(injection: Injection, broker: Broker, sink: SpanSink) -> Injected:
    """Publishes one synthetic event and hands its producer span to `sink`.

    The message carries `traceparent`, W3C baggage with the correlation and run id, and `tracecheck-event-id`
    (the wire table of DESIGN 2). A failed publish is recorded as a failed span before `BrokerUnavailable` is raised.
    """
    correlation_id = injection.correlation_id or str(uuid4())
    event_id = injection.event_id or str(uuid4())
    trace_id = injection.parent[0] if injection.parent else secrets.token_hex(16)
    span_id = secrets.token_hex(8)
    message = Outgoing(
        destination=injection.destination,
        key=injection.key,
        value=injection.value,
        headers=(
            *_without_ours(injection.headers),
            ("traceparent", f"00-{trace_id}-{span_id}-{SAMPLED:02x}".encode()),
            ("baggage", _baggage(correlation_id, injection.run_id).encode()),
            ("tracecheck-event-id", event_id.encode()),
        ),
        content_type=injection.content_type,
        message_id=event_id,
    )

    def span(start_unix_nano: int, published: Published | None, error: str = "") -> Span:
        return semconv.canonical(
            Span(
                trace_id=trace_id,
                span_id=span_id,
                parent_span_id=injection.parent[1] if injection.parent else None,
                name=f"send {injection.destination}",
                kind=SpanKind.PRODUCER,
                start_unix_nano=start_unix_nano,
                end_unix_nano=time.time_ns(),
                status=StatusCode.ERROR if error else StatusCode.UNSET,
                status_message=error,
                flags=SAMPLED,
                attributes=_attributes(broker.system, injection, correlation_id, event_id, published),
                resource=Resource(attributes={"service.name": SERVICE}, scope_name="tracecheck.probe"),
            )
        )

    start_unix_nano = time.time_ns()
    try:
        published = broker.publish(message)
    except Exception as fault:
        sink(span(start_unix_nano, None, str(fault)))
        raise
    anchor = span(start_unix_nano, published)
    sink(anchor)
    return Injected(
        system=broker.system,
        destination=injection.destination,
        partition=published.partition,
        offset=published.offset,
        correlation_id=correlation_id,
        run_id=injection.run_id,
        event_id=event_id,
        span=anchor,
    )


def inject_twice(injection: Injection, broker: Broker, sink: SpanSink) -> tuple[Injected, Injected]:
    """Publishes one event twice, as a producer that retries does: two messages, one event id and correlation id.

    Both sends are in one chain, under a span that is its origin, so that `duplicate_send` and `duplicate_effect` are
    found in it, and told apart from a message that was delivered twice.
    """
    origin = (secrets.token_hex(16), secrets.token_hex(8))
    once = replace(
        injection,
        correlation_id=injection.correlation_id or str(uuid4()),
        event_id=injection.event_id or str(uuid4()),
        parent=origin,
    )
    start_unix_nano = time.time_ns()
    try:
        return inject(once, broker, sink), inject(once, broker, sink)
    finally:
        sink(_twice(once, origin, start_unix_nano))


def _twice(injection: Injection, origin: tuple[str, str], start_unix_nano: int) -> Span:
    ids = {"correlation.id": injection.correlation_id, "tracecheck.run.id": injection.run_id}
    return semconv.canonical(
        Span(
            trace_id=origin[0],
            span_id=origin[1],
            name=f"inject {injection.destination} twice",
            kind=SpanKind.INTERNAL,
            start_unix_nano=start_unix_nano,
            end_unix_nano=time.time_ns(),
            flags=SAMPLED,
            attributes={name: value for name, value in ids.items() if value is not None},
            resource=Resource(attributes={"service.name": SERVICE}, scope_name="tracecheck.probe"),
        )
    )


def _without_ours(headers: tuple[tuple[str, bytes], ...]) -> tuple[tuple[str, bytes], ...]:
    ours = {"traceparent", "tracestate", "baggage", "tracecheck-event-id"}
    return tuple((name, value) for name, value in headers if name.lower() not in ours)


def _baggage(correlation_id: str, run_id: str | None) -> str:
    entries = {"correlation.id": correlation_id, **({"tracecheck.run.id": run_id} if run_id else {})}
    return ",".join(f"{key}={quote(value, safe='')}" for key, value in entries.items())


def _attributes(
    system: str, injection: Injection, correlation_id: str, event_id: str, published: Published | None
) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {
        "messaging.system": system,
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": injection.destination,
        "messaging.message.id": event_id,
        "messaging.message.conversation_id": correlation_id,
        "correlation.id": correlation_id,
    }
    if injection.run_id:
        attributes["tracecheck.run.id"] = injection.run_id
    if injection.key is not None:
        attributes["messaging.kafka.message.key"] = injection.key.decode(errors="replace")
    if published and published.partition is not None:
        attributes["messaging.destination.partition.id"] = published.partition
    if published and published.offset is not None:
        attributes["messaging.kafka.offset"] = published.offset
    return attributes
