"""What the RabbitMQ clients share: how a message is named, where its headers are, how a published one is dressed.

A destination has one name on both sides, `exchange:routing_key`, or the routing key alone with the default exchange,
where it is the queue. The queue a message was taken from is its subscription.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from tracecheck_instrumentation import names, sending
from tracecheck_instrumentation.messages import Endpoint, Message
from tracecheck_instrumentation.sending import Sending, start_send
from tracecheck_instrumentation.tracing import tracer


@lru_cache(maxsize=256)
def rabbit(address: str | None, port: int | None, queue: str | None = None) -> Endpoint:
    """Return who talks to RabbitMQ, taking from `queue`."""
    return Endpoint(system="rabbitmq", server_address=address, server_port=port, subscription=queue)


def message_of(
    exchange: str | None, routing_key: str | None, properties: Any, body: Any, *, redelivered: bool = False
) -> Message:
    """Return an AMQP message. `properties` has `headers`, `message_id`, `correlation_id` and `timestamp`."""
    headers: Mapping[str, Any] = properties.headers or {}
    message_id, timestamp = properties.message_id, properties.timestamp
    deliveries = headers.get("x-delivery-count") if headers else None
    return Message(
        f"{exchange}:{routing_key}" if exchange else routing_key or "",
        _with_correlation(headers, properties.correlation_id),
        has_own_id=True,
        message_id=message_id if message_id and isinstance(message_id, str) else None,
        body_size=len(body) if isinstance(body, (bytes, str)) else None,
        time_unix_nano=None if timestamp is None else _unix_nano(timestamp),
        delivered_before=int(redelivered) if deliveries is None else max(_count(deliveries), int(redelivered)),
        extra={names.ROUTING_KEY: routing_key} if routing_key else {},
    )


def publish(endpoint: Endpoint, message: Message) -> tuple[Sending, dict[str, Any]]:
    """Open the send of `message`; return it and the headers to publish with."""
    opened, kept = start_send(tracer(), endpoint, message)
    return opened, {**{str(name): value for name, value in kept}, **dict(opened.headers())}


def correlation_property(opened: Sending) -> str | None:
    """Return what to put into an empty AMQP `correlation_id`, if it was asked for."""
    if not sending.write_correlation_header:
        return None
    return dict(opened.own_headers).get(names.CORRELATION_HEADER)


def _with_correlation(headers: Mapping[str, Any], correlation_id: object) -> Mapping[str, Any]:
    if not isinstance(correlation_id, str) or names.CORRELATION_HEADER in headers:
        return headers
    return {**headers, names.CORRELATION_HEADER: correlation_id}


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _unix_nano(timestamp: object) -> int | None:
    if isinstance(timestamp, datetime):
        return int(timestamp.timestamp()) * 1_000_000_000
    if isinstance(timestamp, int) and timestamp > 0:
        return timestamp * 1_000_000_000
    return None
