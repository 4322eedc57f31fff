"""What the Kafka clients share: their records, the span of a fetch of many, the memory of who fetched from where.

A fetch of one message has no span of its own; the process span says all there is to say about it.
"""

from collections.abc import Sequence
from typing import Any

from opentelemetry.trace import SpanKind

from tracecheck_instrumentation import names
from tracecheck_instrumentation.conventions import spelled
from tracecheck_instrumentation.handling import message_link
from tracecheck_instrumentation.messages import Endpoint, Message
from tracecheck_instrumentation.tracing import tracer

MAX_PARTITIONS = 10_000
"""Partitions whose fetching group is remembered; beyond them all are learned anew, by the next fetch of each."""


def message_of(record: Any) -> Message:
    """Return a `ConsumerRecord` (kafka-python's, aiokafka's) as a message."""
    time_ms = record.timestamp
    return Message(
        destination=record.topic,
        carrier=record.headers,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        body_size=record.serialized_value_size,
        tombstone=record.value is None and record.serialized_value_size < 0,
        time_unix_nano=time_ms * 1_000_000 if time_ms is not None and time_ms >= 0 else None,
    )


def remember(endpoint: Endpoint, message: Message) -> None:
    """Note that `endpoint` fetched from this message's partition, for `endpoint_of`."""
    place = (message.destination, message.partition)
    if len(_fetched_by) >= MAX_PARTITIONS and place not in _fetched_by:
        _fetched_by.clear()
    known = _fetched_by.setdefault(place, endpoint)
    if known is not endpoint and known is not None:
        _fetched_by[place] = endpoint if known.group == endpoint.group else None


def endpoint_of(message: Message, group: str | None) -> Endpoint:
    """Return who fetched from this message's partition, if that is one group only; `group` is the caller's word."""
    known = _fetched_by.get((message.destination, message.partition))
    if known is None or (group is not None and known.group != group):
        return Endpoint(system="kafka", group=group)
    return known


def fetched(endpoint: Endpoint, messages: Sequence[Message], started_unix_nano: int) -> None:
    """Record a fetch of `messages`: a client span, with a link and an identity for each."""
    for message in messages:
        remember(endpoint, message)
    attributes = endpoint.attributes("poll")
    attributes |= {names.OPERATION_TYPE: "receive", names.BATCH_COUNT: len(messages)}
    destinations = sorted({message.destination for message in messages})
    if len(destinations) == 1:
        attributes[names.DESTINATION] = destinations[0]
    links = [link for message in messages if (link := message_link(message))]
    name = f"poll {','.join(destinations)}"
    tracer().start_span(name, None, SpanKind.CLIENT, spelled(attributes), links, start_time=started_unix_nano).end()


_fetched_by: dict[tuple[str, int | None], Endpoint | None] = {}
"""None where several groups in this process fetch from a partition, so that a record alone cannot tell."""
