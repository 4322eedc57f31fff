"""How the time of a chain divides per hop, and which clocks disagree. Nothing is ever moved or clamped."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tracecheck.model import Chain, Hop, Span, SpanKind

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HopTiming:
    """One hop's times, in nanoseconds; None where the spans do not say.

    `transit_ns`: producer's end to the first attempt (may be negative: the send ends at the broker's acknowledgement).
    `queue_ns`: the record's own time to the first attempt. `processing_ns`: the deciding attempt. `forwarding_ns`:
    start of the deciding attempt to the first send it made.
    """

    hop: Hop
    transit_ns: int | None
    queue_ns: int | None
    processing_ns: int | None
    forwarding_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSkew:
    """Consumers on one host that began before their producers on another did.

    The clocks differ by `at_least_ns` or more: the consumer's is behind. Hosts are `host.name`, else the service.
    """

    producer_host: str
    consumer_host: str
    hops: int
    at_least_ns: int


def timings(chain: Chain) -> tuple[HopTiming, ...]:
    """The times of every hop of a chain, in the order of its hops."""
    spans = {span.key: span for span in chain.spans}
    sends = _first_sends(chain)
    return tuple(_timing(hop, spans, sends) for hop in chain.hops)


def clock_skews(chains: Iterable[Chain]) -> tuple[ClockSkew, ...]:
    """Host pairs whose clocks disagree, by the hops in which a process span starts before its producer started."""
    early: dict[tuple[str, str], list[int]] = defaultdict(list)
    for chain in chains:
        spans = {span.key: span for span in chain.spans}
        for hop in chain.hops:
            if "clock_skew" not in hop.findings or hop.producer is None or not hop.attempt_spans:
                continue
            first = hop.attempt_spans[0]
            hosts = [_host(spans.get((s.trace_id, s.span_id)), s.service) for s in (hop.producer, first)]
            early[hosts[0], hosts[1]].append(hop.producer.start_unix_nano - first.start_unix_nano)
    return tuple(
        ClockSkew(producer_host=producer, consumer_host=consumer, hops=len(found), at_least_ns=max(found))
        for (producer, consumer), found in sorted(early.items())
    )


def _timing(hop: Hop, spans: dict[Key, Span], sends: dict[Key, int]) -> HopTiming:
    queue_ns = forwarding_ns = None
    if hop.consumer is not None:
        first = spans.get((hop.attempt_spans[0].trace_id, hop.attempt_spans[0].span_id))
        recorded = first.messaging.record_time_unix_nano if first and first.messaging else None
        queue_ns = first.start_unix_nano - recorded if first and recorded is not None else None
        sent = sends.get((hop.consumer.trace_id, hop.consumer.span_id))
        forwarding_ns = sent - hop.consumer.start_unix_nano if sent is not None else None
    return HopTiming(
        hop=hop,
        transit_ns=hop.transit_ns,
        queue_ns=queue_ns,
        processing_ns=hop.processing_ns,
        forwarding_ns=forwarding_ns,
    )


def _first_sends(chain: Chain) -> dict[Key, int]:
    """Consumer span -> start of the first producer span below it, before any other consumer span."""
    parent = {edge.effect: edge.cause for edge in chain.edges if edge.via == "parent" and not edge.is_message}
    consumers = {edge.effect for edge in chain.edges if edge.is_message}
    first: dict[Key, int] = {}
    for span in chain.spans:  # by start, so the first found is the first sent
        if span.kind is not SpanKind.PRODUCER:
            continue
        at, seen = parent.get(span.key), {span.key}
        while at is not None and at not in consumers and at not in seen:
            seen.add(at)
            at = parent.get(at)
        if at in consumers and at is not None:
            first.setdefault(at, span.start_unix_nano)
    return first


def _host(span: Span | None, service: str) -> str:
    return (span.host if span else None) or service
